"""`python -m unblink` is the command line."""

from unblink.cli import main

main()
