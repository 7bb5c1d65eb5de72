"""The consumer that dropped messages when nobody watched."""
