"""What places show again and again: periods, and the value of each place in each step of one.

A place of the nearest plane is *restless* where the plane is often wrong. A period is detected by
how well what a place shows agrees with what it shows so many frames later. Many places share it,
and most change at the same few frames of it, which cut it into *steps*. Frames vote for what a
place shows in a step: a colour, a material over what lies behind, or nothing.
"""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.animation.cycle_votes import (
    Log,
    Observations,
    count_votes,
    find_first_return,
    loss_if_joined,
    observe,
)
from spritecodec.mining.arrays import CLEAR, Ids, Longs
from spritecodec.mining.background.materials import Materials
from spritecodec.mining.background.world import World, draw_planes
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.thresholds import CYCLES, EVIDENCE

Mask = NDArray[np.bool_]
OBSERVATION_BYTES = 12  # a time and two codes of 4 bytes each, see `Log`


class Seen:
    """All that restless places show.

    Attributes
    ----------
    first : ndarray, shape (places + 1,), int64
        Where each place's observations begin.
    times : ndarray, int32
        Frames.
    pair : ndarray, shape (2, observations), int32
        Number of the pair of colours, behind and shown: with the plane there, and without it.
    value_first : ndarray, shape (pairs + 1,), int64
        Where the values that explain each pair begin.
    values : ndarray, uint16
        CLEAR, materials, and the colour shown itself.
    as_drawn : ndarray, shape (observations,), bool
        Whether the plane explains it.
    """

    def __init__(
        self, first: Longs, times: NDArray[np.int32], codes: NDArray[np.uint32], over: Ids
    ) -> None:
        self.first, self.times = first, times
        distinct, pair = np.unique(codes, return_inverse=True)
        self.pair = pair.reshape(codes.shape).astype(np.int32)
        behind, shown = distinct >> 16, distinct & 65535
        colours = over.shape[1]
        rows, values = [np.flatnonzero(behind == shown)], [CLEAR]
        inside = np.minimum(behind, colours - 1)
        for number, made in enumerate(over):
            rows.append(np.flatnonzero((made[inside] == shown) & (behind < colours)))
            values.append(np.uint16(colours + number))
        which = np.concatenate([*rows, np.arange(len(distinct))])
        value = np.concatenate(
            [np.repeat(np.array(values, np.uint16), [len(r) for r in rows]), shown]
        ).astype(np.uint16)
        order = np.argsort(which, kind="stable")  # CLEAR first
        self.values: Ids = value[order]
        self.value_first: Longs = np.searchsorted(which[order], np.arange(len(distinct) + 1))

        right = self.values[self.value_first[:-1]] == CLEAR
        self.as_drawn: NDArray[np.bool_] = right[self.pair[0]]

    def __len__(self) -> int:
        """How many places there are."""
        return len(self.first) - 1

    def observations(self, way: int) -> Observations:
        """What the places show: 0 with the plane there, 1 without it."""
        return Observations(self.first, self.times, self.pair[way], self.value_first, self.values)

    def right(self) -> Longs:
        """In how many frames the plane explains each place, shape (places,)."""
        total = np.append(0, np.cumsum(self.as_drawn, dtype=np.int64))
        result: Longs = total[self.first[1:]] - total[self.first[:-1]]
        return result

    def least(self) -> Longs:
        """In how many frames a cycle must explain each place, shape (places,)."""
        right, total = self.right(), np.diff(self.first)
        least = np.maximum(
            right + CYCLES.min_error_reduction * (total - right), EVIDENCE.majority * total
        )
        return np.ceil(least).astype(np.int64)

    def only(self, places: Longs) -> Seen:
        """The observations of some places."""
        size = np.diff(self.first)[places]
        first = np.append(0, np.cumsum(size))
        return self._part(
            first, np.arange(first[-1]) + np.repeat(self.first[places] - first[:-1], size)
        )

    def during(self, start: Longs, end: Longs) -> Seen:
        """The observations of each place from a frame on, and up to another, not included.

        Parameters
        ----------
        start, end : ndarray, shape (places,), int64
        """
        place = np.repeat(np.arange(len(self)), np.diff(self.first))
        inside = (self.times >= start[place]) & (self.times < end[place])
        size = np.bincount(place[inside], minlength=len(self))
        return self._part(np.append(0, np.cumsum(size)), np.flatnonzero(inside))

    def _part(self, first: Longs, take: Longs) -> Seen:
        part = copy(self)
        part.first, part.times = first, self.times[take]
        part.pair, part.as_drawn = self.pair[:, take], self.as_drawn[take]
        return part


def _find_restless(frames: Indexed, world: World, materials: Materials) -> tuple[Mask, Longs]:
    """The restless places of the nearest plane, and how many frames show each of them."""
    seen = np.zeros(world.canvas.shape, np.int32)
    wrong = np.zeros(world.canvas.shape, np.int32)
    height, width = frames.height, frames.width
    drawn = np.empty((height, width), np.uint16)
    for t, (x, y) in enumerate(world.position.tolist()):
        shown = materials.remove(world.screen, frames[t])
        draw_planes(world, t, drawn)
        part = slice(y, y + height), slice(x, x + width)
        known = shown < len(frames.colours)
        seen[part] += known
        wrong[part] += known & (shown != drawn)
    restless = (wrong >= CYCLES.min_wrong_frames) & (wrong >= EVIDENCE.few * seen)
    while seen[restless].sum() * OBSERVATION_BYTES > LIMITS.memory:
        restless &= wrong > np.median(wrong[restless])
    return restless, seen[restless].astype(np.int64)


