"""What places show again and again: periods, and the value of each place in each step of one.

A place of the nearest plane is *restless* where the plane is often wrong. A period is told by how
well what a place shows agrees with what it shows so many frames later; many places share it, and
most change at the same few frames of it, which cut it into *steps*. What a place shows in a step
is told by vote: a colour, a material over what lies behind, or nothing.
"""

from __future__ import annotations

from copy import copy

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, Ids, Longs
from spritecodec.mining.background.materials import Materials
from spritecodec.mining.background.world import World, draw_planes
from spritecodec.mining.indexed import Indexed

# A place is restless where the plane is wrong so often, and in so large a share of the frames.
OFTEN_WRONG, SHARE_WRONG = 6, 0.05
MOST_OBSERVED = 12_000_000  # pixels of all frames that are looked at
LONGEST_PERIOD = 128  # frames
FEWEST_PAIRS = 20  # of frames one period apart, to tell it by
AGREES, DIFFERS = 0.93, 0.85  # shares of them, one period apart, and less than that
# Places that share a period, at least, and of those that return after so many frames.
FEWEST_ANIMATED, TRUE_PERIOD = 24, 0.1
CLOCK = 0.05  # of the places that change when most do
MOST_STEPS = 32  # each takes memory for the whole plane
# What a cycle must explain: a share of what the plane does not, and of all that is seen.
MENDS, EXPLAINS = 0.4, 0.5


def without_screen(world: World, materials: Materials, frame: Ids) -> Ids:
    """A frame without what stands still on the screen; CLEAR where that is not known."""
    shown = np.where(world.overlay == CLEAR, frame, CLEAR)
    if world.glass is not None:
        through = (world.glass != CLEAR) & (shown < materials.under.shape[1])
        glass = world.glass[through].astype(np.int64) - materials.under.shape[1]
        shown[through] = materials.under[glass, shown[through]]
    return shown


@njit(cache=True)
def _observe(
    shown: Ids,
    drawn: Ids,
    behind: Ids,
    number: NDArray[np.int32],
    at: Longs,
    time: int,
    times: NDArray[np.int32],
    codes: NDArray[np.uint32],
    colours: int,
) -> None:
    """Append what a frame shows at the restless places to what was seen there before.

    `number`, shape (h, w), numbers them, -1 elsewhere; `at` is where the next is written.
    `codes` receives what lies behind, times 65536, plus what is shown: with the plane there, and
    without it.
    """
    for y in range(shown.shape[0]):
        for x in range(shown.shape[1]):
            k = number[y, x]
            if k < 0 or shown[y, x] >= colours:
                continue
            times[at[k]] = time
            codes[0, at[k]] = np.uint32(drawn[y, x]) << np.uint32(16) | shown[y, x]
            codes[1, at[k]] = np.uint32(behind[y, x]) << np.uint32(16) | shown[y, x]
            at[k] += 1


