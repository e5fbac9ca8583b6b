"""The program as a user starts it, inside the tests' own process."""

import sys

from braggfill.commands.cli import main


def run(*arguments) -> int:
    """Run the program as its entry point does and return the exit code."""
    old, sys.argv = sys.argv, ["braggfill", *map(str, arguments)]
    try:
        main()
    except SystemExit as stop:
        return stop.code or 0
    finally:
        sys.argv = old
    return 0
