"""Small clips that together use all that the encoder can find: the size gate encodes them.

Two are the small clips of the drawn games. The others are drawn here as plain frames, each
around one feature, with the pictures of those games. Each is short, so that all of them are
encoded within a few minutes, and the bytes are few, so that a small loss shows.

Everything is computed with whole numbers and seeded generators, so every machine draws the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

import spritecodec as sc
from benchmarks.clips import platformer_art, sprite_game_art
from benchmarks.clips.drawn import true_scene
from benchmarks.clips.pixel_art import RGBA, ramp, wave

Frames = NDArray[np.uint8]
Longs = NDArray[np.int64]

TILE = 8

_SKY = ramp("B", "c", "C")
_EARTH = ramp("d", "r", "o", "p")
_STONE = ramp("h", "H", "i")
_WOOD = ramp("v", "V", "u", "d")

_GLASS = (30, 20, 60, 110)
_FILM = (40, 90, 200, 120)


def blend(frame: Frames, image: RGBA, x: int, y: int) -> None:
    """Draw a picture into a frame, by its alpha, cut at the frame's edges.

    Parameters
    ----------
    frame : ndarray, shape (h, w, 3), uint8
        Changed in place.
    image : ndarray, shape (a, b, 4), uint8
    x, y : int
        Of the picture's top left corner in the frame.
    """
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + image.shape[1], frame.shape[1]), min(y + image.shape[0], frame.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    cut = image[y0 - y : y1 - y, x0 - x : x1 - x].astype(np.int64)
    alpha = cut[..., 3:]
    part = frame[y0:y1, x0:x1]
    part[:] = (alpha * cut[..., :3] + (255 - alpha) * part + 127) // 255


def tiled(
    rng: np.random.Generator, rows: int, columns: int, colours: Frames, kinds: int = 6
) -> RGBA:
    """An opaque picture of random tiles in a random arrangement.

    Parameters
    ----------
    rng : Generator
    rows, columns : int
        In tiles of 8x8 pixels.
    colours : ndarray, shape (n, 3), uint8
        RGB of what the tiles are made of.
    kinds : int
        Different tiles.

    Returns
    -------
    ndarray, shape (8 * rows, 8 * columns, 4), uint8
    """
    patterns = colours[rng.integers(0, len(colours), (kinds, TILE // 2, TILE // 2))]
    patterns = patterns.repeat(2, axis=1).repeat(2, axis=2)
    laid = patterns[rng.integers(0, kinds, (rows, columns))]
    rgb = laid.swapaxes(1, 2).reshape(rows * TILE, columns * TILE, 3)
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def _skyline(rng: np.random.Generator, image: RGBA, low: int, high: int) -> RGBA:
    """The picture, clear above a line that goes up and down between two rows, in steps."""
    steps = rng.integers(-1, 2, image.shape[1] // 4 + 1).repeat(4)[: image.shape[1]]
    line = np.clip(low + (high - low) // 2 + np.cumsum(steps), low, high)
    image[np.arange(len(image))[:, None] < line] = 0
    return image


def _path(*legs: tuple[int, int]) -> Longs:
    """Where a camera looks that starts at 0: (frames, pixels in each) for one leg after another."""
    speed = np.repeat([step for _, step in legs], [count for count, _ in legs])
    path: Longs = np.cumsum(speed) - speed[0]
    return path


def _figures(kind: str, names: Sequence[str]) -> list[RGBA]:
    """Pictures of the games: `kind` is "sprite-game" or "platformer"."""
    made = (sprite_game_art if kind == "sprite-game" else platformer_art).pictures()
    return [made[name] for name in names]


def _hero() -> list[RGBA]:
    return _figures("sprite-game", [f"walk {i}" for i in range(4)])


# --- pan-rooms -----------------------------------------------------------------------------

BAR = 16  # rows of the bar at the top


def pan_rooms() -> Frames:
    """A camera that scrolls, rests and jumps back; rooms that are cut to and seen again.

    Two rooms in turn that are the same but for a door, a shelf and a bridge; then out of doors,
    with a jump back to the start, and the first room again. A bar with a score and the lives
    stays on the screen all the time.
    """
    width, height = 128, 96
    rng = np.random.default_rng(1)
    level = np.full((height + 8 - BAR, 256, 4), 255, np.uint8)
    level[..., :3] = _SKY[np.minimum(np.arange(len(level)) // 24, 2)][:, None]
    ground = np.zeros_like(level)
    ground[48:] = tiled(rng, 5, 32, _EARTH)
    blend(level[..., :3], _skyline(rng, ground, 48, 56), 0, 0)
    for x in range(20, 256, 44):
        blend(level[..., :3], tiled(rng, 1, 3, _WOOD), x, 24 + 8 * (x % 3))
    closed = tiled(rng, 10, 16, _STONE)
    closed[64:] = tiled(rng, 2, 16, _EARTH)
    opened = closed.copy()
    opened[16:40, 80:112] = tiled(rng, 3, 4, _WOOD)
    opened[64:72, 40:72] = tiled(rng, 1, 4, _SKY)
    opened[8:40, 16:56] = tiled(rng, 4, 5, _WOOD)
    pan = _path((8, 2), (4, 0), (8, 3), (1, -37), (6, 1), (5, 2))
    rise = np.abs(np.arange(len(pan)) % 32 - 16) // 2
    outside = [(level, int(x), int(y)) for x, y in zip(pan, rise, strict=True)]
    inside = [(room, 0, 0) for room in (closed, opened, closed, opened) for _ in range(24)]
    places = [*inside, *inside[:12], *outside, *inside[:10]]

    hero, beetle = _hero(), _figures("sprite-game", ["beetle 0", "beetle 1"])
    heart, *digits = _figures("platformer", ["heart", *(f"digit {i}" for i in range(10))])
    bar = tiled(rng, 2, 16, ramp("n", "b"), 3)
    frames = np.zeros((len(places), height, width, 3), np.uint8)
    for t, (place, x, y) in enumerate(places):
        frame = frames[t]
        blend(frame[BAR:], place, -x, -y)  # below the bar
        outdoors = place is level
        floor = (64 if outdoors else 80) - y
        for i in range(2 if outdoors else 1):
            at = (110 + 64 * i - 2 * t) % 220 - 20 - x
            blend(frame[BAR:], beetle[t // 5 % 2], at, floor - 14 - 10 * i)
        left = (20 + 2 * t) % 130 - 8
        blend(frame[BAR:], hero[t // 4 % 4], left, floor - 20 - abs(wave(t, 36, 12)))
        blend(frame, bar, 0, 0)
        for i in range(3 - t // 50):
            blend(frame, heart, 4 + 11 * i, 4)
        for i, digit in enumerate(f"{t // 6 * 15:05d}"):
            blend(frame, digits[int(digit)], 84 + 8 * i, 4)
    return frames


# --- recolouring ---------------------------------------------------------------------------

_WATER = np.array([(20, 40, 160), (60, 80, 200), (92, 112, 230), (130, 170, 250)], np.uint8)


def _walk(pan: Longs) -> Frames:
    """A hero walks past gems and ponds, in a few colours; the camera scrolls along `pan`."""
    width, height = 128, 80
    rng = np.random.default_rng(2)
    level = np.full((height, 200, 4), (*_SKY[1], 255), np.uint8)
    ground = np.zeros_like(level)
    ground[48:] = tiled(rng, 4, 25, _EARTH)
    blend(level[..., :3], _skyline(rng, ground, 48, 56), 0, 0)
    for x in (40, 112):
        blend(level[..., :3], tiled(rng, 2, 4, _WATER, 4), x, 56)
    hero, gem = _hero(), _figures("sprite-game", ["gem"])[0]
    frames = np.zeros((len(pan), height, width, 3), np.uint8)
    for t, (frame, x) in enumerate(zip(frames, pan.tolist(), strict=True)):
        blend(frame, level, -x, 0)
        for i in range(3):
            blend(frame, gem, 30 + 50 * i - x, 12 + 4 * (i % 2))
        blend(frame, hero[t // 4 % 4], 10 + t % 100, 30 - abs(wave(t, 32, 9)))
    return frames


def recolouring() -> Frames:
    """A palette that fades, flashes, turns negative and lets water flow; a hero walks on.

    Shown as a console does it: every pixel is the number of an entry of the palette, and the
    entries change from frame to frame while the camera scrolls.
    """
    plain = _walk(_path((30, 1), (20, 0), (40, 1), (10, 0), (20, -1)))
    count = len(plain)
    colours, entries = np.unique(plain.reshape(-1, 3), axis=0, return_inverse=True)
    shown = np.tile(colours.astype(np.int64), (count, 1, 1))
    for i, colour in enumerate(_WATER):
        (entry,) = np.flatnonzero((colours == colour).all(axis=1))
        shown[:, entry] = _WATER[(i + np.maximum(np.arange(count) - 60, 0) // 4) % 4]
    light = [*range(7, 0, -1), 0, 0, 0, *range(1, 8)]
    for i, share in enumerate(light):
        shown[24 + 2 * i : 26 + 2 * i] = shown[24 + 2 * i : 26 + 2 * i] * share // 8
    for t in (66, 90, 94):
        shown[t : t + 2] = 255
    shown[104:107] = 255 - shown[104:107]
    palettes = shown.astype(np.uint8)
    return np.stack([p[e] for p, e in zip(palettes, entries.reshape(plain.shape[:3]), strict=True)])


# --- animation and translucency -------------------------------------------------------------


def _planes(rng: np.random.Generator, rows: int, columns: int) -> list[RGBA]:
    """Sky, hills and ground, which are seen one behind another; each darker towards its foot.

    The many shades make many colours, as painted backgrounds have.
    """
    planes = []
    for i, base in enumerate(((150, 190, 240), (70, 150, 130), (150, 90, 60))):
        colours = np.clip(np.array(base) + rng.integers(-40, 41, (9, 3)), 0, 255).astype(np.uint8)
        plane = tiled(rng, rows, columns, colours, 8)
        shade = 255 - 5 * (np.arange(len(plane)) // 4)
        plane[..., :3] = plane[..., :3].astype(np.int64) * shade[:, None, None] // 255
        planes.append(_skyline(rng, plane, 22 * i - 4, 22 * i + 8) if i else plane)
    return planes


_SHARES = (4, 2, 1)  # a plane moves by the camera's motion divided by this


def _look(frame: Frames, planes: Sequence[RGBA], x: int, y: int) -> None:
    for plane, share in zip(planes, _SHARES, strict=True):
        blend(frame, plane, -(x // share), -(y // share))


def animation() -> Frames:
    """Coins that spin, ponds with waves and lamps that blink, before parallax planes.

    All are at fixed places of the level. One coin is taken; a hero walks past.
    """
    width, height = 96, 64
    rng = np.random.default_rng(3)
    planes = _planes(rng, 8, 30)
    pan = _path(*[(2, 1), (4, 2), (2, 3)] * 6, (20, 0), (40, -1), (12, 0))
    coins = _figures("platformer", [f"coin {i}" for i in range(6)])
    waves = _figures("platformer", [f"water 0{i}" for i in range(4)])
    lamp = np.zeros((2, 10, 6, 4), np.uint8)
    lamp[:, :, 2:4] = (*_STONE[0], 255)
    lamp[0, :6] = (*_STONE[1], 255)
    lamp[1, :6] = (*ramp("Y")[0], 255)
    lamp[1, 2:4, 2:4] = 255
    hero = _hero()
    frames = np.zeros((len(pan), height, width, 3), np.uint8)
    for t, frame in enumerate(frames):
        x = int(pan[t])
        _look(frame, planes, x, 0)
        for i in range(8):
            if i != 3 or t < 66:
                blend(frame, coins[(t // 4 + i) % 6], 40 + 20 * i - x, 12 + 6 * (i % 2))
        for i in range(3):
            blend(frame, lamp[int((t + 5 * i) % 16 < 6)], 64 + 48 * i - x, 30)
        blend(frame, hero[t // 4 % 4], 12 + t // 3 - x // 30, 32)
        for left, wide in ((30, 3), (120, 2)):
            for i in range(wide):
                blend(frame, waves[t // 6 % 4], left + 16 * i - x, 48)
    return frames


def translucency() -> Frames:
    """A pane that flies, water in the level and a ghost, before parallax planes and a figure."""
    width, height, count = 96, 64, 96
    rng = np.random.default_rng(4)
    planes = _planes(rng, 10, 30)
    pan = _path(*[(2, 1), (4, 2), (2, 3)] * 6, (18, 0), (30, -2))
    rise = np.abs(np.arange(count) % 40 - 20) // 2
    level = planes[-1]
    level[56:] = tiled(rng, 3, 30, _EARTH)
    for x in range(32, 240, 56):
        level[40:56, x : x + 40] = _GLASS
        level[40, x : x + 40] = (*_FILM[:3], 180)
    pane = np.full((14, 12, 4), _FILM, np.uint8)
    pane[[0, -1]] = pane[:, [0, -1]] = (*_STONE[2], 255)
    ghosts = _figures("platformer", ["ghost 0", "ghost 1"])
    hero = _hero()
    frames = np.zeros((count, height, width, 3), np.uint8)
    for t, frame in enumerate(frames):
        _look(frame, planes, int(pan[t]), int(rise[t]))
        blend(frame, hero[t // 4 % 4], 38 + wave(t, 60, 10), 24)
        blend(frame, ghosts[t // 8 % 2], t - 10, 10 + wave(t, 44, 6))
        blend(frame, pane, 80 - t // 2, 4 + t // 3)
    return frames


# --- lossy ---------------------------------------------------------------------------------

# The whole-numbered cosine transform of HEVC: its square is the unit matrix times 2 ** 15, nearly.
_HALF = ((64, 64, 64, 64), (89, 75, 50, 18), (83, 36, -36, -83), (75, -18, -89, -50),
         (64, -64, -64, 64), (50, -89, 18, 75), (36, -83, 83, -36), (18, -50, 75, -89))  # fmt: skip
_TRANSFORM = np.array(
    [[*row, *(v if k % 2 == 0 else -v for v in row[::-1])] for k, row in enumerate(_HALF)],
    np.int64,
)
_BITS = 15


def _quantised(plane: Longs, step: int) -> Longs:
    """A plane with the coefficients of its 8x8 blocks rounded to multiples of `step`."""
    h, w = plane.shape
    blocks = plane.reshape(h // 8, 8, w // 8, 8).swapaxes(1, 2)
    half = step << (_BITS - 1)
    levels = (_TRANSFORM @ blocks @ _TRANSFORM.T + half) // (2 * half)
    back = _TRANSFORM.T @ (levels * step) @ _TRANSFORM
    back = (back + (1 << (_BITS - 1))) >> _BITS
    return np.clip(back.swapaxes(1, 2).reshape(h, w), 0, 255)


def damaged(frame: Frames, step: int) -> Frames:
    """A frame as after a lossy codec: colour at half the resolution, coarse coefficients.

    Parameters
    ----------
    frame : ndarray, shape (h, w, 3), uint8
        Both sides a multiple of 16.
    step : int
        Coefficients of 8x8 blocks are rounded to multiples of this; twice it for colour.

    Returns
    -------
    ndarray, shape (h, w, 3), uint8
    """
    r, g, b = np.moveaxis(frame.astype(np.int64), 2, 0)
    one = 1 << 16
    y = (19595 * r + 38470 * g + 7471 * b + one // 2) >> 16
    chroma = [
        ((-11059 * r - 21709 * g + 32768 * b + one // 2) >> 16) + 128,
        ((32768 * r - 27439 * g - 5329 * b + one // 2) >> 16) + 128,
    ]
    y = _quantised(y, step)
    cb, cr = (
        _quantised((c[::2, ::2] + c[1::2, ::2] + c[::2, 1::2] + c[1::2, 1::2] + 2) >> 2, 2 * step)
        .repeat(2, axis=0)
        .repeat(2, axis=1)
        - 128
        for c in chroma
    )
    back = [
        y + ((91881 * cr + one // 2) >> 16),
        y - ((22554 * cb + 46802 * cr + one // 2) >> 16),
        y + ((116130 * cb + one // 2) >> 16),
    ]
    shown: Frames = np.clip(np.stack(back, axis=2), 0, 255).astype(np.uint8)
    return shown


def lossy() -> Frames:
    """A hero walks on and back, as a lossy codec leaves it.

    Builds of FFmpeg and of its encoders differ, and their frames with them; so what they do is
    done here with whole numbers: one colour for four pixels, and coefficients of a cosine
    transform rounded to multiples of a step.
    """
    pan = _path((12, 0), (20, 2), (12, 0), (24, -2), (12, 0))
    return np.stack([damaged(frame, 4) for frame in _walk(pan)])


# --- all of them ---------------------------------------------------------------------------


@dataclass(frozen=True)
class GateClip:
    """One clip of the size gate.

    Attributes
    ----------
    draw : callable
        Its frames, (n, h, w, 3) uint8 RGB.
    quality : "lossless" or float
        What the encoder is asked for; a number is a PSNR in dB.
    description : str
        One line for people.
    """

    draw: Callable[[], Frames]
    quality: Literal["lossless"] | float
    description: str


def _game(name: str) -> Frames:
    return np.stack(list(sc.Renderer(true_scene(name)).frames()))


GATE: dict[str, GateClip] = {
    "animation": GateClip(animation, "lossless", "coins, ponds and lamps before parallax"),
    "lossy": GateClip(lossy, 38.0, "damaged as by a lossy codec"),
    "pan-rooms": GateClip(pan_rooms, "lossless", "scrolling, jumps, cuts, rooms seen again"),
    "platformer-small": GateClip(
        partial(_game, "platformer-small"), "lossless", "the small platformer"
    ),
    "recolouring": GateClip(recolouring, "lossless", "fade, flash, negative, flowing water"),
    "sprite-game-small": GateClip(
        partial(_game, "sprite-game-small"), "lossless", "the small sprite-game"
    ),
    "translucency": GateClip(translucency, "lossless", "pane, water and ghost before parallax"),
}