class Seen:
    """All that restless places show.

    Attributes
    ----------
    first : ndarray, shape (places + 1,), int64
        Where each place's observations begin.
    times : ndarray, int32
        Frames.
    pair : ndarray, shape (2, observations), int32
        Which pair of colours, behind and shown: with the plane there, and without it.
    value_first, values : ndarray
        What explains each pair: CLEAR, materials, and the colour itself.
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

    def right(self) -> Longs:
        """In how many frames the plane shows what is seen, of each place."""
        total = np.append(0, np.cumsum(self.as_drawn, dtype=np.int64))
        result: Longs = total[self.first[1:]] - total[self.first[:-1]]
        return result

    def least(self) -> Longs:
        """In how many frames a cycle must show what is seen, of each place."""
        right, total = self.right(), np.diff(self.first)
        least = np.maximum(right + MENDS * (total - right), EXPLAINS * total)
        return np.ceil(least).astype(np.int64)

    def only(self, places: Longs) -> Seen:
        """What some of the places show."""
        size = np.diff(self.first)[places]
        first = np.append(0, np.cumsum(size))
        return self._part(
            first, np.arange(first[-1]) + np.repeat(self.first[places] - first[:-1], size)
        )

    def during(self, start: Longs, end: Longs) -> Seen:
        """What the places show from one frame on and before another, each shape (places,)."""
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
def _first_return(
    first: Longs,
    times: NDArray[np.int32],
    pair: NDArray[np.int32],
    value_first: Longs,
    values: Ids,
    frames: int,
    longest: int,
    found: Longs,
) -> None:
    """After how many frames each place first shows the same again, having shown other things."""
    at = np.empty(frames, np.int64)
    for k in range(len(found)):
        at[:] = -1
        for i in range(first[k], first[k + 1]):
            at[times[i]] = pair[i]
        found[k] = 0
        lowest, before, candidate = 1.0, 0.0, 0
        for lag in range(1, longest + 1):
            agree, pairs = 0, 0
            for i in range(first[k], first[k + 1]):
                t = times[i] + lag
                if t < frames and at[t] >= 0:
                    pairs += 1
                    agree += _agree(pair[i], at[t], value_first, values)
            if pairs < FEWEST_PAIRS:
                break
            share = agree / pairs
            if candidate and share <= before:
                found[k] = candidate
                break
            lowest = min(lowest, share)
            candidate = lag if lowest < DIFFERS and share > AGREES else 0
            before = share


@njit(cache=True)
def _vote(
    first: Longs,
    times: NDArray[np.int32],
    pair: NDArray[np.int32],
    value_first: Longs,
    values: Ids,
    step: Longs,
    favour: Longs,
    choice: Ids,
    votes: NDArray[np.int32],
) -> None:
    """The value that explains most, of each place in each step of a period.

    Of equals, the one that explains more in other steps; then the one that is favoured.

    Parameters
    ----------
    step : ndarray, shape (period,), int64
        The number of the step to which each frame of the period belongs.
    choice, votes : ndarray, shape (places, steps)
        Receive the values, and how often they explain what is shown.
    """
    period = len(step)
    count = np.zeros((choice.shape[1], 65536), np.int32)
    total = np.zeros(65536, np.int64)
    for k in range(len(choice)):
        choice[k] = 65535
        votes[k] = 0
        for i in range(first[k], first[k + 1]):
            for j in range(value_first[pair[i]], value_first[pair[i] + 1]):
                count[step[times[i] % period], values[j]] += 1
                total[values[j]] += 1
        for i in range(first[k], first[k + 1]):
            turn = step[times[i] % period]
            for j in range(value_first[pair[i]], value_first[pair[i] + 1]):
                v, best = values[j], choice[k, turn]
                more = count[turn, v] - votes[k, turn]
                if more == 0:
                    more = total[v] - total[best]
                if more == 0:
                    more = favour[v] - favour[best]
                if more > 0:
                    choice[k, turn] = v
                    votes[k, turn] = count[turn, v]
        for i in range(first[k], first[k + 1]):
            for j in range(value_first[pair[i]], value_first[pair[i] + 1]):
                count[step[times[i] % period], values[j]] = 0
                total[values[j]] = 0


@njit(cache=True)
def _joined(
    first: Longs,
    times: NDArray[np.int32],
    pair: NDArray[np.int32],
    value_first: Longs,
    values: Ids,
    period: int,
) -> Longs:
    """How much less all places explain if they show the same in a frame of a period and the next.

    Returns
    -------
    ndarray, shape (period,), int64
    """
    less = np.zeros(period, np.int64)
    count = np.zeros((period, 65536), np.int64)
    one, both = np.empty(period, np.int64), np.empty(period, np.int64)
    for k in range(len(first) - 1):
        one[:] = 0
        both[:] = 0
        for i in range(first[k], first[k + 1]):
            for j in range(value_first[pair[i]], value_first[pair[i] + 1]):
                count[times[i] % period, values[j]] += 1
        for i in range(first[k], first[k + 1]):
            turn = times[i] % period
            after, before = (turn + 1) % period, (turn - 1) % period
            for j in range(value_first[pair[i]], value_first[pair[i] + 1]):
                v = values[j]
                one[turn] = max(one[turn], count[turn, v])
                both[turn] = max(both[turn], count[turn, v] + count[after, v])
                both[before] = max(both[before], count[before, v] + count[turn, v])
        for i in range(first[k], first[k + 1]):
            for j in range(value_first[pair[i]], value_first[pair[i] + 1]):
                count[times[i] % period, values[j]] = 0
        for turn in range(period):
            less[turn] += one[turn] + one[(turn + 1) % period] - both[turn]
    return less


def collect(frames: Indexed, world: World, materials: Materials) -> tuple[Longs, Seen]:
    """The restless places of the nearest plane, rows (y, x), and what they show."""
    seen = np.zeros(world.canvas.shape, np.int32)
    wrong = np.zeros(world.canvas.shape, np.int32)
    height, width = frames.height, frames.width
    colours = len(frames.colours)
    drawn, behind = np.empty((2, height, width), np.uint16)
    for t, (x, y) in enumerate(world.position.tolist()):
        shown = without_screen(world, materials, frames[t])
        draw_planes(world, t, drawn)
        part = slice(y, y + height), slice(x, x + width)
        seen[part] += shown < colours
        wrong[part] += (shown < colours) & (shown != drawn)
    restless = (wrong >= OFTEN_WRONG) & (wrong >= SHARE_WRONG * seen)
    while seen[restless].sum() > MOST_OBSERVED:
        restless &= wrong > np.median(wrong[restless])
    places = np.argwhere(restless)
    number = np.full(restless.shape, -1, np.int32)
    number[restless] = np.arange(len(places))
    first = np.append(0, np.cumsum(seen[restless], dtype=np.int64))
    times = np.empty(first[-1], np.int32)
    codes = np.empty((2, first[-1]), np.uint32)
    at = first[:-1].copy()
    for t, (x, y) in enumerate(world.position.tolist()):
        shown = without_screen(world, materials, frames[t])
        draw_planes(world, t, drawn)
        draw_planes(world, t, behind, len(world.behind))
        here = number[y : y + height, x : x + width]
        _observe(shown, drawn, behind, here, at, t, times, codes, colours)
    return places, Seen(first, times, codes, materials.over)


def _unlike(choice: Ids) -> Longs:
    """How many steps, along the last axis, do not show what most of them show."""
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
        Whether it is shown instead of the plane, not over it.
    explained : ndarray, shape (places,), int64
        Frames; one less for each step that shows something else than most steps do.
    choice, votes : ndarray, shape (places, steps)
    """

    def __init__(self, seen: Seen, step: Longs, favour: Longs | None = None) -> None:
        places, steps = len(seen), int(step.max()) + 1
        if favour is None:
            favour = np.zeros(int(CLEAR) + 1, np.int64)
        choice = np.empty((2, places, steps), np.uint16)
        votes = np.empty((2, places, steps), np.int32)
        for way in range(2):
            _vote(
                seen.first,
                seen.times,
                seen.pair[way],
                seen.value_first,
                seen.values,
                step,
                favour,
                choice[way],
                votes[way],
            )
        explained = votes.sum(axis=2) - _unlike(choice)
        self.instead: NDArray[np.bool_] = explained[1] > explained[0]
        self.explained: Longs = explained.max(axis=0).astype(np.int64)
        best = self.instead.astype(np.int64), np.arange(places)
        self.choice: Ids = choice[best]
        self.votes: NDArray[np.int32] = votes[best]

    def filled(self) -> Ids:
        """The values, shape (places, steps); where hardly anything was seen, the one before."""
        values = self.choice.copy()
        sure = self.votes > 1
        for _ in range(values.shape[1]):
            before = np.roll(sure, 1, axis=1) & ~sure
            if not before.any():
                break
            values[before] = np.roll(values, 1, axis=1)[before]
            sure |= before
        return values


