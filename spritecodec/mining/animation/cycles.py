"""What places show again and again: periods, and the value of each place in each step of one.

A place of the nearest plane is *restless* where the plane is often wrong. A period is detected by
how well what a place shows agrees with what it shows so many frames later. Many places share it,
and most change at the same few frames of it, which cut it into *steps*. Frames vote for what a
place shows in a step: a colour, a material over what lies behind, or nothing.
"""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, Ids, Longs
from spritecodec.mining.background.materials import Materials
from spritecodec.mining.background.world import World, draw_planes
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.thresholds import CYCLES, CycleThresholds

Mask = NDArray[np.bool_]


class _Log(NamedTuple):
    """What restless places show, while it is written down.

    Attributes
    ----------
    next : ndarray, shape (places,), int64
        Where the next observation of each place is written.
    times : ndarray, shape (observations,), int32
        Frames.
    codes : ndarray, shape (2, observations), uint32
        65536 times the colour behind, plus the colour shown: with the plane there, and without.
    """

    next: Longs
    times: NDArray[np.int32]
    codes: NDArray[np.uint32]


@njit(cache=True)
def _observe(
    t: int, shown: Ids, drawn: Ids, behind: Ids, number: NDArray[np.int32], log: _Log, colours: int
) -> None:
    """Write down what frame t shows at the restless places.

    Parameters
    ----------
    t : int
    shown, drawn, behind : ndarray, shape (h, w), uint16
        Colours of the frame, of all planes, and of the planes behind the nearest.
    number : ndarray, shape (h, w), int32
        Numbers of the places, -1 where they are not restless.
    log : _Log
    colours : int
        How many there are; other numbers in `shown` say nothing.
    """
    for y in range(shown.shape[0]):
        for x in range(shown.shape[1]):
            k = number[y, x]
            if k < 0 or shown[y, x] >= colours:
                continue
            i = log.next[k]
            log.times[i] = t
            log.codes[0, i] = np.uint32(drawn[y, x]) << np.uint32(16) | shown[y, x]
            log.codes[1, i] = np.uint32(behind[y, x]) << np.uint32(16) | shown[y, x]
            log.next[k] = i + 1


class Observations(NamedTuple):
    """What restless places show, as compiled code takes it; see `Seen`.

    `pair`, shape (observations,), is with the plane there, or without it.
    """

    first: Longs
    times: NDArray[np.int32]
    pair: NDArray[np.int32]
    value_first: Longs
    values: Ids


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
            right + CYCLES.min_error_reduction * (total - right), CYCLES.min_coverage * total
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


@njit(cache=True)
def _agree(pair: int, other: int, value_first: Longs, values: Ids) -> bool:
    """Whether one value explains both pairs."""
    for i in range(value_first[pair], value_first[pair + 1]):
        for j in range(value_first[other], value_first[other + 1]):
            if values[i] == values[j]:
                return True
    return False


@njit(cache=True)
def _first_return(seen: Observations, frames: int, limits: CycleThresholds, found: Longs) -> None:
    """The first period of each place, in frames, 0 where it has none.

    It is the distance at which what a place shows agrees best with what it showed earlier, the
    first at which nearly all agrees, after one at which less did.
    """
    at = np.empty(frames, np.int64)
    for k in range(len(found)):
        at[:] = -1
        for i in range(seen.first[k], seen.first[k + 1]):
            at[seen.times[i]] = seen.pair[i]
        found[k] = 0
        lowest, before, candidate = 1.0, 0.0, 0
        for lag in range(1, limits.max_period + 1):
            agree, pairs = 0, 0
            for i in range(seen.first[k], seen.first[k + 1]):
                t = seen.times[i] + lag
                if t < frames and at[t] >= 0:
                    pairs += 1
                    agree += _agree(seen.pair[i], at[t], seen.value_first, seen.values)
            if pairs < limits.min_pairs:
                break
            share = agree / pairs
            if candidate and share <= before:
                found[k] = candidate
                break
            lowest = min(lowest, share)
            again = lowest < limits.max_disagreement and share > limits.min_agreement
            candidate = lag if again else 0
            before = share


@njit(cache=True)
def _count(
    seen: Observations, place: int, step: Longs, by: int, count: NDArray[np.int32], total: Longs
) -> None:
    """Add to the counts of all values of a place: in each step, and in all of them."""
    for i in range(seen.first[place], seen.first[place + 1]):
        turn = step[seen.times[i] % len(step)]
        for j in range(seen.value_first[seen.pair[i]], seen.value_first[seen.pair[i] + 1]):
            count[turn, seen.values[j]] += by
            total[seen.values[j]] += by


