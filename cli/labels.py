"""``spritecodec labels``."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from spritecodec.cli.common import JSON, OVERWRITE, SOURCE_SPR, Progress, write_json
from spritecodec.cli.spans import span_options

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from spritecodec.label_maps import Labels
    from spritecodec.span import Span

EPILOG = """\b
Examples:
  spritecodec labels game.spr labels/
  spritecodec labels game.spr labels/ --by track --from 100f --to 200f
  spritecodec labels game.spr labels/ --tiles    # also what the background shows
"""


@click.command(epilog=EPILOG, short_help="Draw which sprite, track or layer shows at each pixel.")
@SOURCE_SPR
@click.argument("target", metavar="FOLDER", type=click.Path())
@click.option(
    "--by",
    type=click.Choice(["sprite", "track", "layer"]),
    default="sprite",
    show_default=True,
    help="What the labels number: dictionary entries, instances, or depth layers.",
)
@click.option("--tiles", is_flag=True, help="Also label the tiles of the backgrounds.")
@span_options
@OVERWRITE
@JSON
def command(
    source: str,
    target: str,
    by: str,
    tiles: bool,
    span: Span,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write a label map of each frame of FILE.spr to FOLDER, and legend.json.

    A map's name is the number of its frame.

    Pixel values are labels, 0 for the background: PNG files of 8 bits with a palette, or of
    16 bits where there are more than 255 labels. legend.json says what each label stands
    for, how many pixels it has, and in how many frames it shows. Where the source was scaled up,
    maps have the size before that, as decode --native gives the frames.
    """
    from spritecodec.errors import OutputError
    from spritecodec.formats.video.video_out import Place
    from spritecodec.label_maps import Labels

    with Labels(source, by, tiles=tiles) as labels:  # type: ignore[arg-type]
        frames = range(*labels.between(span))
        place = Place(target, "png", overwrite)
        try:
            legend = _write(labels, frames, place.path)
            place.settle()
        except OSError as error:
            place.discard()
            raise OutputError(place.failed(error)) from error
        except BaseException:
            place.discard()
            raise
    if as_json:
        write_json(legend)
        return
    shown = [row for row in legend["labels"] if row["frames"]]
    click.echo(f"{len(frames):,} frames, {len(shown):,} labels show: {target}")


def _write(labels: Labels, frames: range, folder: Path) -> dict[str, Any]:
    """Draw the label maps into an existing folder; returns the legend."""
    import numpy as np

    from spritecodec.errors import SettingsError

    count = len(labels.things) + 1
    if count > 1 << 16:
        raise SettingsError(f"{count - 1:,} labels do not fit into 16 bits; number them by sprite")
    pixels, seen = np.zeros(count, np.int64), np.zeros(count, np.int64)
    with Progress("Labelling") as progress:
        for i, t in enumerate(frames, start=1):
            drawn = labels.frame(t)
            here = np.bincount(drawn.ravel(), minlength=count)
            pixels += here
            seen += here > 0
            picture_of(drawn, count).save(folder / f"{t:06}.png", format="PNG")
            progress(i, len(frames))
    legend = {
        "by": labels.by,
        "width": labels.width,
        "height": labels.height,
        "first_frame": frames.start,
        "frames": len(frames),
        "bits": 8 if count <= 256 else 16,
        "labels": [
            {"label": n, "kind": thing.kind, **thing.facts}
            | {"pixels": int(pixels[n]), "frames": int(seen[n])}
            for n, thing in enumerate(labels.things, start=1)
        ],
    }
    (folder / "legend.json").write_text(json.dumps(legend, indent=1) + "\n")
    return legend


def picture_of(labels: NDArray[np.int32], count: int) -> Image.Image:
    """A label map as a picture: 8 bits with a palette, or 16 bits.

    Parameters
    ----------
    labels : ndarray, shape (h, w), int32
        0 to count - 1.
    count : int
        More than 256 take 16 bits.
    """
    import numpy as np
    from PIL import Image

    if count > 256:
        return Image.fromarray(labels.astype(np.uint16))
    picture = Image.fromarray(labels.astype(np.uint8), "P")
    picture.putpalette(_palette(count))
    return picture


@cache
def _palette(count: int) -> list[int]:
    """Black, then colours of distinct hues: RGB after RGB."""
    import colorsys

    out = [0, 0, 0]
    for n in range(1, count):
        hue, value = n * 0.61803 % 1, 1 - 0.2 * (n % 3)
        out += [round(255 * c) for c in colorsys.hsv_to_rgb(hue, 0.75, value)]
    return out
