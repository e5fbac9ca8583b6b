"""``python -m braggfill``, and the script ``braggfill``, are the command line; interrupted while it loads it just ends."""

import os
import signal


def main() -> None:
    """Load the command line, which takes a second in which a person may change their mind, and run it."""
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(128 + number))  # nothing is written yet
    from braggfill.commands.cli import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
