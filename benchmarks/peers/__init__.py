"""The same program for other tools, each in the harness that it asks for. These run without unblink."""
