"""``spritecodec cut``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spritecodec.cli.common import JSON, OVERWRITE, SOURCE_SPR, Progress, tell_rearranged
from spritecodec.cli.spans import span_options

if TYPE_CHECKING:
    from spritecodec.span import Span

EPILOG = """\b
Examples:
  spritecodec cut game.spr part.spr --from 0:01.5 --to 0:11.5
  spritecodec cut game.spr start.spr --to 600f
"""


@click.command(epilog=EPILOG, short_help="Write a part of a .spr file as a .spr file.")
@SOURCE_SPR
@click.argument("target", metavar="PART.spr", type=click.Path())
@span_options
@OVERWRITE
@JSON
def command(source: str, target: str, span: Span, overwrite: bool, as_json: bool) -> None:
    """Write a part of FILE.spr to PART.spr, with its sound, and without encoding it again.

    Every frame of the part is the same as in FILE.spr, which is checked. FILE.spr may be - for
    standard input.
    """
    from spritecodec.rearrange import cut

    with Progress("Verifying") as progress:
        report = cut(source, target, span.start, span.stop, overwrite=overwrite, progress=progress)
    tell_rearranged(report, target, as_json)
