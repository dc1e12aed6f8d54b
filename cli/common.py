"""What the commands share: progress on a terminal, JSON, the closing line."""

from __future__ import annotations

import contextlib
import json
import math
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from spritecodec.progress import ProgressLine

if TYPE_CHECKING:
    from spritecodec.rearrange import RearrangeReport

SOURCE_SPR = click.argument("source", metavar="FILE.spr", type=click.Path(allow_dash=True))
SOURCES_SPR = click.argument(
    "sources", metavar="FILE.spr...", nargs=-1, required=True, type=click.Path(allow_dash=True)
)
JSON = click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs.")
OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace the target if it exists.")

# What ends the work as Ctrl-C does: a shell that closes, a service manager, a batch system.
ENDINGS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def end(number: int, frame: FrameType | None) -> None:
    """End the work in an orderly way; a handler of signals."""
    raise KeyboardInterrupt(number)


def heed_endings() -> None:
    """Let signals that would kill this process end its work instead.

    Not those that are ignored: a job in the background, or under nohup, must not be stopped.
    """
    for number in ENDINGS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, end)
    sys.unraisablehook = _say_unless_ended


def _say_unless_ended(unraisable: sys.UnraisableHookArgs) -> None:
    """Do not report a signal that came while compiled code called back: `Progress` remembers it."""
    if not isinstance(unraisable.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)


def interrupted(error: BaseException) -> int:
    """The exit code of a command that a signal ended."""
    number = error.args[0] if error.args else signal.SIGINT
    return 128 + int(number)


class Progress(ProgressLine):
    """One line on stderr that shows how far we are; see `ProgressLine`.

    In the ``with`` block, Ctrl-C always ends the work: Python drops the exception if the signal
    arrives while compiled code calls back, so it is raised again at the next call.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self._signal: int | None = None
        # Only those that would end the work, and only the main thread may set handlers.
        main = threading.current_thread() is threading.main_thread()
        own = (end, signal.default_int_handler)
        self._heeded = {n: h for n in ENDINGS if (h := signal.getsignal(n)) in own and main}

    def __enter__(self) -> Progress:
        for number in self._heeded:
            signal.signal(number, self._interrupt)
        return self

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._signal = number
        raise KeyboardInterrupt(number)

    def stage(self, what: str, done: int, total: int, words: str = "") -> None:
        """Show the progress of one of several stages; each has its own time left."""
        if self._signal is not None:
            raise KeyboardInterrupt(self._signal)
        super().stage(what, done, total, words)

    def __exit__(self, *error: object) -> None:
        for number, handler in self._heeded.items():
            signal.signal(number, handler)
        self.wipe()


def tell(line: str) -> None:
    """One line on stderr; where that is full, there is nobody to tell."""
    with contextlib.suppress(OSError):
        click.echo(line, err=True)


def warn(line: str) -> None:
    """One sentence on stderr that is not an error."""
    tell(f"Note: {line}")


def write_json(values: Mapping[str, Any]) -> None:
    """Write values as JSON on stdout; what is infinite or no number becomes null.

    The PSNR of what is lossless is such a value; the facts beside it say that it is.
    """
    click.echo(json.dumps(_plain(values), indent=2, allow_nan=False))


def tell_rearranged(report: RearrangeReport, target: str, as_json: bool) -> None:
    """Say what was cut or joined."""
    for note in report.notes:
        warn(note)
    if as_json:
        write_json(asdict(report))
        return
    click.echo(f"{report.frames:,} frames, {report.size:,} bytes: {target}")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def decibels(quality: float | None) -> str:
    """A PSNR for people."""
    if quality is None:
        return "no quality stated"
    return "lossless" if math.isinf(quality) else f"PSNR {quality:.2f} dB"


def closing_line(
    *,
    frames: int,
    seconds: float,
    size: int,
    bitrate: float,
    bits_per_pixel: float,
    quality: float | None,
) -> str:
    """What encode and decode end with."""
    speed = f" ({frames / seconds:,.1f} fps)" if seconds > 0 else ""
    return (
        f"{frames:,} frames in {seconds:.1f} s{speed}, {size:,} bytes, "
        f"{bitrate / 1000:.1f} kbit/s, {bits_per_pixel:.4f} bits/pixel, {decibels(quality)}"
    )
