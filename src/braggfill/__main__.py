"""``python -m braggfill`` is the command line."""

from braggfill.commands.cli import main

main()
