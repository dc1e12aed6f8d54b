"""The command line: one click command a file, each imported only when it runs."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from importlib import import_module

import click

from spritecodec.cli.common import heed_endings, interrupted, tell, warn
from spritecodec.errors import OutputError, SpritecodecError

# The commands, with their line in `spritecodec --help`. Each is the function `command` in
# the file of its name.
COMMANDS = {
    "encode": "Turn a video into a .spr file.",
    "decode": "Turn a .spr file into a video, pictures or a pipe.",
    "cut": "Write a part of a .spr file as a .spr file.",
    "join": "Write .spr files one after another as one.",
    "info": "Show what a .spr file holds and where every byte goes.",
    "verify": "Check a .spr file, also against its source.",
    "compare": "Measure PSNR, SSIM and MS-SSIM between two videos.",
    "sprites": "Draw the dictionary of sprites as one picture.",
    "labels": "Draw which sprite, track or layer shows at each pixel.",
    "page": "Make one HTML file that plays a .spr file and shows what it is made of.",
    "play": "Open that page in the browser.",
    "demo": "Encode a small clip that the package draws, and show what the file holds.",
    "analyze": "Measure what a video would gain from sprites.",
    "completion": "Write a script that completes commands in a shell.",
    "manual": "Write the manual page of all commands.",
}

# Old names, which still work, and what replaces them.
RENAMED = {"segment": "labels"}

EPILOG = """\b
Examples:
  spritecodec encode game.mp4 game.spr
  spritecodec decode game.spr game-again.mp4
  spritecodec info game.spr
  spritecodec --log info encode game.mp4 game.spr

\b
Exit codes: 0 done; 1 a check failed; 2 wrong options; 3 unusable source;
4 unwritable target; 5 something is not installed; 6 training failed;
7 damaged .spr file; 130 interrupted; 129 and 143 hung up and terminated.
"""


class _Stopped(Exception):
    """What click would answer in its own way: a signal, or a pipe whose reader has gone."""


class _Commands(click.Group):
    """A group that knows its commands' names and help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in RENAMED:
            new = RENAMED[cmd_name]
            warn(f"{cmd_name} is now called {new}; please write: spritecodec {new}")
            cmd_name = new
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"spritecodec.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = not args or args[0] in COMMANDS or args[0] in RENAMED
        if not known and not args[0].startswith("-"):
            names = ", ".join(COMMANDS)
            raise click.UsageError(f"there is no command {args[0]}; there are: {names}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, OSError) as e:
            raise _Stopped from e

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="spritecodec", prog_name="spritecodec")
@click.option(
    "--log",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="Write what is done, from this level on, to standard error.",
)
def group(log: str | None) -> None:
    """Video made of sprites: 2D games, pixel art, cartoons, in very small files."""
    if log is not None:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger = logging.getLogger("spritecodec")
        logger.addHandler(handler)
        logger.setLevel(log.upper())
        click.get_current_context().call_on_close(lambda: logger.removeHandler(handler))


def main() -> None:
    """Run the command line and exit with the code that the error class names."""
    _open_streams()
    heed_endings()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; returns the exit code. Errors become one sentence on stderr."""
    try:
        code = group.main(arguments, prog_name="spritecodec", standalone_mode=False)
        sys.stdout.flush()
    except SpritecodecError as e:
        if isinstance(e.__cause__, BrokenPipeError):
            return _stopped(e.__cause__)
        tell(f"Error: {e}")
        return e.exit_code
    except click.exceptions.Exit as e:
        return e.exit_code
    except click.ClickException as e:
        with contextlib.suppress(OSError):
            e.show()
        return e.exit_code
    except KeyboardInterrupt as e:
        return _stopped(e)
    except (_Stopped, OSError, click.Abort) as e:
        return _stopped(e.__cause__ or e)
    return code if isinstance(code, int) else 0


def _stopped(error: BaseException) -> int:
    """The exit code where a signal or the system ended a command, after saying so."""
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        tell("Interrupted; nothing was written.")
        return interrupted(error)
    assert isinstance(error, OSError)
    named = error.filename is not None
    if not named:
        # It was standard output. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return 0  # whoever read it has seen enough
    what = error.filename if named else "standard output"
    tell(f"Error: {what} cannot be read or written: {error.strerror or error}")
    return OutputError.exit_code


def _open_streams() -> None:
    """Give closed standard streams a place, so that no other file gets their numbers.

    Standard output then refuses what is written, and says so.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - to the end
