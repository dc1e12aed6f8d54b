"""Limits of work, shared by all stages: they bound time and memory where a clip is unusual.

A *threshold* (`spritecodec.mining.thresholds`) decides what is seen: whether so many pixels are
evidence enough. A *limit* bounds work, and should never decide on an ordinary clip: a search ends
that has found nothing better for long, a sample votes instead of all, arrays end before memory
does. So a few numbers serve all stages. A bound that moves the bytes or the time of ordinary clips
is a threshold of its stage (`COVER.max_rounds`, for example), not a limit.
"""

from __future__ import annotations

from typing import NamedTuple


class Limits(NamedTuple):
    """Limits of work, shared by all stages."""

    voters: int = 128
    """Frames, pairs of frames or placements that vote, evenly spread, where all would take long;
    also frames of the longest period."""

    candidates: int = 64
    """Alternatives that are compared one by one, the likeliest first: keyframes, earlier objects,
    neighbours of a sprite, places, materials."""

    displacements: int = 8
    """Displacements, successors or colours that are kept of a vote, those with the most votes
    first."""

    rounds: int = 6
    """Rounds in which something is improved; most end earlier, when nothing changes."""

    minings: int = 4
    """Minings in a chain, each of which starts from the merged sprites of the previous one."""

    things: int = 1024
    """Things that are found at most, those that explain the most first: shapes, materials and
    pairs of colours; and colours of a clip that may have a palette."""

    colours: int = 4096
    """Colours of a palette that is made, and of a clip that may be drawn."""

    pixels: int = 1 << 17
    """Pairs of pixels that are sampled where all would take long."""

    comparisons: int = 20_000_000
    """Pixels compared in one search."""

    memory: int = 1 << 27
    """Bytes of the largest arrays."""


LIMITS = Limits()