def _steps(seen: Seen, period: int) -> Longs:
    """The step of each frame of a period: pictures change at the same time in many places."""
    change = _joined(seen.first, seen.times, seen.pair[1], seen.value_first, seen.values, period)
    changes = change >= CLOCK * max(1, change.max())
    return np.append(0, np.cumsum(changes[:-1])).astype(np.int64)


def find_steps(seen: Seen, frames: int) -> list[Longs]:
    """The periods that places have, the commonest first.

    Returns
    -------
    list of ndarray, each shape (period,), int64
        The step to which each frame of the period belongs.
    """
    found = np.empty(len(seen), np.int64)
    _first_return(
        seen.first,
        seen.times,
        seen.pair[1],
        seen.value_first,
        seen.values,
        frames,
        LONGEST_PERIOD,
        found,
    )
    least = seen.least()
    periods: list[tuple[int, Longs]] = []
    for period in np.unique(found[found > 0]).tolist():
        here = np.flatnonzero(found == period)
        taken = Votes(seen.only(here), np.arange(period)).explained >= least[here]
        if taken.sum() >= max(FEWEST_ANIMATED, TRUE_PERIOD * len(here)):
            periods.append((period, here[taken]))
    periods.sort(key=lambda p: -len(p[1]))
    steps = [_steps(seen.only(taken), period) for period, taken in periods]
    return [step for step in steps if step[-1] < MOST_STEPS]