def collect(frames: Indexed, world: World, materials: Materials) -> tuple[Longs, Seen]:
    """Collect what the restless places of the nearest plane show.

    Parameters
    ----------
    frames : Indexed
    world : World
        Of the same frames.
    materials : Materials
        Those of the world, and maybe more after them.

    Returns
    -------
    ndarray, shape (places, 2), int64
        Rows and columns (y, x) of the places.
    Seen
        What they show.
    """
    restless, often = _find_restless(frames, world, materials)
    places = np.argwhere(restless)
    number = np.full(restless.shape, -1, np.int32)
    number[restless] = np.arange(len(places))
    first = np.append(0, np.cumsum(often))
    times, codes = np.empty(first[-1], np.int32), np.empty((2, first[-1]), np.uint32)
    log = Log(first[:-1].copy(), times, codes)
    height, width = frames.height, frames.width
    drawn, behind = np.empty((2, height, width), np.uint16)
    for t, (x, y) in enumerate(world.position.tolist()):
        shown = materials.remove(world.screen, frames[t])
        draw_planes(world, t, drawn)
        draw_planes(world, t, behind, len(world.behind))
        here = number[y : y + height, x : x + width]
        observe(t, shown, drawn, behind, here, log, len(frames.colours))
    return places, Seen(first, times, codes, materials.over)


def _unlike(choice: Ids) -> Longs:
    """How many steps, along the last axis, differ from what most of them show."""
    steps = choice.shape[-1]
    rows = choice.reshape(-1, steps)
    code = rows.astype(np.int64) + (np.arange(len(rows))[:, None] << 16)
    distinct, count = np.unique(code, return_counts=True)
    most = np.zeros(len(rows), np.int64)
    np.maximum.at(most, distinct >> 16, count)
    result: Longs = (steps - most).reshape(choice.shape[:-1])
    return result


class Votes:
    """What restless places show in each step of a period, and how much that explains.

    Attributes
    ----------
    instead : ndarray, shape (places,), bool
        Whether it shows instead of the plane, not over it.
    explained : ndarray, shape (places,), int64
        Frames; one less for each step that shows something else than most steps do.
    choice : ndarray, shape (places, steps), uint16
        Values.
    votes : ndarray, shape (places, steps), int32
        Frames that each explains.
    """

    def __init__(self, seen: Seen, step: Longs, favour: Longs | None = None) -> None:
        places, steps = len(seen), int(step.max()) + 1
        if favour is None:
            favour = np.zeros(int(CLEAR) + 1, np.int64)
        choice = np.empty((2, places, steps), np.uint16)
        votes = np.empty((2, places, steps), np.int32)
        for way in range(2):
            count_votes(seen.observations(way), step, favour, choice[way], votes[way])
        explained = votes.sum(axis=2) - _unlike(choice)
        self.instead: NDArray[np.bool_] = explained[1] > explained[0]
        self.explained: Longs = explained.max(axis=0).astype(np.int64)
        best = self.instead.astype(np.int64), np.arange(places)
        self.choice: Ids = choice[best]
        self.votes: NDArray[np.int32] = votes[best]

    def filled(self) -> Ids:
        """The values, shape (places, steps); where too few voted, that of the step before."""
        values = self.choice.copy()
        sure = self.votes >= EVIDENCE.min_times
        for _ in range(values.shape[1]):
            before = np.roll(sure, 1, axis=1) & ~sure
            if not before.any():
                break
            values[before] = np.roll(values, 1, axis=1)[before]
            sure |= before
        return values


def _steps(seen: Seen, period: int) -> Longs:
    """The step of each frame of a period: many places change at the same frames."""
    change = loss_if_joined(seen.observations(1), period)
    changes = change >= EVIDENCE.few * max(1, change.max())
    return np.append(0, np.cumsum(changes[:-1])).astype(np.int64)


def find_steps(seen: Seen, frames: int) -> list[Longs]:
    """Find the periods that places have, the commonest first.

    Parameters
    ----------
    seen : Seen
    frames : int
        How many there are.

    Returns
    -------
    list of ndarray, each shape (period,), int64
        The step to which each frame of the period belongs.
    """
    found = np.empty(len(seen), np.int64)
    find_first_return(seen.observations(1), frames, LIMITS.voters, EVIDENCE, found)
    least = seen.least()
    periods: list[tuple[int, Longs]] = []
    for period in np.unique(found[found > 0]).tolist():
        here = np.flatnonzero(found == period)
        taken = Votes(seen.only(here), np.arange(period)).explained >= least[here]
        if taken.sum() >= max(EVIDENCE.min_pixels, EVIDENCE.few * len(here)):
            periods.append((period, here[taken]))
    periods.sort(key=lambda p: -len(p[1]))
    steps = [_steps(seen.only(taken), period) for period, taken in periods]
    return [step for step in steps if step[-1] < LIMITS.candidates]
