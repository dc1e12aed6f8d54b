"""The ground of a ``platformer`` level, and what stands on it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

TILE = 16
ROWS = 16  # of the level; 256 pixels
WATER_ROW = 13  # the surface of the water in the pits


@dataclass
class Level:
    """One zone's ground and what stands on it; x, y in pixels of the zone.

    Attributes
    ----------
    ground : list of int
        Row of the topmost solid tile in each column; ROWS where there is a pit.
    planks : list of (column, row, width)
        Platforms that can be jumped through from below, in tiles.
    water : list of (column, width)
        Pits, filled with water up to the row ``water_row``.
    coins, crystals, enemies : positions; an enemy is (kind, x, y, low x, high x).
    """

    ground: list[int] = field(default_factory=list)
    planks: list[tuple[int, int, int]] = field(default_factory=list)
    water: list[tuple[int, int]] = field(default_factory=list)
    coins: list[tuple[int, int]] = field(default_factory=list)
    crystals: list[tuple[int, int]] = field(default_factory=list)
    enemies: list[tuple[str, int, int, int, int]] = field(default_factory=list)

    @property
    def width(self) -> int:
        return len(self.ground) * TILE


def lay_out(rng: random.Random, columns: int, night: bool) -> Level:
    """A random level that can be finished: steps of at most two tiles, pits of at most three."""
    level = Level()
    row = 11
    level.ground += [row] * 3
    since_pit = 0
    while len(level.ground) < columns:
        at, span = len(level.ground), rng.randint(4, 7)
        before = row
        row = min(12, max(6, row + rng.choice((-2, -1, -1, 0, 1, 1, 2))))
        if since_pit >= 1 and rng.random() < 0.5:
            since_pit = 0
            width = rng.randint(2, 3)
            row = min(12, max(before, row))
            level.ground += [ROWS] * width
            level.water.append((at, width))
            top = (before - 3) * TILE
            for i in range(width + 1):
                arc = 10 if 0 < i < width else 0
                level.coins.append(((at + i) * TILE - 4, top - arc))
            at += width
        since_pit += 1
        level.ground += [row] * span
        low, high = at * TILE, (at + span) * TILE - 18
        floor = row * TILE
        if rng.random() < 0.45:
            wide = rng.randint(2, 4)
            column = at + rng.randint(0, max(0, span - wide))
            level.planks.append((column, row - 3, wide))
            for i in range(wide):
                level.coins.append(((column + i) * TILE + 2, (row - 3) * TILE - 15))
        elif rng.random() < 0.5:
            for i in range(3):
                level.coins.append(((at + i) * TILE + 10, floor - 18))
        walker, flyer = ("jelly", rng.choice(("bat", "ghost"))) if night else ("mushroom", "bee")
        if rng.random() < 0.8:
            level.enemies.append((walker, rng.randrange(low, high), floor, low, high))
        if rng.random() < (0.7 if night else 0.5):
            x = (at + span // 2) * TILE
            level.enemies.append((flyer, x, floor - rng.randint(38, 64), low - 24, high + 24))
        if night and rng.random() < 0.7:
            level.crystals.append((rng.randrange(low, high), floor - 17))
    del level.ground[columns:]
    return level
