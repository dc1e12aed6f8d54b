"""The search for the smallest Scene of a segment."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips.drawn import true_scene
from spritecodec.formats.spr.library import Library
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.search import Search
from spritecodec.render import Renderer


def sizes(*runs: NDArray[np.uint8]) -> list[int]:
    """Bytes of every candidate for the runs, in the order in which they are tried."""
    pts = np.arange(len(runs[0]), dtype=np.int64)
    search = Search(
        Library(),
        0,
        pts,
        Fraction(1, 60),
        lambda: None,
        True,
        lambda stage, done, total, words: None,
    )
    indexed = [Indexed.of(frames, *frames.shape[1:3]) for frames in runs]
    return [packed.size for _, packed in search.attempts(indexed)]


def test_another_run_that_begins_better_does_not_stop_the_search_of_the_first() -> None:
    frames = np.stack(
        list(itertools.islice(Renderer(true_scene("sprite-game-small")).frames(), 84))
    )
    exact = frames[60:]
    still = np.zeros_like(exact)  # mining it again saves nothing
    still[:, :40] = np.random.default_rng(0).integers(0, 4, (40, still.shape[2], 1)) * 60
    alone, of_still, both = sizes(exact), sizes(still), sizes(still, exact)
    assert of_still[0] < alone[0]
    assert sorted(both) == sorted(alone + of_still)
