"""The rules of ``platformer``: how the fox, its enemies and the camera move.

Positions and speeds of the fox and the camera are whole sixteenths of a pixel (a frame at 60 a
second), so that every machine plays the same game.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from benchmarks.clips.pixel_art import wave
from benchmarks.clips.platformer_level import ROWS, TILE, WATER_ROW, Level

SUB = 16
RUN, PUSH, JUMP, BOUNCE, SPLASH, GRAVITY, FASTEST = 28, 3, -64, -50, -78, 3, 72
WIDTH = 12  # of the fox's body, in pixels; the picture is 22 wide
FLYERS = ("bee", "bat", "ghost")


@dataclass
class Fox:
    """x, y: left end and soles of the body; all in sixteenths of a pixel."""

    x: int
    y: int
    vx: int = 0
    vy: int = 0
    right: bool = True
    grounded: bool = True
    dazed: int = 0
    stride: int = 0


@dataclass
class Enemy:
    """x, y: left end and soles (for flyers: middle of the path) in pixels."""

    kind: str
    x: int
    y: int
    low: int
    high: int
    step: int
    age: int
    beaten: int = 0

    def height(self) -> int:
        """Where its soles are now, in pixels."""
        if self.kind == "jelly":
            at = self.age % 56
            return self.y - (max(0, wave(at - 16, 80, 18)) if at >= 16 else 0)
        if self.kind in FLYERS:
            return self.y + wave(self.age, 130, 12)
        return self.y


@dataclass
class Effect:
    """A short-lived effect (dust, sparkle, splash) with its centre at x, y in pixels."""

    kind: str
    x: int
    y: int
    age: int = 0


@dataclass
class Tally:
    """What the display shows."""

    score: int = 0
    coins: int = 0
    hearts: int = 3


class Game:
    """One zone being played.

    Parameters
    ----------
    level : Level
    rng : random.Random
        Decides when the fox rests and turns back.
    screen : (int, int)
        Width and height in pixels, for the camera.
    tally : Tally
        Shared by the zones.
    """

    def __init__(
        self, level: Level, rng: random.Random, screen: tuple[int, int], tally: Tally
    ) -> None:
        self.level, self.tally = level, tally
        self._rng, self._screen = rng, screen
        self.fox = Fox(24 * SUB, level.ground[1] * TILE * SUB, RUN)
        self.enemies = [
            Enemy(kind, x, y, low, high, rng.choice((-1, 1)), rng.randrange(120))
            for kind, x, y, low, high in level.enemies
        ]
        self.effects: dict[int, Effect] = {}
        self.taken: set[int] = set()
        self._born = 0
        self._mood, self._patience = "run", 150
        self._camera_x, self._camera_y = self._aim()

    @property
    def camera(self) -> tuple[int, int]:
        """The top left corner of the view, in pixels of the level."""
        return self._camera_x // SUB, self._camera_y // SUB

    def advance(self) -> None:
        """Advance the game by one sixtieth of a second."""
        self._choose()
        self._move()
        self._collect()
        self._fight()
        for effect in self.effects.values():
            effect.age += 1
        self.effects = {i: e for i, e in self.effects.items() if e.age < 20}
        aim_x, aim_y = self._aim()
        self._camera_x += (aim_x - self._camera_x) // 10
        self._camera_y += (aim_y - self._camera_y) // 14

    def _aim(self) -> tuple[int, int]:
        w, h = self._screen
        ahead = 18 if self.fox.right else -4
        x = self.fox.x // SUB + ahead - w * 2 // 5
        y = self.fox.y // SUB - h * 5 // 8
        x = max(0, min(x, self.level.width - w))
        return x * SUB, max(0, min(y, ROWS * TILE - h)) * SUB

    def _choose(self) -> None:
        self._patience -= 1
        if self._patience <= 0 and self.fox.grounded:
            self._mood = self._rng.choice(("run", "run", "rest", "back"))
            spans = {"run": (90, 200), "rest": (40, 70), "back": (24, 44)}
            self._patience = self._rng.randint(*spans[self._mood])

    def _top(self, x: int) -> int:
        """y of the ground at column x (pixels); below the level where there is a pit."""
        column = max(0, min(x // TILE, len(self.level.ground) - 1))
        row = self.level.ground[column]
        return (row if row < ROWS else ROWS + 4) * TILE

    def _floor(self, x: int, soles: int) -> int:
        """y of the highest support at or below the fox's soles, with the fox at x (pixels)."""
        best = min(self._top(x + 2), self._top(x + WIDTH - 3))
        for column, row, width in self.level.planks:
            over = column * TILE - WIDTH < x < (column + width) * TILE
            if over and row * TILE >= soles:
                best = min(best, row * TILE)
        return best

    def _move(self) -> None:
        fox = self.fox
        x, soles = fox.x // SUB, fox.y // SUB
        wish = {"run": RUN, "rest": 0, "back": -RUN}[self._mood]
        ahead = 1 if wish >= 0 else -1
        edge = x + WIDTH + 5 if ahead > 0 else x - 6
        if self._mood == "back" and self._top(edge) != self._top(x + WIDTH // 2):
            wish, self._mood = 0, "rest"
        fox.vx += max(-PUSH, min(PUSH, wish - fox.vx))
        if wish:
            fox.right = wish > 0
        if fox.grounded and wish > 0 and self._should_jump(x, soles):
            fox.vy, fox.grounded = JUMP, False
            self._effect("puff", x + 3, soles - 3)
        moved = (fox.x + fox.vx) // SUB
        front = moved + WIDTH - 1 if fox.vx > 0 else moved
        if self._top(front) < soles or not 0 <= moved <= self.level.width - WIDTH:
            fox.vx = 0
        fox.x += fox.vx
        fox.stride += abs(fox.vx)
        x = fox.x // SUB
        floor = self._floor(x, soles) * SUB
        was_up = not fox.grounded
        fox.vy = min(fox.vy + GRAVITY, FASTEST)
        fox.y += fox.vy
        fox.grounded = fox.vy >= 0 and fox.y >= floor
        if fox.grounded:
            fox.y = floor
            if was_up and fox.vy > 40:
                self._effect("puff", x - 1, floor // SUB - 2)
                self._effect("puff", x + WIDTH + 1, floor // SUB - 2)
            fox.vy = 0
        if fox.y // SUB > WATER_ROW * TILE + 12 and self._top(x + WIDTH // 2) > ROWS * TILE:
            fox.vy = SPLASH
            self._effect("splash", x + WIDTH // 2, WATER_ROW * TILE + 3)
        if fox.grounded and abs(fox.vx) == RUN and fox.stride % (RUN * 16) < RUN:
            self._effect("puff", x + (0 if fox.right else WIDTH), fox.y // SUB - 2)

    def _should_jump(self, x: int, soles: int) -> bool:
        nose = x + WIDTH
        if self._top(nose + 14) < soles or self._top(nose + 3) > ROWS * TILE:
            return True
        for enemy in self.enemies:
            near = 8 < enemy.x - nose < 26 and not enemy.beaten
            if near and enemy.kind != "ghost" and -20 < soles - enemy.height() < 26:
                return True
        return any(
            i not in self.taken and 12 < cx - nose < 20 and 24 < soles - cy < 70
            for i, (cx, cy) in enumerate(self.level.coins)
        )

    def _collect(self) -> None:
        x, y = self.fox.x // SUB, self.fox.y // SUB
        for i, (cx, cy) in enumerate(self.level.coins):
            if i not in self.taken and -11 < cx - x < WIDTH + 1 and -26 < cy - y < 2:
                self.taken.add(i)
                self.tally.coins = (self.tally.coins + 1) % 100
                self.tally.score += 50
                self._effect("sparkle", cx + 6, cy + 6)

    def _fight(self) -> None:
        fox = self.fox
        fox.dazed = max(0, fox.dazed - 1)
        x, soles = fox.x // SUB, fox.y // SUB
        for enemy in self.enemies:
            enemy.age += 1
            if enemy.beaten:
                enemy.beaten += 1
                continue
            moving = enemy.age % 56 >= 16 if enemy.kind == "jelly" else enemy.age % 3 == 0
            if moving and (enemy.kind != "jelly" or enemy.age % 2):
                enemy.x += enemy.step
            if not enemy.low < enemy.x < enemy.high:
                enemy.step = 1 if enemy.x <= enemy.low else -1
            up = enemy.height()
            if enemy.kind == "ghost" or not -14 < enemy.x - x < WIDTH:
                continue
            if fox.vy > 6 and -4 < soles - up + 14 < 12:
                enemy.beaten, fox.vy, fox.grounded = 1, BOUNCE, False
                self.tally.score += 200
                self._effect("puff", enemy.x + 8, up - 5)
            elif not fox.dazed and -10 < soles - up < 20 and fox.vy <= 6:
                fox.dazed = 80
                self.tally.hearts = self.tally.hearts - 1 or 3

    def _effect(self, kind: str, x: int, y: int) -> None:
        self.effects[self._born] = Effect(kind, x, y)
        self._born += 1
