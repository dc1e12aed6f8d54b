"""``--from`` and ``--to``, as several commands take them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from spritecodec.errors import SettingsError
from spritecodec.span import Span

HELP = "in seconds (1.5), m:s (0:01.5), h:m:s, or frames (90f)"


def span_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which gets a `Span` as its argument ``span``.

    ``--start`` and ``--stop``, in frames, are older names that still work.
    """

    @click.option("--from", "start", metavar="TIME", help=f"First moment, {HELP}.")
    @click.option("--to", "stop", metavar="TIME", help="First moment that is left out.")
    @click.option("--start", "first", type=click.IntRange(0), hidden=True)
    @click.option("--stop", "end", type=click.IntRange(1), hidden=True)
    @functools.wraps(command)
    def spanned(
        *args: Any,
        start: str | None,
        stop: str | None,
        first: int | None,
        end: int | None,
        **options: Any,
    ) -> None:
        for old, new, name in ((first, start, "from"), (end, stop, "to")):
            if old is not None and new is not None:
                raise SettingsError(f"--{name} is given twice, once in frames; leave one of them")
        span = Span(start if first is None else first, stop if end is None else end)
        command(*args, span=span, **options)

    return spanned
