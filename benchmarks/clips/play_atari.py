"""Play an Atari 2600 game and write its raw RGB frames to standard output.

Runs by itself in an environment that holds ``requirements-games-atari.txt``, whose
ale-py ships the games.

Every frame of the console is written (no frame skip, no sticky actions). The player
draws each action at random from those of the game, holds it for eight frames, and
starts again when the game is over.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import ale_py  # type: ignore[import-not-found]
import gymnasium

HOLD = 8  # frames


def play(game: str, seed: int) -> Iterator[Any]:
    """Frames of endless play, each (210, 160, 3) uint8 RGB."""
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    gymnasium.register_envs(ale_py)
    env = gymnasium.make(
        f"ALE/{game}-v5",
        frameskip=1,
        repeat_action_probability=0.0,
    )
    rng = random.Random(seed)
    space: Any = env.action_space
    actions = range(int(space.n))
    screen, _ = env.reset(seed=seed)
    yield screen
    while True:
        action = rng.choice(actions)
        for _ in range(HOLD):
            screen, _, over, _, _ = env.step(action)
            if over:
                screen, _ = env.reset()
            yield screen


def main(out: BinaryIO) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--game", required=True, help="as gymnasium names it: SpaceInvaders")
    parser.add_argument("--frames", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    frames = play(options.game, options.seed)
    for _ in range(options.frames):
        out.write(next(frames).tobytes())


if __name__ == "__main__":
    main(sys.stdout.buffer)
