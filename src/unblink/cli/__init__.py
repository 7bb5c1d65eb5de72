"""The command line: `unblink run`, `replay`, `explain`, `demo`."""

from unblink.cli.commands import main

__all__ = ["main"]
