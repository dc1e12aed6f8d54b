"""``spritecodec verify``."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import click

from spritecodec.cli.common import JSON, SOURCES_SPR, Progress, decibels
from spritecodec.cli.many import each_file
from spritecodec.errors import SpritecodecError
from spritecodec.reader import Reader
from spritecodec.reader import open as open_reader

# A stated PSNR is rounded; a measured one may be this much lower, in dB.
TOLERANCE = 0.01

EPILOG = """\b
Examples:
  spritecodec verify game.spr
  spritecodec verify game.spr --against game.mp4
  spritecodec verify spr/*.spr other/            # one line a file; 1 where any is damaged
One hash a frame, as ffmpeg's framemd5 writes them, comes from
  spritecodec decode game.spr - --format framemd5
"""


@click.command(epilog=EPILOG, short_help="Check a .spr file, also against its source.")
@SOURCES_SPR
@click.option(
    "--against",
    metavar="SOURCE",
    type=click.Path(allow_dash=True),
    help="Compare every frame with this video; the file must keep the quality it states.",
)
@JSON
def command(sources: tuple[str, ...], against: str | None, as_json: bool) -> None:
    """Check every checksum in each FILE.spr and decode all of it.

    A folder stands for all .spr files in it. Of several files, all are checked, and the command
    exits with 1 where any is damaged. With --against, exits with 1 where the file is not what it
    claims to be.
    """
    if against is not None and len(sources) > 1:
        raise click.UsageError("--against compares one file with its source; name one file")
    each_file(sources, lambda source: _verify(source, against, as_json), as_json)


def _verify(source: str, against: str | None, as_json: bool) -> dict[str, Any] | None:
    """Check one file, and print a line about it, or return the facts for JSON."""
    with open_reader(source) as reader:
        with Progress("Verifying") as progress:
            found = reader.verify(progress)
        facts: dict[str, Any] = asdict(found) | {
            "claim": reader.head.quality,
            "claims_lossless": reader.head.lossless,
        }
        line = f"{reader.name} is sound: {found.frames:,} frames, MD5 of their pixels {found.md5}"
        if against is not None:
            facts |= _compare(reader, against)
            line += f"; {facts['identical']:,} frames identical to {against}, "
            line += decibels(facts["psnr"])
    if as_json:
        return facts
    click.echo(line)
    return None


def _compare(reader: Reader, against: str) -> dict[str, Any]:
    """Measure the frames against the source; complain where a claim is not kept."""
    from spritecodec.formats.video.video_in import open_clip
    from spritecodec.metrics import psnr_from_mse, squared_error

    clip = open_clip(against)
    if (clip.width, clip.height) != (reader.width, reader.height):
        raise SpritecodecError(
            f"{reader.name} is {reader.width}x{reader.height}, "
            f"{clip.name} is {clip.width}x{clip.height}"
        )
    errors: list[int] = []
    with Progress("Comparing") as progress:
        for piece in clip.pieces():
            for frame in piece.frames:
                t = len(errors)
                error = squared_error(reader.frame(t), frame) if t < len(reader) else 0
                if error and reader.head.lossless:
                    raise SpritecodecError(
                        f"{reader.name} claims to be lossless, but its frame {t} differs from "
                        f"that of {clip.name}"
                    )
                errors.append(error)
                progress(t + 1, len(reader))
    if len(errors) != len(reader):
        raise SpritecodecError(
            f"{reader.name} has {len(reader)} frames, {clip.name} has {len(errors)}"
        )
    pixels = 3 * reader.width * reader.height
    quality = psnr_from_mse(sum(errors) / (len(errors) * pixels))
    claim = reader.head.quality
    if claim is not None and quality < claim - TOLERANCE:
        raise SpritecodecError(
            f"{reader.name} claims a PSNR of {claim:.2f} dB, but it has {quality:.2f} dB "
            f"against {clip.name}"
        )
    worst = max(range(len(errors)), key=errors.__getitem__)
    return {
        "psnr": quality,
        "identical": errors.count(0),
        "worst_frame": worst,
        "worst_psnr": psnr_from_mse(errors[worst] / pixels) if errors[worst] else math.inf,
    }
