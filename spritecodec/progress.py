"""A line that shows how far the work is: on terminals, in notebooks, in logs."""

from __future__ import annotations

import contextlib
import functools
import math
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

PERIOD = 10.0
"""Seconds between lines where standard error is no terminal."""
REFRESH = 0.1
"""Seconds between updates where the line replaces itself."""
BAR = 20
"""Characters of the bar."""


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def clock(seconds: float) -> str:
    """Seconds as m:ss; "?" where unknown."""
    if not math.isfinite(seconds):
        return "?"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class ProgressLine:
    """Shows on standard error how far the work is.

    On a terminal and in a notebook it is a bar that replaces itself; anywhere else, such as in a
    log, a line every `PERIOD` seconds. Call it with the work done and the work in all; leave the
    ``with`` block to wipe it.

    Parameters
    ----------
    what : str
        The work, for example ``"Encoding"``.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._notebook = in_notebook()
        self._replaces = self._notebook or sys.stderr.isatty()
        self._began = time.monotonic()
        self._last = self._began - (REFRESH if self._replaces else 0.0)
        self._length = 0

    def __call__(self, done: int, total: int, what: object = None) -> None:
        self.stage(self._what, done, total)

    def stage(self, what: str, done: int, total: int, words: str = "") -> None:
        """Show the progress of one of several stages; each has its own time left."""
        now = time.monotonic()
        if what != self._what:
            self._what, self._began = what, now
            self._last = now - REFRESH if self._replaces else self._last
        due = now - self._last >= (REFRESH if self._replaces else PERIOD)
        if not due and not (self._replaces and done >= total):
            return
        self._last = now
        left = (now - self._began) * (total - done) / done if done else math.nan
        line = f"{done:,} of {total:,}, {clock(left)} left{f'; {words}' if words else ''}"
        share = min(1.0, done / total) if total else 0.0
        if self._replaces:
            filled = round(BAR * share)
            self._replace(f"{what} {share:4.0%} [{'#' * filled:<{BAR}}] {line}")
        else:
            self._write(f"{what}: {share:.0%}, {line}\n")

    def wipe(self) -> None:
        """Remove the line."""
        if self._replaces and self._length:
            self._replace("")
            self._write("\r")

    def _replace(self, line: str) -> None:
        line = line[: shutil.get_terminal_size().columns - 1]
        # Notebooks know no command that clears a line.
        self._write(f"\r{line:<{self._length}}" if self._notebook else f"\r\x1b[K{line}")
        self._length = len(line)

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # full, or closed: there is nobody to tell
            sys.stderr.write(text)
            sys.stderr.flush()

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *error: object) -> None:
        self.wipe()


def shows_progress(
    what: str, stages: bool = False
) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Let a function take ``progress=True`` for a `ProgressLine`, and False for none.

    Parameters
    ----------
    what : str
        The work.
    stages : bool
        The function calls its progress as `ProgressLine.stage` is called.
    """

    def decorate(function: Callable[_P, _T]) -> Callable[_P, _T]:
        @functools.wraps(function)
        def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            if not isinstance(kwargs.get("progress"), bool):
                return function(*args, **kwargs)
            with ProgressLine(what) as line:
                shown: Any = line.stage if stages else line
                kwargs["progress"] = shown if kwargs["progress"] else None
                return function(*args, **kwargs)

        return wrapped

    return decorate
