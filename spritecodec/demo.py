"""A small clip of a game that the package draws itself, for trying the codec out.

A runner collects coins in a world that scrolls; two slimes walk to and fro, a cloud drifts by,
and a line at the top counts.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from spritecodec.scene import FLIP_HORIZONTAL, Layer, Residual, Scene, Tracks

WIDTH, HEIGHT, FRAMES = 128, 96, 120
FRAME_RATE = Fraction(30)
TILE = 8
GROUND = 80  # y of the ground's upper edge

SKY = (99, 155, 255)
COLOURS = {
    ".": (0, 0, 0, 0),
    "k": (34, 32, 52, 255),
    "w": (255, 255, 255, 255),
    "s": (238, 195, 154, 255),
    "r": (217, 60, 60, 255),
    "b": (63, 63, 160, 255),
    "y": (251, 242, 54, 255),
    "o": (223, 113, 38, 255),
    "g": (106, 190, 48, 255),
    "d": (55, 148, 110, 255),
    "n": (143, 86, 59, 255),
    "m": (102, 57, 49, 255),
    "c": (203, 219, 252, 255),
    "h": (120, 170, 240, 255),
}

RUNNER_HEAD = """
..kkkk..
.kkkkkk.
.kskssk.
.ssksks.
..ssss..
.oorooo.
soorooos
s.rooo.s
"""
RUNNER_LEGS = {
    "stand": ".mm..mm. .kk..kk.",
    "step": "mm....mm kk....kk",
    "pass": "..mmmm.. ..kkkk..",
    "jump": ".mmmmmm. kk....kk",
}
SLIME = """
...gggg...
..gggggg..
.ggwkgwkg.
.ggwkgwkg.
gggggggggg
gddddddddg
"""
SLIME_FLAT = """
..........
...gggg...
.gggggggg.
ggwkggwkgg
gggggggggg
gddddddddg
"""
COINS = (
    ".kkkk. kyyyyk kywyyk kywyyk kyyyyk kyyyok .kkkk.",
    "..kk.. .kyyk. .kwyk. .kwyk. .kyyk. .kyok. ..kk..",
    "..kk.. ..ky.. ..kw.. ..kw.. ..ky.. ..ko.. ..kk..",
)
CLOUD = """
......cccc..........
...ccccwwccc........
..cwwwwwwwwccccc....
.cwwwwwwwwwwwwwcc...
cwwwwwwwwwwwwwwwwcc.
cccccccccccccccccccc
"""
DIGITS = (
    "www w.w w.w w.w www", ".w. ww. .w. .w. www", "www ..w www w.. www", "www ..w .ww ..w www",
    "w.w w.w www ..w ..w", "www w.. www ..w www", "www w.. www w.w www", "www ..w .w. .w. .w.",
    "www w.w www w.w www", "www w.w www ..w www",
)  # fmt: skip
GRASS = "gggggggg gggggggg gdgggdgg ndngnndn nnnnnnnn nmnnnnnn nnnnnmnn nnnnnnnn"
EARTH = "nnnnnnnn nnmnnnnn nnnnnnnn nnnnnnmn nnnnnnnn nmnnnnnn nnnnmnnn nnnnnnnn"
BRICK = "nnnnnnnk noooonok noooonok kkkkkkkk nnknnnnn ooknoooo ooknoooo kkkkkkkk"
PLATFORMS = ((5, 6, 4), (13, 5, 5), (20, 7, 3), (25, 5, 4))  # column, row, tiles
COIN_PLACES = ((5, 4), (8, 4), (14, 3), (16, 3), (19, 8), (21, 5), (25, 3), (27, 3))

Picture = NDArray[np.uint8]


def draw(text: str) -> Picture:
    """RGBA of a picture whose rows are words of letters in COLOURS."""
    rows = text.split()
    return np.array([[COLOURS[letter] for letter in row] for row in rows], np.uint8)


def demo_scene() -> Scene:
    """The clip as a Scene, always the same.

    Returns
    -------
    Scene
        120 frames of 128x96.
    """
    pan = np.zeros((FRAMES, 2), np.int32)
    pan[:, 0] = np.clip(np.arange(FRAMES) - 8, 0, 104)
    coins = _Coins()
    cast = _Cast()
    heads = [draw(RUNNER_HEAD + legs) for legs in RUNNER_LEGS.values()]
    _add_runner(cast, [cast.sprite(picture) for picture in heads], coins)
    _add_slimes(cast, [cast.sprite(draw(SLIME)), cast.sprite(draw(SLIME_FLAT))])
    coins.add_to(cast)
    t = np.arange(FRAMES)
    cast.add(0, 0, cast.sprite(draw(CLOUD)), 120 - t // 2, 12)

    return Scene(
        width=WIDTH,
        height=HEIGHT,
        pts=t,
        time_base=1 / FRAME_RATE,
        backdrop=np.tile(np.array([SKY], np.uint8), (FRAMES, 1)),
        sprites=tuple(cast.sprites),
        textures=(_draw_world(WIDTH + int(pan[-1, 0])),),
        layers=(
            Layer(pan, np.zeros((1, 3), np.int32)),
            Layer(np.zeros_like(pan), np.zeros((0, 3), np.int32)),
        ),
        tracks=cast.tracks(),
        residual=Residual.none(),
    )


def _draw_world(width: int) -> Picture:
    """Sky, hills, ground and platforms."""
    world = np.full((HEIGHT, width, 4), (*SKY, 255), np.uint8)
    x = np.arange(width)
    hills = 62 + 9 * np.sin(x / 17) + 5 * np.sin(x / 7 + 1)
    world[np.arange(HEIGHT)[:, None] >= hills] = COLOURS["h"]
    columns = -(-width // TILE)
    for row, tile in ((0, GRASS), (1, EARTH)):
        top = GROUND + row * TILE
        world[top : top + TILE] = np.tile(draw(tile), (1, columns, 1))[:, :width]
    for column, row, count in PLATFORMS:
        place = np.s_[row * TILE : (row + 1) * TILE, column * TILE : (column + count) * TILE]
        world[place] = np.tile(draw(BRICK), (1, count, 1))
    return world


class _Cast:
    """The sprites and tracks of a scene that is being put together."""

    def __init__(self) -> None:
        self.sprites: list[Picture] = []
        self._heads: list[tuple[int, int, int]] = []  # layer, z, first frame
        self._places: list[NDArray[np.int64]] = []  # (frames, 4): sprite, x, y, flip

    def sprite(self, picture: Picture) -> int:
        """Add a sprite; returns its number."""
        self.sprites.append(picture)
        return len(self.sprites) - 1

    def add(
        self,
        layer: int,
        z: int,
        sprite: int | NDArray[np.int64],
        x: int | NDArray[np.int64],
        y: int | NDArray[np.int64],
        flip: int | NDArray[np.int64] = 0,
        start: int = 0,
    ) -> None:
        """Add a track; numbers stand for as many equal ones as the other columns have."""
        columns = np.atleast_1d(*np.broadcast_arrays(sprite, x, y, flip))
        self._heads.append((layer, z, start))
        self._places.append(np.stack(columns, 1).astype(np.int64))

    def tracks(self) -> Tracks:
        heads = np.array(self._heads, np.int32)
        places = np.concatenate(self._places).astype(np.int32)
        length = [len(p) for p in self._places]
        return Tracks(
            layer=heads[:, 0],
            z=heads[:, 1],
            start=heads[:, 2],
            first=np.append(0, np.cumsum(length)).astype(np.int64),
            sprite=places[:, 0],
            x=places[:, 1],
            y=places[:, 2],
            flip=places[:, 3].astype(np.uint8),
        )


class _Coins:
    """Coins that spin and bob until the runner takes them, and the count of those taken."""

    def __init__(self) -> None:
        self._taken = np.full(len(COIN_PLACES), FRAMES)  # frame; FRAMES for never

    def take(self, t: int, x: int, y: int) -> None:
        """Take the coins that a runner at (x, y) touches at frame t."""
        for i, (column, row) in enumerate(COIN_PLACES):
            if abs(column * TILE - x) < TILE and abs(row * TILE - y) < 10:
                self._taken[i] = min(t, self._taken[i])

    def add_to(self, cast: _Cast) -> None:
        spinning = [cast.sprite(draw(coin)) for coin in COINS]
        turn = np.array([spinning[i] for i in (0, 1, 2, 1)])
        for (column, row), taken in zip(COIN_PLACES, self._taken.tolist(), strict=True):
            if taken:
                t = np.arange(taken)
                bob = np.abs(t // 2 % 12 - 6)
                cast.add(0, 1, turn[t // 4 % 4], column * TILE + 1, row * TILE - bob)
        digits = np.array([cast.sprite(draw(digit)) for digit in DIGITS])
        cast.add(1, 4, turn[np.zeros(FRAMES, int)], 4, 3)
        count = (self._taken[None] <= np.arange(FRAMES)[:, None]).sum(axis=1)
        for place, value in enumerate((count // 10, count % 10)):
            cast.add(1, 4, digits[value], 13 + 4 * place, 4)


def _add_runner(cast: _Cast, looks: list[int], coins: _Coins) -> None:
    """The runner: runs to the right, and jumps in arcs."""
    t = np.arange(FRAMES)
    x = 16 + t + np.clip(t - 104, 0, 12)
    y = np.full(FRAMES, GROUND - 10)
    stand, step, passing, jump = looks
    sprite = np.array([stand, step, passing, step])[t // 3 % 4]
    for start, height in ((14, 38), (44, 46), (78, 34), (96, 46)):
        flight = np.arange(24)
        y[start : start + 24] -= (4 * height * flight * (24 - flight)) // 24**2
        sprite[start + 1 : start + 24] = jump
    for now in t.tolist():
        coins.take(now, int(x[now]), int(y[now]))
    cast.add(0, 3, sprite, x, y)


def _add_slimes(cast: _Cast, looks: list[int]) -> None:
    """Two slimes that walk to and fro, one on the ground and one on a platform."""
    t = np.arange(FRAMES)
    for left, reach, y in ((72, 40, GROUND - 6), (13 * TILE, 30, 5 * TILE - 6)):
        way = t // 2 % (2 * reach)
        back = way >= reach
        x = left + np.where(back, 2 * reach - way, way)
        cast.add(0, 2, np.array(looks)[t // 6 % 2], x, y, np.where(back, FLIP_HORIZONTAL, 0))
