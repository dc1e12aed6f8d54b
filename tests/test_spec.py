"""formats/SPEC.md is true: a decoder written from it alone gives the same frames."""

from __future__ import annotations

import io
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import spec_decoder
import spr_files
from numpy.typing import NDArray

import spritecodec as sc
from spritecodec.formats.spr import chunks as pack
from spritecodec.formats.spr.pictures import Palette, Picture
from spritecodec.scene import Layer

SPEC = Path(__file__).parent.parent / "formats" / "SPEC.md"


def agree(data: bytes) -> NDArray[np.uint8]:
    """Decode with both; returns the frames."""
    reader = sc.open(io.BytesIO(data))
    video = spec_decoder.decode(data)
    assert video.pts == reader.pts.tolist()
    np.testing.assert_array_equal(np.array(video.frames), reader[:])
    return reader[:]


def test_the_small_file() -> None:
    frames = agree(spr_files.small_file(with_audio=True))
    np.testing.assert_array_equal(frames, spr_files.frames())


def random_scene(rng: np.random.Generator, sprites: tuple[Picture, ...], manner: int) -> sc.Scene:
    """Tracks that jump and rest (manner 0), move in step (1), go straight (2), dance (3)."""
    n, tracks = 30, 7
    start = np.sort(rng.integers(0, 6, tracks)) if manner == 0 else np.zeros(tracks, np.int64)
    length = rng.integers(1, n - start + 1) if manner == 0 else np.full(tracks, n)
    first = np.append(0, np.cumsum(length))
    frame = np.concatenate([np.arange(k) for k in length])
    total = int(first[-1])
    if manner == 0:
        walk = np.cumsum(rng.integers(-2, 3, (2, total)) * rng.integers(0, 2, total), axis=1)
    elif manner == 1:
        walk = np.cumsum(rng.integers(-90, 90, (2, n)), axis=1)[:, frame]
    elif manner == 2:
        walk = frame * np.repeat(rng.integers(-900, 900, (2, tracks)), length, axis=1)
    else:
        speed = np.cumsum(rng.integers(-9, 9, (2, n)), axis=1)
        walk = np.cumsum(speed, axis=1)[:, frame] * np.repeat(np.arange(1, tracks + 1), length)
    x, y = walk + rng.integers(0, 8, (2, 1))
    sprite = rng.integers(0, len(sprites), total if manner == 0 else n)
    layers = tuple(
        Layer(
            np.cumsum(rng.integers(-1, 2, (n, 2)), axis=0).astype(np.int32),
            rng.integers(0, 1, (k, 3)).astype(np.int32),
        )
        for k in (2, 0)
    )
    return sc.Scene(
        width=16,
        height=12,
        pts=np.cumsum(rng.integers(1, 4, n)) - 1,
        time_base=Fraction(1, 60),
        backdrop=rng.integers(0, 256, (n, 3), np.uint8),
        sprites=sprites,
        textures=sprites[:1],
        layers=layers,
        tracks=sc.Tracks(
            layer=rng.integers(0, 2, tracks).astype(np.int32),
            z=rng.integers(0, 3, tracks).astype(np.int32),
            start=start.astype(np.int32),
            first=first.astype(np.int64),
            sprite=(sprite if manner == 0 else sprite[frame]).astype(np.int32),
            x=x.astype(np.int32),
            y=y.astype(np.int32),
            flip=(rng.integers(0, 4, total) * rng.integers(0, 2, total)).astype(np.uint8),
        ),
        residual=sc.Residual.none(),
    )


@pytest.mark.parametrize(
    ("kind", "manner"),
    [("pixel art", 0), ("pixel art", 1), ("tiles", 2), ("tiles", 3), ("natural", 0)],
)
def test_random_files(kind: str, manner: int) -> None:
    rng = np.random.default_rng(manner)
    sizes = [(20, 33), (16, 16), *rng.integers(1, 9, (4, 2)).tolist()]
    if kind == "natural":
        # More colours than a palette may have, so that the pixels are stored directly.
        sizes[0] = (260, 260)
        pictures = [rng.integers(0, 256, (*size, 4), np.uint8) for size in sizes]
    else:
        colours = rng.integers(0, 256, (7, 4), np.uint8)
        pictures = [colours[rng.integers(0, 7, size)] for size in sizes]
    if kind == "tiles":
        tile = pictures[1][:8, :8]
        pictures[0] = np.tile(tile, (3, 5, 1))[: sizes[0][0], : sizes[0][1]]
    sprites = tuple(pictures)
    scene = random_scene(rng, sprites, manner)
    palette = Palette()
    head = spr_files.head(width=16, height=12, frames=len(scene))
    frames = agree(
        spr_files.join(
            [
                ("HEAD", pack.pack_head(head), 0),
                ("DICT", pack.pack_pictures(sprites, palette), 0),
                ("TEXT", pack.pack_pictures(scene.textures, palette), 0),
                ("SEGM", pack.pack_segment(scene, palette), len(scene)),
            ]
        )
    )
    np.testing.assert_array_equal(frames, np.stack(list(sc.Renderer(scene).frames())))


def test_the_example() -> None:
    example = SPEC.read_text().partition("offset  bytes\n")[2].partition("```")[0]
    data = b""
    for line in example.splitlines():
        found = re.match(r" ?(\d+) +((?:[0-9a-f]{2} )*[0-9a-f]{2})(?: |$)", line)
        assert found is not None
        assert int(found[1]) == len(data)
        data += bytes.fromhex(found[2])
    frames = agree(data)
    np.testing.assert_array_equal(frames, np.full((1, 1, 2, 3), (255, 0, 0)))
    assert sc.open(io.BytesIO(data)).head.encoder == "x"
