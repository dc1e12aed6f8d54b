"""``spritecodec decode``."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from spritecodec.cli.common import (
    JSON,
    OVERWRITE,
    SOURCE_SPR,
    Progress,
    closing_line,
    tell,
    warn,
    write_json,
)
from spritecodec.cli.spans import span_options

if TYPE_CHECKING:
    from spritecodec.delivery import Purpose
    from spritecodec.formats.video.sound_choice import WrittenSound
    from spritecodec.reader import Size
    from spritecodec.span import Span

EPILOG = """\b
Examples:
  spritecodec decode game.spr game.mp4
  spritecodec decode game.spr game.mkv --lossless
  spritecodec decode game.spr big.gif --scale 3
  spritecodec decode game.spr small.gif --fps 25 --loop 1
  spritecodec decode game.spr small.webp --estimate    # about how many bytes
  spritecodec decode big.spr small.mkv --native    # pixels as the game drew them
  spritecodec decode game.spr frames/              # a folder of PNG files
  spritecodec decode game.spr part.mp4 --from 0:01.5 --to 0:11.5
  spritecodec decode game.spr game.webm --audio none
  spritecodec decode game.spr game.wav             # the sound alone
  spritecodec decode game.spr game.mp4 --for upload
  spritecodec decode game.spr - --format mkv | mpv -    # with its sound
  spritecodec decode game.spr - | ffplay -         # y4m through a pipe
  spritecodec decode game.spr - --format framemd5  # one hash a frame
"""


# More than eight arguments: click hands each option over as one.
@click.command(epilog=EPILOG, short_help="Turn a .spr file into a video, pictures or a pipe.")
@SOURCE_SPR
@click.argument("target", type=click.Path(allow_dash=True))
@click.option("--lossless", is_flag=True, help="Store exact RGB; fewer players show that.")
@click.option("--native", is_flag=True, help="At the size before the source was scaled up.")
@click.option("--as-source", is_flag=True, help="As large as the source that was encoded.")
@click.option("--scale", type=click.IntRange(1, 64), default=1, help="Enlarge, nearest neighbour.")
@click.option(
    "--format",
    metavar="NAME",
    help="mp4, mov, mkv, webm, nut, gif, apng, webp, png, wav (sound), y4m, rawrgb or framemd5; "
    "by default what the target's name says.",
)
@click.option(
    "--audio",
    type=click.Choice(["auto", "copy", "aac", "opus", "flac", "none"]),
    default="auto",
    show_default=True,
    help="The sound: what players of the format play, as it is stored, another codec, or none.",
)
@click.option(
    "--for",
    "purpose",
    type=click.Choice(["upload"]),
    help="What video sites keep best: an mp4, enlarged to at least 1440 lines, with AAC.",
)
@span_options
@click.option("--fps", metavar="N", help="Show frames at even times, so many a second.")
@click.option(
    "--loop",
    type=click.IntRange(0),
    default=0,
    help="How often a GIF, APNG or WebP is played; 0, which is the default, for ever.",
)
@click.option(
    "--estimate", is_flag=True, help="Say how large a GIF, APNG or WebP will be; no more."
)
@OVERWRITE
@JSON
def command(
    source: str,
    target: str,
    lossless: bool,
    native: bool,
    as_source: bool,
    scale: int,
    format: str | None,
    audio: WrittenSound,
    purpose: Purpose | None,
    span: Span,
    fps: str | None,
    loop: int,
    estimate: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Decode FILE.spr to TARGET: a video file, a folder for PNG files, or - for a pipe.

    FILE.spr may be - for standard input. GIF shows at most 50 frames a second, so faster clips get
    50, evenly; --fps takes the nearest rate that the format can keep even. Before a GIF, APNG or
    WebP of more than a few frames is written, its size is estimated.
    """
    from spritecodec.cli.animation import tell_size
    from spritecodec.decode import decode
    from spritecodec.frame_sources import parse_rate

    if native and as_source:
        raise click.UsageError("--native and --as-source exclude one another; name one of them")
    if as_json and target == "-":
        raise click.UsageError("--json and the target - both want standard output")
    rate = None if fps is None else parse_rate(fps)
    size: Size = "native" if native else "source" if as_source else "auto"
    shown = {"fps": rate, "size": size, "scale": scale, "start": span.start, "stop": span.stop}
    if tell_size(source, target, format, shown, estimate, overwrite, as_json):
        return
    with Progress("Decoding") as progress:
        report = decode(
            source,
            target,
            overwrite=overwrite,
            lossless=lossless,
            size=size,
            scale=scale,
            format=format,
            start=span.start,
            stop=span.stop,
            audio=audio,
            purpose=purpose,
            fps=rate,
            loop=loop,
            progress=progress,
        )
    for note in report.notes:
        warn(note)
    if report.truncated:
        warn("the file is cut short or damaged at its end; these are the frames up to there")
    if as_json:
        write_json(asdict(report) | {"lossless": report.quality == math.inf})
        return
    if not report.frames:
        click.echo(f"the sound is in {target}")
        return
    line = closing_line(
        frames=report.frames,
        seconds=report.seconds,
        size=report.size,
        bitrate=report.bitrate,
        bits_per_pixel=report.bits_per_pixel,
        quality=report.quality,
    )
    if target == "-":
        tell(line)
    else:
        click.echo(line)
