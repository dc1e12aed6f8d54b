"""Counting what restless places show in each step of a period, compiled by numba."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import Ids, Longs
from spritecodec.mining.thresholds import Evidence


class Log(NamedTuple):
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
def observe(
    t: int, shown: Ids, drawn: Ids, behind: Ids, number: NDArray[np.int32], log: Log, colours: int
) -> None:
    """Write down what frame t shows at the restless places.

    Parameters
    ----------
    t : int
    shown, drawn, behind : ndarray, shape (h, w), uint16
        Colours of the frame, of all planes, and of the planes behind the nearest.
    number : ndarray, shape (h, w), int32
        Numbers of the places, -1 where they are not restless.
    log : Log
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


@njit(cache=True)
def _agree(pair: int, other: int, value_first: Longs, values: Ids) -> bool:
    """Whether one value explains both pairs."""
    for i in range(value_first[pair], value_first[pair + 1]):
        for j in range(value_first[other], value_first[other + 1]):
            if values[i] == values[j]:
                return True
    return False


@njit(cache=True)
def find_first_return(
    seen: Observations, frames: int, max_period: int, needed: Evidence, found: Longs
) -> None:
    """Find the period of each place, in frames, 0 where it has none.

    It is the first distance at which nearly all pairs of frames agree, and no more of them at the
    next distance, after a smaller distance at which fewer agree.

    Parameters
    ----------
    seen : Observations
    frames : int
        How many there are.
    max_period : int
        In frames.
    needed : Evidence
    found : ndarray, shape (places,), int64
        Receives the periods.
    """
    at = np.empty(frames, np.int64)
    for k in range(len(found)):
        at[:] = -1
        for i in range(seen.first[k], seen.first[k + 1]):
            at[seen.times[i]] = seen.pair[i]
        found[k] = 0
        lowest, before, candidate = 1.0, 0.0, 0
        for lag in range(1, max_period + 1):
            agree, pairs = 0, 0
            for i in range(seen.first[k], seen.first[k + 1]):
                t = seen.times[i] + lag
                if t < frames and at[t] >= 0:
                    pairs += 1
                    agree += _agree(seen.pair[i], at[t], seen.value_first, seen.values)
            if pairs < needed.min_frames:
                break
            share = agree / pairs
            if candidate and share <= before:
                found[k] = candidate
                break
            lowest = min(lowest, share)
            again = lowest < needed.most and share > needed.nearly_all
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
def count_votes(
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
def loss_if_joined(seen: Observations, period: int) -> Longs:
    """How much less is explained if a frame of a period and the next show the same values.

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