@njit(cache=True)
def _vote(
    seen: Observations, step: Longs, favour: Longs, choice: Ids, votes: NDArray[np.int32]
) -> None:
    """The value that explains most, of each place in each step of a period.

    Of equals, the one that explains more in other steps; then the one that is favoured.

    Parameters
    ----------
    seen : Observations
    step : ndarray, shape (period,), int64
        The step to which each frame of the period belongs.
    favour : ndarray, shape (65536,), int64
        How much each value is favoured.
    choice, votes : ndarray, shape (places, steps)
        Receive the values, and how often they explain what is shown.
    """
    count = np.zeros((choice.shape[1], 65536), np.int32)
    total = np.zeros(65536, np.int64)
    for k in range(len(choice)):
        choice[k] = 65535
        votes[k] = 0
        _count(seen, k, step, 1, count, total)
        for i in range(seen.first[k], seen.first[k + 1]):
            turn = step[seen.times[i] % len(step)]
            for j in range(seen.value_first[seen.pair[i]], seen.value_first[seen.pair[i] + 1]):
                v, best = seen.values[j], choice[k, turn]
                more = count[turn, v] - votes[k, turn]
                if more == 0:
                    more = total[v] - total[best]
                if more == 0:
                    more = favour[v] - favour[best]
                if more > 0:
                    choice[k, turn] = v
                    votes[k, turn] = count[turn, v]
        _count(seen, k, step, -1, count, total)


@njit(cache=True)
def _loss_if_joined(seen: Observations, period: int) -> Longs:
    """How much less all places explain if a frame of a period and the next show the same.

    Returns
    -------
    ndarray, shape (period,), int64
        Observations.
    """
    less = np.zeros(period, np.int64)
    count = np.zeros((period, 65536), np.int32)
    total = np.zeros(65536, np.int64)
    one, both, step = np.empty(period, np.int64), np.empty(period, np.int64), np.arange(period)
    for k in range(len(seen.first) - 1):
        one[:] = 0
        both[:] = 0
        _count(seen, k, step, 1, count, total)
        for i in range(seen.first[k], seen.first[k + 1]):
            turn = seen.times[i] % period
            after, before = (turn + 1) % period, (turn - 1) % period
            for j in range(seen.value_first[seen.pair[i]], seen.value_first[seen.pair[i] + 1]):
                v = seen.values[j]
                one[turn] = max(one[turn], count[turn, v])
                both[turn] = max(both[turn], count[turn, v] + count[after, v])
                both[before] = max(both[before], count[before, v] + count[turn, v])
        _count(seen, k, step, -1, count, total)
        for turn in range(period):
            less[turn] += one[turn] + one[(turn + 1) % period] - both[turn]
    return less


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
    restless = (wrong >= CYCLES.min_wrong_frames) & (wrong >= CYCLES.min_wrong_share * seen)
    while seen[restless].sum() > CYCLES.max_observations:
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
    log = _Log(first[:-1].copy(), times, codes)
    height, width = frames.height, frames.width
    drawn, behind = np.empty((2, height, width), np.uint16)
    for t, (x, y) in enumerate(world.position.tolist()):
        shown = materials.remove(world.screen, frames[t])
        draw_planes(world, t, drawn)
        draw_planes(world, t, behind, len(world.behind))
        here = number[y : y + height, x : x + width]
        _observe(t, shown, drawn, behind, here, log, len(frames.colours))
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
            _vote(seen.observations(way), step, favour, choice[way], votes[way])
        explained = votes.sum(axis=2) - _unlike(choice)
        self.instead: NDArray[np.bool_] = explained[1] > explained[0]
        self.explained: Longs = explained.max(axis=0).astype(np.int64)
        best = self.instead.astype(np.int64), np.arange(places)
        self.choice: Ids = choice[best]
        self.votes: NDArray[np.int32] = votes[best]

    def filled(self) -> Ids:
        """The values, shape (places, steps); where too few voted, that of the step before."""
        values = self.choice.copy()
        sure = self.votes >= CYCLES.min_votes
        for _ in range(values.shape[1]):
            before = np.roll(sure, 1, axis=1) & ~sure
            if not before.any():
                break
            values[before] = np.roll(values, 1, axis=1)[before]
            sure |= before
        return values


def _steps(seen: Seen, period: int) -> Longs:
    """The step of each frame of a period: many places change at the same frames."""
    change = _loss_if_joined(seen.observations(1), period)
    changes = change >= CYCLES.min_change_share * max(1, change.max())
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
    _first_return(seen.observations(1), frames, CYCLES, found)
    least = seen.least()
    periods: list[tuple[int, Longs]] = []
    for period in np.unique(found[found > 0]).tolist():
        here = np.flatnonzero(found == period)
        taken = Votes(seen.only(here), np.arange(period)).explained >= least[here]
        if taken.sum() >= max(CYCLES.min_places, CYCLES.min_period_share * len(here)):
            periods.append((period, here[taken]))
    periods.sort(key=lambda p: -len(p[1]))
    steps = [_steps(seen.only(taken), period) for period, taken in periods]
    return [step for step in steps if step[-1] < CYCLES.max_steps]
