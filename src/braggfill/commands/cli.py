"""The command line: one verb for each public function. Bad input is one sentence and exit code 2."""

import signal
import sys
from typing import Annotated, Any, NoReturn

import typer

from braggfill.base.errors import InputError
from braggfill.base.stopping import obey_termination
from braggfill.base.text import as_sentence
from braggfill.commands.benchmark import benchmark
from braggfill.commands.convert import convert
from braggfill.commands.evaluate import evaluate
from braggfill.commands.fill import fill, methods
from braggfill.commands.finetune import finetune
from braggfill.commands.mask import mask
from braggfill.commands.retrieve import compare, retrieve
from braggfill.commands.shell import console, errors, say
from braggfill.commands.simulate import relax, simulate
from braggfill.commands.strain import strain
from braggfill.commands.train import train

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
UsageError: Any = typer.BadParameter.__mro__[1]
"""What the option parser raises; typer holds click's or its own, by its version."""


def tell_version(asked: bool) -> None:
    """Print the version and end."""
    if asked:
        from braggfill.base.version import __version__

        say(console, f"braggfill {__version__}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[bool, typer.Option("--version", callback=tell_version, is_eager=True, help="Tell the version.")] = False,
) -> None:
    """Fills the detector gaps of Bragg coherent diffraction patterns and says how sure it is of every voxel."""


for verb in (fill, mask, convert, evaluate, finetune, methods, retrieve, strain, compare, simulate, relax, train, benchmark):
    app.command()(verb)


def main() -> None:
    """Entry point: run the command; bad input is one sentence on the error stream and exit code 2."""
    obey_termination()
    try:
        sys.exit(app(sys.argv[1:] or ["--help"], standalone_mode=False))
    except UsageError as error:
        verb = error.ctx.command_path if error.ctx else "braggfill"
        refuse(f"{error.format_message().replace('Value error, ', '').rstrip('.')}; see: {verb} --help")
    except InputError as error:
        refuse(str(error))
    except (typer.Abort, KeyboardInterrupt):
        say(errors, "braggfill: interrupted", "red")
        sys.exit(128 + signal.SIGINT)


def refuse(sentence: str) -> NoReturn:
    """Say what was wrong with the input, and leave."""
    say(errors, f"braggfill: {as_sentence(sentence)}", "red")
    sys.exit(2)
