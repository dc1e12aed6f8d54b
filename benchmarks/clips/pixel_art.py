"""Pixel art in code: one palette, pictures written as text, dithering and glows.

Everything is computed with integers or with plain IEEE arithmetic (no sine, no exponential),
so that the same seed draws the same pixels on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

RGBA = NDArray[np.uint8]

# One palette of 32 colours for both games: a letter a colour, ramps from dark to light.
PALETTE: dict[str, str] = {
    "k": "1c1626",  # outline
    "n": "2b2b55", "b": "35509c", "B": "4a86d8", "c": "7cc4f0", "C": "cdeffc",  # blues
    "t": "17484f", "g": "1f6a4c", "G": "3f9f4d", "l": "86cd51", "L": "d5ef86",  # greens
    "d": "4a2a38", "r": "82463d", "o": "be7546", "p": "e9b47a", "P": "fde2b4",  # earth, skin
    "m": "761d3f", "x": "c13040", "X": "f0645c",  # reds
    "O": "ee8434", "y": "f8bf45", "Y": "fdeb8c",  # golds
    "v": "452a68", "V": "8450ae", "u": "c58ae0", "U": "f0c9f2",  # violets
    "h": "464962", "H": "77809e", "i": "b3bfd3", "w": "ffffff",  # greys
}  # fmt: skip

_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.int64)


def rgb(colour: str) -> tuple[int, int, int]:
    """The red, green and blue of a palette letter or of six hexadecimal digits."""
    digits = PALETTE.get(colour, colour)
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def ramp(*colours: str) -> NDArray[np.uint8]:
    """Colours from dark to light as an array of shape (n, 3), uint8."""
    return np.array([rgb(c) for c in colours], np.uint8)


def picture(art: str, swap: Mapping[str, str] | None = None) -> RGBA:
    """A picture written as text, one letter of ``PALETTE`` a pixel, ``.`` for clear.

    Parameters
    ----------
    art : str
        Rows separated by white space; short rows are clear at their right end.
    swap : mapping, optional
        Letters to read as other colours, for the same drawing in other colours.

    Returns
    -------
    ndarray, shape (h, w, 4), uint8
    """
    rows = art.split()
    result = np.zeros((len(rows), max(map(len, rows)), 4), np.uint8)
    for y, row in enumerate(rows):
        for x, letter in enumerate(row):
            if letter != ".":
                result[y, x] = (*rgb((swap or {}).get(letter, letter)), 255)
    return result


def outlined(image: RGBA, colour: str = "k") -> RGBA:
    """The picture with an outline of one pixel; one pixel larger on every side."""
    grown = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    solid = grown[..., 3] > 0
    near = solid.copy()
    near[1:] |= solid[:-1]
    near[:-1] |= solid[1:]
    near[:, 1:] |= solid[:, :-1]
    near[:, :-1] |= solid[:, 1:]
    grown[near & ~solid] = (*rgb(colour), 255)
    return grown


def over(base: RGBA, top: RGBA, x: int, y: int) -> RGBA:
    """A copy of `base` with the opaque pixels of `top` put on it at (x, y), cut at the edges."""
    result = base.copy()
    paste(result, top, x, y)
    return result


def paste(target: RGBA, top: RGBA, x: int, y: int) -> None:
    """Put the visible pixels of `top` into `target` at (x, y), cut at the edges."""
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + top.shape[1], target.shape[1]), min(y + top.shape[0], target.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    cut = top[y0 - y : y1 - y, x0 - x : x1 - x]
    np.copyto(target[y0:y1, x0:x1], cut, where=cut[..., 3:] > 0)


def stacked(*images: RGBA) -> RGBA:
    """Pictures one below another, aligned at the left."""
    width = max(i.shape[1] for i in images)
    return np.concatenate([np.pad(i, ((0, 0), (0, width - i.shape[1]), (0, 0))) for i in images])


def faded(image: RGBA, alpha: int) -> RGBA:
    """The picture with its opaque pixels made translucent (alpha 0 to 255)."""
    result = image.copy()
    result[..., 3] = result[..., 3].astype(np.int64) * alpha // 255
    return result


def dithered(
    levels: NDArray[np.float64], colours: NDArray[np.uint8], spread: float = 1.0
) -> NDArray[np.uint8]:
    """Paint a field with a ramp of colours, with a 4x4 ordered dither between neighbours.

    Parameters
    ----------
    levels : ndarray, shape (h, w), float64
        0 is the first colour, 1 the last; clipped.
    colours : ndarray, shape (n, c), uint8
    spread : float
        Share of each step between two colours that is dithered; the rest is plain.

    Returns
    -------
    ndarray, shape (h, w, c), uint8
    """
    h, w = levels.shape
    threshold = (_BAYER[np.arange(h)[:, None] % 4, np.arange(w)[None, :] % 4] + 0.5) / 16
    threshold = 0.5 + (threshold - 0.5) * spread
    scaled = np.clip(levels, 0, 1) * (len(colours) - 1)
    return colours[np.clip(np.floor(scaled + threshold), 0, len(colours) - 1).astype(np.int64)]


def glow(radius: int, colour: str, alphas: Sequence[int]) -> RGBA:
    """A round light whose alpha falls from the middle in a few dithered steps.

    Parameters
    ----------
    radius : int
        In pixels; the picture is ``2 * radius`` wide and high.
    colour : str
    alphas : sequence of int
        Alpha from the rim (after clear) to the middle, each strictly between 0 and 255.
    """
    centre = np.arange(2 * radius) - radius + 0.5
    distance = np.sqrt(centre[:, None] ** 2 + centre[None, :] ** 2) / radius
    steps = np.array([(*rgb(colour), a) for a in (0, *alphas)], np.uint8)
    result = dithered(1 - distance, steps)
    result[result[..., 3] == 0] = 0
    return result


def disc(
    radius: int, colours: NDArray[np.uint8], light: tuple[float, float] = (-0.4, -0.5)
) -> RGBA:
    """A shaded ball, lit from `light` (x, y in radii), dithered between the colours."""
    centre = np.arange(2 * radius) - radius + 0.5
    x, y = centre[None, :] / radius, centre[:, None] / radius
    inside = x * x + y * y <= 1
    level = 1.05 - np.sqrt((x - light[0]) ** 2 + (y - light[1]) ** 2) * 0.72
    result = np.zeros((2 * radius, 2 * radius, 4), np.uint8)
    result[..., :3] = dithered(level, colours)
    result[..., 3] = 255
    result[~inside] = 0
    return result


def ridge(rng: random.Random, length: int, low: int, high: int, step: int) -> NDArray[np.int64]:
    """A random skyline: heights between `low` and `high`, rough at all scales.

    Random points every `step` pixels, joined by lines, with two finer octaves on top.
    """
    total = np.zeros(length)
    weight, spacing = 1.0, step
    for _ in range(3):
        count = length // spacing + 2
        points = np.array([rng.random() for _ in range(count)])
        total += weight * np.interp(np.arange(length), np.arange(count) * spacing, points)
        weight, spacing = weight * 0.32, max(spacing // 3, 2)
    return np.floor(low + (high - low) * total / 1.42).astype(np.int64)


def wave(phase: int, period: int, height: int) -> int:
    """A smooth swing between ``-height`` and ``height`` (a parabola for each half)."""
    half = period / 2
    at = phase % period
    sign = 1 if at < half else -1
    position = (at % half) / half
    return round(sign * height * 4 * position * (1 - position))
