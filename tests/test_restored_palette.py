"""The colours of a game behind a lossy recording with small chroma planes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from spritecodec.restore.chroma import KNOWN_TAPS, ChromaFilter, make_filter
from spritecodec.restore.console_palettes import CONSOLES
from spritecodec.restore.palette import Hints, find_palette

Floats = NDArray[np.float32]
TAPS = {taps.name: taps for taps in KNOWN_TAPS}
# No console's: a sky, earth, two greens, black, and a red that occurs on sprites only.
COLOURS = np.array(
    [[143, 207, 214], [130, 70, 61], [31, 106, 76], [134, 205, 81], [28, 22, 38], [193, 48, 64]],
    np.uint8,
)


def planes_of(rgb: NDArray[np.uint8]) -> Floats:
    """Y, Cb, Cr by BT.601 of limited range, not rounded."""
    matrix = np.array(
        [[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]]
    )
    out: Floats = (rgb @ (matrix.T / 255) + [16, 128, 128]).astype(np.float32)
    return out


def drawn(colours: NDArray[np.uint8], frames: int = 6) -> NDArray[np.uint8]:
    """Frames of 72 x 96 pixels: sky, ground with bricks, plants, and sprites that move."""
    rng = np.random.default_rng(3)
    labels = np.zeros((frames, 72, 96), np.int64)
    labels[:, 48:] = 1
    labels[:, 48::8] = 4
    labels[:, 50:, ::12] = 4
    labels[:, 40:48, 10:30] = 2
    labels[:, 36:40, 14:26] = 3
    sprite = rng.choice([4, 5, 5, 1], (12, 10))
    for t in range(frames):
        labels[t, 20:32, 8 * t : 8 * t + 10] = np.repeat(np.repeat(sprite[::2, ::2], 2, 0), 2, 1)
    return colours[labels]


def recorded(
    rgb: NDArray[np.uint8], chroma: ChromaFilter, noise: float
) -> tuple[Floats, Floats, Floats]:
    """Luma and chroma planes of frames, with noise as a codec makes it, rounded."""
    rng = np.random.default_rng(5)
    ycc = planes_of(rgb)

    def spoiled(plane: Floats) -> Floats:
        rough = ndimage.gaussian_filter(rng.normal(0, 2 * noise, plane.shape), (0, 0.7, 0.7))
        out: Floats = np.rint(plane + rough).astype(np.float32)
        return out

    small = [chroma.rows @ ycc[..., c] @ chroma.columns.T for c in (1, 2)]
    return spoiled(ycc[..., 0]), spoiled(small[0]), spoiled(small[1])


@pytest.mark.parametrize("rows", ["box", "bicubic"])
def test_colours_and_filter_are_found(rows: str) -> None:
    chroma = make_filter(TAPS[rows], TAPS["box"], (72, 96), (36, 48))
    found = find_palette(*recorded(drawn(COLOURS), chroma, 1.0), matrix="bt601", full_range=False)
    assert found is not None
    palette, measured = found
    assert palette.console is None
    assert measured.name == f"{rows} x box"
    np.testing.assert_allclose(measured.rows, chroma.rows, atol=1e-6)
    distance = np.abs(COLOURS[:, None].astype(int) - palette.rgb[None].astype(int)).max(2)
    assert distance.min(1).max() <= 4
    assert len(palette.rgb) == len(COLOURS)


def test_a_console_makes_colours_exact() -> None:
    colours = CONSOLES["nes"][[29, 21, 24, 36, 13, 20]]
    chroma = make_filter(TAPS["box"], TAPS["box"], (72, 96), (36, 48))
    found = find_palette(*recorded(drawn(colours), chroma, 1.0), matrix=None, full_range=None)
    assert found is not None
    palette, _ = found
    assert (palette.console, palette.matrix, palette.full_range) == ("nes", "bt601", False)
    assert {tuple(c) for c in palette.rgb.tolist()} == {tuple(c) for c in colours.tolist()}


def test_full_chroma_needs_no_filter() -> None:
    chroma = make_filter(TAPS["box"], TAPS["box"], (72, 96), (72, 96))
    found = find_palette(*recorded(drawn(COLOURS), chroma, 1.0), matrix="bt601", full_range=False)
    assert found is not None
    palette, measured = found
    assert measured.name == "identity"
    distance = np.abs(COLOURS[:, None].astype(int) - palette.rgb[None].astype(int)).max(2)
    assert distance.min(1).max() <= 2


def test_soft_content_has_no_palette() -> None:
    rng = np.random.default_rng(1)
    soft = ndimage.gaussian_filter(rng.normal(0, 1, (4, 72, 96, 3)), (0, 6, 6, 0))
    rgb = np.clip(128 + soft * 40 / soft.std(), 0, 255).astype(np.uint8)
    chroma = make_filter(TAPS["box"], TAPS["box"], (72, 96), (36, 48))
    assert find_palette(*recorded(rgb, chroma, 1.0), matrix=None, full_range=None) is None


def test_tables_hold_colours_once() -> None:
    for name, table in CONSOLES.items():
        assert table.shape[1:] == (3,), name
        if name not in ("nes", "nes-fceux", "nes-2c02"):
            assert len(np.unique(table, axis=0)) == len(table), name


def test_a_guess_of_a_colour_as_light_as_the_sky_is_confirmed() -> None:
    """Pixels that share samples of chroma must change their labels together."""
    chroma = make_filter(TAPS["bicubic"], TAPS["box"], (72, 96), (36, 48))
    grey = np.array([[179, 191, 211]], np.uint8)  # its luma is the sky's, within a level
    frames = drawn(COLOURS)
    frames[:, 8:14:2, 60:80:4] = frames[:, 9:14:2, 60:80:4] = grey
    frames[:, 8:14:2, 61:80:4] = frames[:, 9:14:2, 61:80:4] = grey
    planes = recorded(frames, chroma, 1.0)
    found = find_palette(
        *planes, matrix="bt601", full_range=False, hints=Hints(guesses=planes_of(grey))
    )
    assert found is not None
    assert np.abs(found[0].rgb.astype(int) - grey.astype(int)).max(1).min() <= 8
    assert len(found[0].rgb) == len(COLOURS) + 1
