"""Play Crafter and write its raw RGB frames to standard output.

Runs by itself in an environment that holds ``requirements-games-crafter.txt``.

The player follows its needs, the most urgent first: fight what attacks, drink, eat,
sleep, then collect wood, make tools, mine stone, and look around. It reads the map
from the game's own world. A seeded generator decides where it wanders. When it dies,
the next episode begins in a new world.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import crafter  # type: ignore[import-not-found]

SIDE = 288  # pixels: 9 x 9 fields of 32
MOVES = {"move_left": (-1, 0), "move_right": (1, 0), "move_up": (0, -1), "move_down": (0, 1)}
LOW = 5  # of 9, the level of a need that sends the player off
TIRED = 3
SIGHT = 400  # fields searched for a goal

Field = tuple[int, int]


class OrderedSet(dict[Any, None]):
    """A set that keeps the order of insertion."""

    def add(self, item: Any) -> None:
        self[item] = None

    def remove(self, item: Any) -> None:
        del self[item]


class OrderedWorld(crafter.engine.World):  # type: ignore[misc]
    """Crafter's world, with its creatures in a fixed order.

    Crafter draws creatures at random from a set, whose order depends on memory
    addresses and so differs from run to run.
    """

    def reset(self, seed: int | None = None) -> None:
        super().reset(seed)
        self._chunks: defaultdict[Any, OrderedSet] = defaultdict(OrderedSet)


crafter.engine.World = OrderedWorld


class Player:
    """Chooses the next action from what the world holds."""

    def __init__(self, env: Any, rng: random.Random) -> None:
        self._world = env._world
        self._body = env._player
        self._rng = rng
        self._wander = "move_right"

    def _at(self, field: Field) -> tuple[str | None, str | None]:
        """The material and the kind of creature of a field."""
        material, creature = self._world[field]
        return material, type(creature).__name__ if creature else None

    def _towards(self, wanted: Callable[[str | None, str | None], bool]) -> str | None:
        """The first move to the nearest field of a kind, or ``do`` when facing it."""
        start: Field = (int(self._body.pos[0]), int(self._body.pos[1]))
        queue: deque[tuple[Field, str | None]] = deque([(start, None)])
        seen = {start}
        while queue and len(seen) < SIGHT:
            field, first = queue.popleft()
            for move, (dx, dy) in MOVES.items():
                target = (field[0] + dx, field[1] + dy)
                material, creature = self._at(target)
                if wanted(material, creature):
                    facing = field == start and tuple(self._body.facing) == (dx, dy)
                    return "do" if facing else first or move
                free = creature is None and material in ("grass", "sand", "path")
                if free and target not in seen:
                    seen.add(target)
                    queue.append((target, first or move))
        return None

    def _near_enemy(self) -> bool:
        x, y = (int(v) for v in self._body.pos)
        around = [(x + dx, y + dy) for dx in (-2, -1, 0, 1, 2) for dy in (-2, -1, 0, 1, 2)]
        return any(self._at(field)[1] in ("Zombie", "Skeleton") for field in around)

    def _craft(self) -> str | None:
        """Make a tool here, or lay down a table, where the inventory allows."""
        has = self._body.inventory
        nearby, _ = self._world.nearby(self._body.pos, 1)
        if "table" in nearby:
            for tool, stone in (("wood_pickaxe", 0), ("wood_sword", 0), ("stone_sword", 1)):
                if not has[tool] and has["wood"] >= 1 and has["stone"] >= stone:
                    return f"make_{tool}"
        target = tuple(self._body.pos + self._body.facing)
        clear = self._at(target)[0] in ("grass", "sand", "path") and self._at(target)[1] is None
        if not has["wood_sword"] and has["wood"] >= 4 and "table" not in nearby and clear:
            return "place_table"
        return None

    def _work(self) -> str | None:
        has = self._body.inventory
        if has["wood"] < 5:
            return self._towards(lambda material, _: material == "tree")
        if has["wood_pickaxe"] and has["stone"] < 9:
            return self._towards(lambda material, _: material in ("stone", "coal"))
        return None

    def action(self) -> str:
        has = self._body.inventory
        if self._body.sleeping:
            return "noop"
        choices: list[str | None] = []
        if self._near_enemy():
            choices.append(self._towards(lambda _, kind: kind in ("Zombie", "Skeleton")))
        if has["drink"] < LOW:
            choices.append(self._towards(lambda material, _: material == "water"))
        if has["food"] < LOW:
            choices.append(self._towards(lambda _, kind: kind == "Cow"))
        if has["energy"] < TIRED:
            choices.append("sleep")
        choices += [self._craft(), self._work()]
        for choice in choices:
            if choice is not None:
                return choice
        if self._rng.random() < 0.15:
            self._wander = self._rng.choice(sorted(MOVES))
        return self._wander


def play(seed: int) -> Iterator[Any]:
    """Yield the frames of endless play, each (288, 288, 3) uint8 RGB."""
    rng = random.Random(seed)
    env = crafter.Env(size=(SIDE, SIDE), seed=seed)
    while True:
        yield env.reset()
        player = Player(env, rng)
        over = False
        steps = 0
        while not over:
            screen, _, over, _ = env.step(env.action_names.index(player.action()))
            steps += 1
            yield screen
        print(f"died after {steps} steps", file=sys.stderr)


def main(out: BinaryIO) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    frames = play(options.seed)
    for _ in range(options.frames):
        out.write(next(frames).tobytes())


if __name__ == "__main__":
    main(sys.stdout.buffer)
