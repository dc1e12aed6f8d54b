"""``spritecodec join``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spritecodec.cli.common import JSON, OVERWRITE, Progress, tell_rearranged

if TYPE_CHECKING:
    from spritecodec.formats.video.sound_choice import KeptSound

EPILOG = """\b
Examples:
  spritecodec join intro.spr level-1.spr level-2.spr game.spr
  spritecodec join one.spr two.spr both.spr --audio none
"""


@click.command(epilog=EPILOG, short_help="Write .spr files one after another as one.")
@click.argument("sources", metavar="FILE.spr...", nargs=-1, required=True, type=click.Path())
@click.argument("target", metavar="ALL.spr", type=click.Path())
@click.option(
    "--audio",
    type=click.Choice(["copy", "flac", "opus", "none"]),
    default="copy",
    show_default=True,
    help="The sound: as it is, plain samples as FLAC, Opus, or none.",
)
@OVERWRITE
@JSON
def command(
    sources: tuple[str, ...], target: str, audio: KeptSound, overwrite: bool, as_json: bool
) -> None:
    """Write every FILE.spr, one after another, to ALL.spr, without encoding them again.

    Every frame is the same as before, which is checked. Sprites and backgrounds that the files
    share are written once. The files must be of one size; their sound must be of one kind, or is
    converted by --audio.
    """
    from spritecodec.rearrange import join

    with Progress("Verifying") as progress:
        report = join(sources, target, audio=audio, overwrite=overwrite, progress=progress)
    tell_rearranged(report, target, as_json)
