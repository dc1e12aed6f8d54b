"""Objects that touch are told apart where each is seen without the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spritecodec.model.matching.parts import Sightings

Image = NDArray[np.uint8]
SKY = 200
SIZE = 10


def textured(seed: int) -> Image:
    """An object of its own colours, shape (SIZE, SIZE, 3)."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(0, 180, (4, 3)).astype(np.uint8)
    found: Image = colours[rng.integers(0, 4, (SIZE, SIZE))]
    return found


def frames(places: list[list[tuple[int, int, int]]]) -> Image:
    """Pictures, 40x60, of objects (seed, y, x) over the sky."""
    drawn = np.full((len(places), 40, 60, 3), SKY, np.uint8)
    for picture, objects in zip(drawn, places, strict=True):
        for seed, y, x in objects:
            picture[y : y + SIZE, x : x + SIZE] = textured(seed)
    return drawn


def parts(clip: Image, frame: int, y: int, x: int) -> list[NDArray[np.bool_]]:
    """What the 32x32 window at (y, x) falls into."""
    colour = clip[frame, y : y + 32, x : x + 32]
    return Sightings.of(clip).parts(colour, (colour != SKY).any(2))


def test_objects_that_are_seen_apart_are_two() -> None:
    # One walks along another that rests; they touch in frames 3 to 5.
    clip = frames([[(1, 10, 30), (2, 10, 5 + 5 * t)] for t in range(4)])
    found = parts(clip, 3, 5, 15)
    assert sorted(int(part.sum()) for part in found) == [SIZE * SIZE] * 2
    right, left = np.zeros((2, 32, 32), bool)
    left[5 : 5 + SIZE, 5 : 5 + SIZE] = True
    right[5 : 5 + SIZE, 15 : 15 + SIZE] = True
    for part in found:
        assert any(np.count_nonzero(part ^ whole) <= 0.1 * SIZE**2 for whole in (left, right))


def test_what_always_moves_together_is_one() -> None:
    clip = frames([[(1, 10, 4 + 3 * t), (2, 10, 14 + 3 * t)] for t in range(8)])
    found = parts(clip, 3, 5, 8)
    assert [int(part.sum()) for part in found] == [2 * SIZE * SIZE]


def test_a_part_that_is_never_seen_alone_stays_with_the_rest() -> None:
    # A body with two faces: the body is seen with another face, no face without the body.
    clip = frames([[(1, 20, 4 + 4 * t), (2 + t % 2, 10, 4 + 4 * t)] for t in range(8)])
    found = parts(clip, 2, 5, 8)
    assert [int(part.sum()) for part in found] == [2 * SIZE * SIZE]


def test_noise_and_tiny_pictures_stay_whole() -> None:
    noise = np.random.default_rng(0).integers(0, 180, (4, 40, 40, 3)).astype(np.uint8)
    assert [int(part.sum()) for part in parts(noise, 0, 4, 4)] == [32 * 32]
    tiny = np.zeros((3, 2, 40, 3), np.uint8)
    assert [int(part.sum()) for part in parts(tiny, 0, 0, 0)] == [2 * 32]
