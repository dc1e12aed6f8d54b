"""``spritecodec encode``."""

from __future__ import annotations

import contextlib
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spritecodec.cli.common import (
    JSON,
    OVERWRITE,
    Progress,
    closing_line,
    interrupted,
    tell,
    warn,
    write_json,
)
from spritecodec.cli.many import Many, encode_many, many_options
from spritecodec.cli.spans import span_options
from spritecodec.errors import SettingsError

if TYPE_CHECKING:
    from spritecodec.formats.video.sound_choice import KeptSound
    from spritecodec.segment_encoder import Quality
    from spritecodec.span import Span

PRESETS = ("fast", "default", "slow", "paper")

EPILOG = """\b
Examples:
  spritecodec encode game.mp4 game.spr
  spritecodec encode game.mp4 game.spr --preset fast
  spritecodec encode cartoon.webm cartoon.spr --psnr 38
  spritecodec encode frames/ game.spr --fps 30     # a folder of pictures
  spritecodec encode old.spr new.spr --preset slow # a .spr file anew
  emulator | spritecodec encode - game.spr --raw 256x240@60:rgb24
  spritecodec encode game.mkv part.spr --from 0:01.5 --to 0:11.5
  spritecodec encode game.mkv game.spr --audio opus
  spritecodec encode big.mkv game.spr --native 256x240
  spritecodec encode recording.mp4 game.spr --native 256x240 --palette nes
  spritecodec encode game.mp4 game.spr --preset slow --keep work
  spritecodec encode game.mp4 game.spr --preset slow --keep work --resume
  spritecodec encode a.mkv b.mkv more/ --into spr --jobs 4 --keep-going --report spr.html
  spritecodec encode a.mkv b.mkv more/ --into spr --skip-existing   # goes on after a stop
  spritecodec encode list.csv --into spr           # a manifest
  ffmpeg -i game.mp4 -f yuv4mpegpipe - | spritecodec encode - game.spr
  torchrun --nproc-per-node 2 -m spritecodec.cli encode game.mp4 game.spr   # on two GPUs
"""


# More than eight arguments: click hands each option over as one.
@click.command(epilog=EPILOG, short_help="Turn a video into a .spr file.")
@click.argument("paths", metavar="SOURCE... [FILE.spr]", nargs=-1, type=click.Path(allow_dash=True))
@click.option("--lossless", is_flag=True, help="Every frame exactly as the source's RGB.")
@click.option("--psnr", type=float, metavar="DB", help="At least this PSNR over the clip.")
@click.option("--base", is_flag=True, help="The sprites alone, whatever they leave out.")
@click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default="default",
    show_default=True,
    help="How long to look for sprites.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    show_default=True,
    help="Where to train.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of all random choices.")
