"""The textures of ``platformer``: ground, sky, mountains and hills of its two zones."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips.pixel_art import (
    RGBA,
    disc,
    dithered,
    outlined,
    paste,
    picture,
    ramp,
    rgb,
    ridge,
)
from benchmarks.clips.platformer_level import ROWS, TILE, Level


@dataclass(frozen=True)
class Style:
    """The colours of a zone, palette letters from dark to light."""

    sky: tuple[str, ...]
    far: tuple[str, ...]
    near: tuple[str, ...]
    grass: tuple[str, str, str, str]
    earth: tuple[str, str, str]
    leaves: tuple[str, ...]
    trunk: tuple[str, str]
    flowers: str
    night: bool


MEADOW = Style(
    sky=("4a86d8", "5f9de4", "7cc4f0", "a5def5", "cdeffc", "fdf0d4"),
    far=("6a8fd0", "8ba9de", "a9c3ea", "d6e6f7", "ffffff"),
    near=("2f7f78", "3f9a7a", "62b583", "95cf96"),
    grass=("g", "G", "l", "L"),
    earth=("d", "r", "o"),
    leaves=("t", "g", "G", "l", "L"),
    trunk=("d", "r"),
    flowers="XYUw",
    night=False,
)
RUINS = Style(
    sky=("1c1636", "261f4f", "3a2b6b", "5c3d8a", "8d5aa6", "d583ae"),
    far=("2f2560", "3b2f72", "4a3c86", "64519f", "8d6fb8"),
    near=("16243f", "1b3350", "21465f", "2f6271"),
    grass=("17304f", "1f5f6b", "3aa08c", "8fe0b0"),
    earth=("251f45", "3b3566", "57538a"),
    leaves=("16243f", "1d3c58", "28626c", "47917f", "8fd0a0"),
    trunk=("1c1636", "3b2f5a"),
    flowers="cCUw",
    night=True,
)


# A castle's parts: left, width, height above the ground, whether the roof is pointed.
CASTLE = (
    (3, 37, 14, False), (0, 8, 30, True), (9, 12, 24, False), (23, 8, 42, True), (34, 9, 27, True),
)  # fmt: skip

# A tree's crown: discs (x, y, radius), the lower and outer ones first.
CROWN = (
    (14, 31, 8), (32, 31, 8), (23, 33, 8), (9, 24, 8), (37, 24, 8), (20, 26, 9), (29, 26, 8),
    (13, 17, 8), (33, 17, 8), (23, 19, 9), (18, 11, 8), (28, 11, 8), (22, 9, 7),
)  # fmt: skip


def _cobbles(rng: random.Random, colours: tuple[str, str, str]) -> RGBA:
    """A 32 x 32 pattern of rounded stones that tiles without seams."""
    size, seeds = 32, []
    for j in range(4):
        for i in range(4):
            seeds.append((i * 8 + (j % 2) * 4 + rng.randint(0, 3), j * 8 + rng.randint(0, 3)))
    y, x = np.mgrid[0:size, 0:size]
    distances = []
    for sx, sy in seeds:
        dx = (x - sx + size // 2) % size - size // 2
        dy = (y - sy + size // 2) % size - size // 2
        distances.append(np.sqrt(dx * dx + 1.5 * dy * dy))
    ordered = np.sort(np.array(distances), axis=0)
    which = np.argmin(np.array(distances), axis=0)
    edge = ordered[1] - ordered[0]
    cx, cy = np.array(seeds)[which].transpose(2, 0, 1)
    right, down = ((d + size // 2) % size - size // 2 for d in (x - cx, y - cy))
    lean = down + 0.6 * right
    level = np.where(edge < 1.1, 0, np.where((lean < -1.5) & (edge > 1.6), 2, 1))
    image = np.full((size, size, 4), 255, np.uint8)
    image[..., :3] = ramp(*colours)[level]
    return image


def _shade(image: RGBA, depth: NDArray[np.int64], style: Style) -> None:
    """Darken the ground with depth below its surface, dithered."""
    dark = ramp(style.earth[0], style.earth[1])
    sunk = dithered(np.clip((depth - 30) / 50, 0, 1), np.array([[0], [1]], np.uint8))[..., 0] > 0
    bright = (image[..., :3] == rgb(style.earth[2])).all(-1)
    middle = (image[..., :3] == rgb(style.earth[1])).all(-1)
    image[sunk & bright, :3] = dark[1]
    image[sunk & middle, :3] = (dark[0].astype(int) + dark[1]) // 2


def _tree(rng: random.Random, style: Style) -> RGBA:
    """A round tree, about 44 x 58, its foot at the middle of the lower edge."""
    image = np.zeros((58, 46, 4), np.uint8)
    for y in range(30, 58):
        wide = 3 + (y > 54) + (y > 56)
        image[y, 23 - wide : 23 + wide] = (*rgb(style.trunk[1]), 255)
        image[y, 23 : 23 + wide, :3] = rgb(style.trunk[0])
    leaves = ramp(*style.leaves)
    crown = np.zeros_like(image)
    for x, y, r in CROWN:
        ball = disc(r, leaves, (-0.35, -0.55))
        paste(crown, ball, x - r + rng.randint(-2, 2), y - r + rng.randint(-1, 2))
    paste(image, crown, 0, 0)
    return outlined(image, style.leaves[0])


def _bush(rng: random.Random, style: Style) -> RGBA:
    image = np.zeros((14, 30, 4), np.uint8)
    for x, y, r in ((0, 4, 6), (17, 4, 6), (7, 0, 8)):
        paste(image, disc(r, ramp(*style.leaves), (-0.3, -0.6)), x, y + rng.randint(0, 1))
    return outlined(image, style.leaves[0])[:13]


def _plank(width: int, style: Style) -> RGBA:
    """A hanging piece of ground, `width` tiles wide and 12 pixels high."""
    image = np.zeros((12, width * TILE, 4), np.uint8)
    image[...] = (*rgb(style.earth[1]), 255)
    image[8:, :, :3] = rgb(style.earth[0])
    for x in range(0, width * TILE, 7):
        image[6, x : x + 3, :3] = rgb(style.earth[2])
    _grass(image, np.zeros(width * TILE, np.int64), style)
    for x in range(width * TILE):
        end = min(x, width * TILE - 1 - x)
        cut = max(0, 4 - end)
        image[12 - cut :, x] = 0
    return outlined(image[:, 1:-1], "k")[1:]


def _grass(image: RGBA, tops: NDArray[np.int64], style: Style) -> None:
    """Grow grass on every column of the picture whose surface lies at `tops` (-1: none)."""
    dark, middle, light, bright = (rgb(c) for c in style.grass)
    fringe = (6, 7, 9, 9, 7, 6, 5, 6, 8, 8, 6, 5, 7, 8, 7, 5)
    for x, top in enumerate(tops.tolist()):
        if top < 0:
            continue
        deep = fringe[x % 16]
        rows = image[top : top + deep, x, :3]
        rows[:] = middle
        rows[-2:] = dark
        rows[0] = dark if style.night else middle
        rows[1] = bright if x % 5 in (0, 1, 3) else light
        rows[2] = light if x % 7 not in (2, 5) else middle
        rows[3:4] = light if x % 4 == 1 else middle


def ground_texture(rng: random.Random, level: Level, style: Style) -> RGBA:
    """The level's ground, planks, trees and bushes; clear where the sky shows."""
    image = np.zeros((ROWS * TILE, level.width, 4), np.uint8)
    tops = np.repeat(np.array(level.ground) * TILE, TILE)
    stones = _cobbles(rng, style.earth)
    fill = np.tile(stones, (ROWS * TILE // 32, level.width // 32 + 1, 1))[:, : level.width]
    depth = np.arange(ROWS * TILE)[:, None] - tops[None, :]
    _shade(fill, np.asarray(np.broadcast_to(depth, fill.shape[:2])), style)
    for column, row in enumerate(level.ground):
        if row < ROWS and 0 < column < len(level.ground) - 3:
            flat = level.ground[column - 1] == row == level.ground[column + 1]
            chance = rng.random()
            if flat and chance < 0.16:
                tree = _tree(rng, style)
                paste(image, tree, column * TILE - 16, row * TILE - tree.shape[0] + 2)
            elif flat and chance < 0.4:
                paste(image, _bush(rng, style), column * TILE - 8, row * TILE - 11)
    np.copyto(image, fill, where=(depth >= 0)[..., None])
    _edges(image, tops, style)
    _grass(image, np.where(tops < ROWS * TILE, tops, -1), style)
    for column, row, width in level.planks:
        paste(image, _plank(width, style), column * TILE, row * TILE)
    for x in range(level.width):
        top = int(tops[x])
        if top < ROWS * TILE and rng.random() < 0.22:
            image[top - rng.randint(1, 2) : top, x] = (*rgb(style.grass[2]), 255)
        if 4 < x < level.width - 4 and top == tops[x - 3] == tops[x + 3] and rng.random() < 0.02:
            colour = rng.choice(style.flowers)
            flower = picture(f".{colour}. {colour}Y{colour} .{colour}. .G. .G.")
            if top < ROWS * TILE:
                paste(image, flower, x, top - 4)
    return image


def _edges(image: RGBA, tops: NDArray[np.int64], style: Style) -> None:
    """Outline the ground's walls, light on the left and dark on the right."""
    for x in range(1, len(tops) - 1):
        for neighbour, colour in ((x - 1, style.earth[2]), (x + 1, style.earth[0])):
            if tops[neighbour] > tops[x]:
                inner = x + (1 if neighbour < x else -1)
                image[tops[x] : tops[neighbour], x, :3] = rgb("k")
                image[tops[x] : tops[neighbour], inner, :3] = rgb(colour)


def sky_texture(rng: random.Random, w: int, h: int, style: Style) -> RGBA:
    """The sky: dithered bands of colour, sun and clouds or moon and stars."""
    image = np.full((h, w, 4), 255, np.uint8)
    fall = np.repeat(np.linspace(0, 1, h)[:, None], w, 1)
    image[..., :3] = dithered(fall, ramp(*style.sky), 0.5)
    if style.night:
        for _ in range(w * h // 260):
            x, y = rng.randrange(w), rng.randrange(h * 2 // 3)
            image[y, x, :3] = rgb(rng.choice(("w", "U", "c", "5c3d8a", "8d5aa6")))
        moon = disc(15, ramp("u", "U", "fdf3d8", "w"), (-0.3, -0.3))
        paste(image, _halo(24, "4d3a80"), w // 2 + 2, h // 3 - 32)
        paste(image, moon, w // 2 + 11, h // 3 - 23)
        return image
    paste(image, _halo(24, "d6ecec"), w // 2 + 16, h // 4 - 24)
    paste(image, disc(13, ramp("y", "Y", "w"), (0, 0)), w // 2 + 27, h // 4 - 13)
    for _ in range(w // 44):
        cloud = _cloud(rng)
        paste(image, cloud, rng.randrange(-20, w), rng.randrange(h // 10, h * 3 // 5))
    return image


def _halo(radius: int, colour: str) -> RGBA:
    """A dithered ring of light, opaque or clear in every pixel."""
    centre = np.arange(2 * radius) - radius + 0.5
    distance = np.sqrt(centre[:, None] ** 2 + centre[None, :] ** 2) / radius
    return dithered((1 - distance) * 1.25, np.array([[0] * 4, (*rgb(colour), 255)], np.uint8))


def _cloud(rng: random.Random) -> RGBA:
    width = rng.randint(34, 62)
    image = np.zeros((22, width, 4), np.uint8)
    for _ in range(width // 5):
        r = rng.randint(4, 8)
        ball = disc(r, ramp("a5def5", "cdeffc", "w", "w"), (-0.2, -0.7))
        paste(image, ball, rng.randrange(0, width - 2 * r), 20 - 2 * r + rng.randint(0, 4))
    return image[:19]


def far_texture(rng: random.Random, w: int, h: int, style: Style) -> RGBA:
    """Mountains with faces in light and in shadow, and snow or a castle on them."""
    image = np.zeros((h, w, 4), np.uint8)
    for base, lift, tone in ((0.12, 0.2, 1), (0.28, 0.2, 0)):
        top = h - ridge(rng, w, round(h * (0.62 - base)), round(h * (0.62 - base + lift)), 46)
        y, x = np.mgrid[0:h, 0:w]
        depth = y - top[None, :]
        along = np.clip(x - depth // 2 + 3, 0, w - 1)
        before = np.clip(along - 5, 0, w - 1)
        lit = top[along] < top[before]
        fade = np.clip(depth / (h * 0.4), 0, 1)
        shade = np.where(lit, 0.42, 0.12) + 0.22 * tone + 0.2 * fade
        colours = dithered(shade, ramp(*style.far[:4]))
        inside = depth >= 0
        image[inside] = 255
        image[inside, :3] = colours[inside]
        crest = np.where(lit, 9, 5) + (x * 7 + x // 3) % 4
        snow = inside & (depth < crest - (top[None, :] - top.min()) // 3)
        image[snow, :3] = np.where(lit[snow, None], ramp(style.far[4]), ramp(style.far[3]))
        if style.night and tone:
            for near in range(rng.randint(10, 40), w - 100, rng.randint(140, 180)):
                # On the most level spot around.
                at = min(range(near, near + 56, 4), key=lambda x: int(np.ptp(top[x : x + 43])))
                _castle(rng, image, at, top[at : at + 43] + 4, style)
    return image


def _castle(rng: random.Random, image: RGBA, x: int, feet: NDArray[np.int64], style: Style) -> None:
    """A castle's outline with lit windows; `feet` is the lowest row of each of its columns."""
    dark, rim = rgb(style.sky[0]), rgb(style.far[2])
    ground, scale = int(feet.min()), image.shape[0] / 209
    for left, width, high, pointed in CASTLE:
        top = max(2, ground - round(high * scale))
        for i in range(left, left + width):
            middle = abs(2 * (i - left) - width + 1)
            roof = max(0, width - middle) if pointed else 2 * ((i - left) % 4 < 2)
            image[max(0, top - roof) : feet[i], x + i] = (*dark, 255)
            if i == left:
                image[top:ground, x + i, :3] = rim
        for row in range(top + 4, ground - 4, 8):
            for at in range(left + 3, left + width - 3, 7):
                if rng.random() < 0.6:
                    image[row : row + 3, x + at : x + at + 2, :3] = rgb("y")


def near_texture(rng: random.Random, w: int, h: int, style: Style) -> RGBA:
    """Rolling hills with woods on them, paler towards the valley."""
    image = np.zeros((h, w, 4), np.uint8)
    colours = ramp(*style.near)
    for base, lift, first in ((0.32, 0.12, 1), (0.18, 0.14, 0)):
        top = h - ridge(rng, w, round(h * base), round(h * (base + lift)), 60)
        x = 0
        while x < w:
            high = rng.randint(14, 26)
            if style.night or rng.random() < 0.35:
                _pine(image, x, int(top[x]) + 5, high, colours[first : first + 2])
                x += rng.randint(5, 11)
            else:
                r = rng.randint(5, 9)
                paste(image, disc(r, colours[first : first + 3]), x - r, int(top[x]) - r - 1)
                x += rng.randint(7, 16)
        depth = np.arange(h)[:, None] - top[None, :]
        fall = dithered(np.clip(depth / (h * 0.34), 0, 1), colours[first : first + 3])
        inside = depth >= 0
        image[inside] = 255
        image[inside, :3] = fall[inside]
    return image


def _pine(image: RGBA, x: int, foot: int, high: int, colours: NDArray[np.uint8]) -> None:
    """A pointed tree, its trunk at column x, standing on row `foot`."""
    for i in range(high):
        y = foot - high + i
        half = 1 + i // 4 + (i % 4 > 1) * 2 if i > 1 else 0
        left, right = max(x - half, 0), min(x + half + 1, image.shape[1])
        if 0 <= y < image.shape[0] and left < right:
            image[y, left:right] = (*colours[0].tolist(), 255)
            if i % 4 > 1:
                image[y, left : max(min(x, right), left), :3] = colours[1]
