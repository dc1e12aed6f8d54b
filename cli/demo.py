"""``spritecodec demo``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spritecodec.cli.common import OVERWRITE, Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spritecodec.encode import EncodeReport

EPILOG = """\b
Examples:
  spritecodec demo
  spritecodec demo /tmp/demo --overwrite
"""

# What the command writes, and what each file is.
FILES = {
    "demo.spr": "the encoded clip",
    "demo.mp4": "the decoded clip, enlarged, for any player",
    "frame.png": "one frame",
    "labels.png": "the same frame: a colour for each sprite that was found",
    "sprites.png": "all sprites that were found",
    "background.png": "the background that was found, as wide as the camera has seen it",
}
FRAME = 62  # the one that is drawn
SCALE = 4
# Lossless peers, by their names in `spritecodec.analysis`.
PEERS = {"zmbv": "ZMBV", "x264-rgb": "x264 RGB"}


@click.command(epilog=EPILOG, short_help="Encode a small clip and show what the file holds.")
@click.argument("folder", default="spritecodec-demo", type=click.Path(path_type=Path))
@OVERWRITE
def command(folder: Path, overwrite: bool) -> None:
    """Draw a small clip, encode it, decode it, compare every frame, and write to FOLDER.

    FOLDER is spritecodec-demo where none is named.
    """
    import numpy as np

    from spritecodec.demo import demo_scene
    from spritecodec.errors import OutputError
    from spritecodec.formats.atomic import Part
    from spritecodec.render import Renderer

    _check(folder, overwrite)
    frames = np.stack(list(Renderer(demo_scene()).frames()))
    try:
        with Part(folder, folder=True) as part:
            work = part.path
            report = _encode(frames, work / "demo.spr")
            _draw(work)
            others = list(_peer_sizes(frames, work))
            folder.mkdir(exist_ok=True)
            for file in FILES:
                os.replace(work / file, folder / file)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror or error}") from error
    for line in _summary(frames, report, others):
        click.echo(line)
    click.echo("\nFiles:")
    for file, meaning in FILES.items():
        click.echo(f"  {folder / file}: {meaning}")


def _check(folder: Path, overwrite: bool) -> None:
    """Refuse a target that cannot be written, while it costs nothing yet."""
    from spritecodec.errors import OutputError

    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is not a folder; name another one")
    if not folder.parent.is_dir():
        raise OutputError(f"cannot write {folder}: there is no folder {folder.parent}")
    existing = [file for file in FILES if (folder / file).exists()]
    if existing and not overwrite:
        raise OutputError(f"{folder / existing[0]} exists; name another folder or add --overwrite")


def _encode(frames: NDArray[np.uint8], target: Path) -> EncodeReport:
    """Encode, decode, and compare every frame."""
    import numpy as np

    from spritecodec.clip import ArrayClip
    from spritecodec.demo import FRAME_RATE
    from spritecodec.encode import encode
    from spritecodec.errors import SpritecodecError
    from spritecodec.reader import open as open_reader

    with Progress("Encoding") as progress:
        clip = ArrayClip(frames, FRAME_RATE, name="the demo clip")
        report = encode(clip, target, quality="lossless", preset="fast", progress=progress.stage)
    with open_reader(target) as reader:
        if not np.array_equal(reader[:], frames):
            raise SpritecodecError("the decoded frames differ from the drawn ones")
    return report


def _draw(work: Path) -> None:
    """Write the pictures and the video of ``demo.spr``, beside it."""
    from PIL import Image

    from spritecodec.cli.labels import picture_of
    from spritecodec.decode import decode
    from spritecodec.formats import sheet
    from spritecodec.labels import labels
    from spritecodec.reader import open as open_reader

    source = work / "demo.spr"
    with open_reader(source) as reader:
        sprites = reader.sprites
        order = sheet.order_by_similarity(sheet.look(sprites)).tolist()
        background = max(reader.textures, key=lambda t: t.size)
        shown = labels(reader, start=FRAME, stop=FRAME + 1)[0]
        pictures = {
            "frame.png": Image.fromarray(reader[FRAME]),
            "labels.png": picture_of(shown, len(sprites) + 1),
            "sprites.png": Image.fromarray(sheet.draw_sheet([sprites[i] for i in order])),
            "background.png": Image.fromarray(background),
        }
    for name, picture in pictures.items():
        size = picture.width * SCALE, picture.height * SCALE
        picture.resize(size, Image.Resampling.NEAREST).save(work / name)
    with Progress("Decoding") as progress:
        decode(source, work / "demo.mp4", scale=SCALE, progress=progress)


def _peer_sizes(frames: NDArray[np.uint8], work: Path) -> Iterator[tuple[str, int]]:
    """Bytes that other lossless codecs take; those that are not installed are left out."""
    from spritecodec.analysis.coding import PeerFailed, PeerMissing, encode
    from spritecodec.analysis.peers import find_peer
    from spritecodec.demo import FRAME_RATE

    for name, title in PEERS.items():
        coded = work / f"{name}.nut"
        try:
            encode(find_peer(name), "lossless", frames, FRAME_RATE, coded)
        except (PeerMissing, PeerFailed):
            continue
        yield title, coded.stat().st_size


def _summary(
    frames: NDArray[np.uint8], report: EncodeReport, others: Iterable[tuple[str, int]]
) -> Iterator[str]:
    """What was done, where the bytes go, and what others take."""
    from spritecodec.cli.info import byte_table

    count, height, width = frames.shape[:3]
    yield f"Drew a clip of {count} frames of {width}x{height}."
    yield f"Encoded it in {report.seconds:.1f} s, decoded it: all {count} frames are identical."
    yield ""
    yield from byte_table(report.breakdown)
    yield ""
    yield f"{'lossless':12} {'bytes':>12}  times this file"
    for title, size in (("raw RGB", frames.nbytes), *others, ("spritecodec", report.size)):
        yield f"{title:12} {size:12,} {size / report.size:8,.1f}"