@click.option(
    "--keep",
    metavar="FOLDER",
    type=click.Path(file_okay=False),
    help="Keep checkpoints, log and pictures of the training there.",
)
@click.option("--resume", is_flag=True, help="Go on from where an interrupted run stopped.")
@click.option("--native", metavar="WxH", help="The size before the source was scaled up.")
@click.option(
    "--kernel",
    type=click.Choice(["nearest", "area", "bilinear", "bicubic", "lanczos"]),
    help="How a lossy recording was scaled up from its native size.",
)
@click.option(
    "--palette",
    metavar="NAME|FILE",
    help="Colours of a recorded game: a console such as nes, a picture, or a .hex, .gpl or .pal.",
)
@click.option(
    "--matrix",
    type=click.Choice(["bt601", "bt709"]),
    help="How a lossy recording was made from RGB, whatever it says.",
)
@click.option(
    "--restore/--no-restore",
    default=None,
    help="Store the game behind a lossy or enlarged recording, or fail; or the recording as it is.",
)
@click.option(
    "--audio",
    type=click.Choice(["flac", "copy", "opus", "none"]),
    default="flac",
    show_default=True,
    help="The sound: plain samples as FLAC and others as they are, all as it is, or Opus.",
)
@click.option("--fps", metavar="RATE", help="Frames a second of a folder of pictures; else 60.")
@click.option(
    "--raw",
    metavar="WxH@RATE:FORMAT",
    help="What bare frames are, for example 256x240@60:rgb24 (formats as FFmpeg calls them).",
)
@span_options
@many_options
@OVERWRITE
@JSON
def command(
    paths: tuple[str, ...],
    lossless: bool,
    psnr: float | None,
    base: bool,
    preset: str,
    device: str,
    seed: int,
    keep: str | None,
    resume: bool,
    native: str | None,
    kernel: str | None,
    palette: str | None,
    matrix: str | None,
    restore: bool | None,
    audio: KeptSound,
    fps: str | None,
    raw: str | None,
    span: Span,
    many: Many,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Encode SOURCE, a video or a folder of pictures, to FILE.spr; either may be -.

    With --into, encode many: videos, folders of videos, globs, and manifests, which are CSV files
    with the columns source, target, quality, preset, native, kernel, palette, matrix and restore,
    of which only source must be there. Exits with 1 where any of them failed.

    Unless --lossless, --psnr or --base says otherwise, sources with exact pixels are kept
    lossless. Where a lossy recording shows a game of few colours, the game's own frames are
    restored and stored; other lossy sources are kept at 40 dB. Sources that were scaled up are
    stored at the size that they had before; decode gives either size.
    """
    from spritecodec.encode import encode
    from spritecodec.formats.atomic import temporary
    from spritecodec.formats.video.video_in import open_clip
    from spritecodec.model.distributed import Ranks

    options: dict[str, Any] = {
        "quality": _quality(lossless, psnr, base),
        "preset": preset,
        "device": device,
        "seed": seed,
        "overwrite": overwrite,
        "keep": keep,
        "resume": resume,
        "native": _size(native),
        "kernel": kernel,
        "palette": palette,
        "matrix": matrix,
        "restore": restore,
        "audio": audio,
        "start": span.start,
        "stop": span.stop,
        "frame_rate": fps,
    }
    if many.into is not None:
        encode_many(paths, many, options | {"raw": raw}, as_json)
        return
    source, target = many.pair(paths)
    if as_json and target == "-":
        raise click.UsageError("--json and the target - both want standard output")
    with contextlib.ExitStack() as stack:
        file = Path(target)
        if target == "-":
            # What goes into a pipe cannot be read back and verified, so a file is made first.
            purpose = "the file cannot be made that standard output gets"
            file = stack.enter_context(temporary(purpose, folder=True)).path / "out.spr"
        progress = stack.enter_context(Progress("Encoding"))
        try:
            report = encode(
                source if raw is None else open_clip(source, raw=raw),
                file,
                **options,
                progress=progress.stage,
            )
        except KeyboardInterrupt as e:
            progress.wipe()
            tell(
                "Interrupted; nothing was written. The same command with --resume goes on "
                "from the last checkpoint, if training had begun."
            )
            raise click.exceptions.Exit(interrupted(e)) from None
        if target == "-" and Ranks.here().first:
            with file.open("rb") as stream:
                shutil.copyfileobj(stream, sys.stdout.buffer)
    if not Ranks.here().first:
        return  # the first process reports
    for note in report.notes:
        warn(note)
    if as_json:
        write_json(asdict(report))
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


def _quality(lossless: bool, psnr: float | None, base: bool) -> Quality:
    if lossless + base + (psnr is not None) > 1:
        raise SettingsError("--lossless, --psnr and --base exclude one another; name one of them")
    if lossless:
        return "lossless"
    if base:
        return "base"
    return "auto" if psnr is None else psnr


def _size(words: str | None) -> tuple[int, int] | None:
    """``256x240`` as a pair."""
    if words is None:
        return None
    from spritecodec.batch.jobs import read_size

    try:
        return read_size(words)
    except ValueError as error:
        raise SettingsError(f"--native is {error}, not {words!r}") from error
