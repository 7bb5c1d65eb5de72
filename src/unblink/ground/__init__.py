"""The ground: one OS thread on which every task of an execution lives, and the C functions taken over for it.

`control` installs it and runs one execution; `sources` tells where in the program an operation stands;
`surroundings` keeps what executions must find unchanged. The C side is in native/python.
"""

from unblink.ground.control import Run, installed, is_installed, run
from unblink.ground.sources import Sources

__all__ = ["Run", "Sources", "installed", "is_installed", "run"]
