"""``python -m braggfill`` is the command line."""

from braggfill.cli import main

main()
