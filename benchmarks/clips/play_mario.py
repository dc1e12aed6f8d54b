"""Play Super Mario Bros and write its raw RGB frames to standard output.

Runs by itself in an environment that holds ``requirements-games-mario.txt``
(gym-super-mario-bros needs numpy < 2), never in the project's own.

The player runs right and jumps when it sees a wall, a gap or an enemy ahead: it
reads the console's memory, where the game keeps its map of the level and its list of
enemies. A seeded generator decides how early and how high it jumps, so sooner or later
it dies, and starts the level again.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

from gym_super_mario_bros import SuperMarioBrosEnv  # type: ignore[import-not-found]

# The joy-pad's buttons, as bits.
JUMP, RUN, LEFT, RIGHT = 1, 2, 64, 128

TILE = 16  # pixels
COINS = (0xC2, 0xC3)  # tiles that nothing bumps into
PATIENCE = 45  # frames without progress, after which the player steps back


class Sight:
    """What the player sees of the console's memory, in level pixels."""

    def __init__(self, ram: Any) -> None:
        self.x = int(ram[0x6D]) * 256 + int(ram[0x86])
        self.y = int(ram[0x03B8]) + 16
        self.standing = int(ram[0x1D]) == 0
        self._ram = ram

    def solid(self, dx: int, rows: int) -> bool:
        """Whether the tile `dx` pixels ahead and `rows` tiles below Mario is solid."""
        x = self.x + dx + TILE // 2
        row = (self.y - 32) // TILE + rows
        if not 0 <= row < 13:
            return False
        page, column = (x // 256) % 2, x % 256 // TILE
        tile = int(self._ram[0x500 + page * 208 + row * 16 + column])
        return tile != 0 and tile not in COINS

    def wall(self, reach: int) -> bool:
        return any(self.solid(dx, 0) for dx in range(TILE // 2, reach, 8))

    def gap(self, reach: int) -> bool:
        return not any(self.solid(reach, rows) for rows in range(1, 12))

    def enemy(self, reach: int) -> bool:
        for slot in range(5):
            x = int(self._ram[0x6E + slot]) * 256 + int(self._ram[0x87 + slot])
            y = int(self._ram[0xCF + slot]) + 24
            if self._ram[0x0F + slot] and -8 < x - self.x < reach and abs(y - self.y) < 28:
                return True
        return False


def pads(env: Any, rng: random.Random) -> Iterator[int]:
    """The buttons to hold in each frame of one attempt."""
    hold = 0  # frames for which the jump button stays down
    furthest, waited = 0, 0
    while True:
        seen = Sight(env.ram)
        waited = 0 if seen.x > furthest else waited + 1
        furthest = max(furthest, seen.x)
        if waited > PATIENCE:
            yield from [LEFT] * rng.randint(10, 30)
            waited = 0
            continue
        if hold > 0:
            hold -= 1
            yield RIGHT | RUN | JUMP
            continue
        pad = RIGHT | RUN
        if seen.standing:
            if seen.wall(rng.randint(24, 48)):
                hold = rng.randint(24, 32)
            elif seen.gap(rng.randint(8, 20)):
                hold = rng.randint(26, 32)
            elif seen.enemy(rng.randint(36, 64)):
                hold = rng.randint(8, 24)
            elif rng.random() < 0.004:
                hold = rng.randint(4, 20)
        yield pad


def play(level: tuple[int, int], seed: int) -> Iterator[Any]:
    """Yield the frames of endless play, each (240, 256, 3) uint8 RGB; valid until the next."""
    rng = random.Random(seed)
    env: Any = SuperMarioBrosEnv("vanilla", False, level)
    attempt = 0
    while True:
        attempt += 1
        played = 0
        yield env.reset()
        for pad in pads(env, rng):
            screen, _, done, _ = env.step(pad)
            yield screen
            played += 1
            if done:
                break
        ending = "flag" if env._flag_get else "death"
        log = f"attempt {attempt}: {played} frames, {ending} at x {env._x_position}"
        print(log, file=sys.stderr)


def main(out: BinaryIO) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--level", required=True, help="world and stage, for example 1-1")
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    world, stage = (int(part) for part in options.level.split("-"))
    frames = play((world, stage), options.seed)
    for _ in range(options.frames):
        out.write(next(frames).tobytes())


if __name__ == "__main__":
    main(sys.stdout.buffer)
