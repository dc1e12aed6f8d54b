"""``spritecodec compare``."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path

import click

from spritecodec.analysis.quality import Frame, FrameQuality, Quality, compare_frames
from spritecodec.analysis.shrink import check_factor, factor_between, shrunk
from spritecodec.analysis.sources import Source, open_source
from spritecodec.cli.common import JSON, Progress, write_json
from spritecodec.cli.spans import span_options
from spritecodec.errors import InputError, SpritecodecError
from spritecodec.formats.atomic import check_target, create
from spritecodec.reader import Size
from spritecodec.span import Span

EPILOG = """\b
Examples:
  spritecodec compare game.mp4 game.spr
  spritecodec compare game.mp4 game.spr --min-psnr 40
  spritecodec compare a.mkv b.mkv --csv frames.csv
  spritecodec compare game.mp4 game.spr --from 0:10 --to 0:20
  spritecodec compare game.spr upload.mp4 --scale auto
"""


# More than eight arguments: click hands each option over as one.
@click.command(epilog=EPILOG, short_help="Measure PSNR, SSIM and MS-SSIM between two videos.")
@click.argument("source", type=click.Path(allow_dash=True))
@click.argument("other", type=click.Path())
@click.option(
    "--scale",
    metavar="auto|N",
    help="OTHER is N times as large as SOURCE; compare both at the native size.",
)
@span_options
@click.option("--frames", type=click.IntRange(1), help="Only the first so many frames.")
@click.option("--per-frame", is_flag=True, help="Show the figures of every frame too.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Every frame, as CSV.")
@click.option("--min-psnr", type=float, help="Exit with 1 where the RGB PSNR is below, in dB.")
@JSON
def command(
    source: str,
    other: str,
    scale: str | None,
    span: Span,
    frames: int | None,
    per_frame: bool,
    csv_file: Path | None,
    min_psnr: float | None,
    as_json: bool,
) -> None:
    """Compare OTHER with SOURCE, frame by frame; each may be any video or a .spr file.

    PSNR is in RGB from the mean squared error over the whole clip, beside it the mean of
    the frames' PSNR (exact frames count as 100 dB) and the PSNR of BT.601 luma. SSIM (Wang
    2004) and MS-SSIM (Wang 2003) are means over RGB channels and frames.
    """
    if csv_file is not None:
        for read in (source, other):
            check_target(csv_file, True, read)
    size: Size = "auto" if scale is None else "native"
    with (
        open_source(source, frames, size, span) as a,
        open_source(other, frames, size, span) as b,
    ):
        factor = 1 if scale is None else _factor(a, b, scale)
        if (a.width * factor, a.height * factor) != (b.width, b.height):
            times = f", and --scale says {factor}" if scale else "; --scale compares enlarged ones"
            raise InputError(
                f"{source} is {a.width}x{a.height} and {other} is {b.width}x{b.height}; "
                f"only videos of one size can be compared{times}"
            )
        with Progress("Comparing") as progress:
            found = compare_frames(_counted(a, progress), shrunk(b, factor))
    if csv_file is not None:
        _write(csv_file, per_frame_csv(found))
    if as_json:
        facts = {k: v for k, v in asdict(found).items() if k != "frames" or per_frame}
        write_json(
            {"source": source, "other": other, "frame_count": len(found.frames)}
            | {"lossless": found.first_difference is None}
            | facts
        )
    else:
        if per_frame:
            click.echo(per_frame_csv(found), nl=False)
        for line in summary_lines(found):
            click.echo(line)
    if min_psnr is not None and found.psnr < min_psnr:
        raise SpritecodecError(
            f"{other} has a PSNR of {found.psnr:.2f} dB against {source}, "
            f"below the {min_psnr:g} dB asked for"
        )


def _factor(source: Source, other: Source, scale: str) -> int:
    """How many times as large the second video is."""
    return check_factor(scale) or factor_between(
        (source.width, source.height), (other.width, other.height)
    )


def summary_lines(found: Quality) -> Iterator[str]:
    """The whole-clip figures for people."""
    count = len(found.frames)
    if found.first_difference is None:
        yield f"lossless: all {count:,} frames are identical"
        return
    worst = min(range(count), key=lambda t: found.frames[t].psnr)
    yield f"PSNR RGB  {found.psnr:.3f} dB over the clip, {found.psnr_mean:.3f} dB mean of frames"
    yield f"PSNR Y    {found.psnr_y:.3f} dB"
    if math.isnan(found.ssim):
        yield "SSIM      none: the picture is smaller than 11x11 pixels"
    else:
        yield f"SSIM      {found.ssim:.5f}"
        yield f"MS-SSIM   {found.ms_ssim:.5f} ({found.ms_ssim_scales} of 5 scales)"
    yield (
        f"identical {found.exact_frames:,} of {count:,} frames; frame {found.first_difference} "
        f"is the first that differs, frame {worst} the worst at {found.frames[worst].psnr:.2f} dB"
    )


def per_frame_csv(found: Quality) -> str:
    """One line a frame after a header line."""
    out = io.StringIO()
    names = ["frame", *(f.name for f in fields(FrameQuality))]
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({"frame": t, **asdict(frame)} for t, frame in enumerate(found.frames))
    return out.getvalue()


def _counted(source: Source, progress: Progress) -> Iterator[Frame]:
    for t, frame in enumerate(source):
        yield frame
        progress(t + 1, source.frame_count or t + 1)


def _write(path: Path, text: str) -> None:
    with create(path, overwrite=True) as stream:
        stream.write(text.encode())
