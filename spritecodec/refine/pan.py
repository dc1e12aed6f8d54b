"""Pan: where the camera looks in each frame.

Every 8x8 window that occurs once in a frame is looked up in another frame; the windows
that occur once there too vote for a displacement. So any displacement is found at one
price, and camera jumps and returns (death and restart, rooms visited again) are found by
the same means, against keyframes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from spritecodec.refine.indexed import Indexed
from spritecodec.refine.kernels import Ids, Longs

WINDOW = 8
CELLS = 8  # displacements are counted in a grid of CELLS x CELLS parts of the screen
WIDE = 6  # a displacement seen in so many cells is the camera's, not an object's
FEWEST_VOTES = 60
SAMPLED = 5  # the overlay is sought in every SAMPLED-th pair of frames
LARGEST_STEP = 64  # pixels a frame, when looking for scrolling
SUDDEN = 3  # pixels a frame: a change of speed that makes a jump worth considering
AS_USUAL, PLAUSIBLE, POSSIBLE = 0.98, 0.8, 0.6  # shares of the drawn pixels that agree
SAME_PICTURE = 0.9  # share that agrees although another colour is the commonest now
SAME_PLACE = 0.8  # share that agrees with a keyframe of the place
SPARSE_SHARE = 0.05  # of the screen: fewer drawn pixels cannot tell a cut
SHORTEST_ROOM = 8  # frames
# A cut under a camera that stands still: fewer of the drawn pixels stay, and so large a
# share of the screen shows one thing for some frames before and another for some after.
REMAINING, REARRANGED_SHARE = 0.75, 0.1
SETTLED = 4  # frames
MOST_KEYS = 64  # keyframes remembered, the latest

Displacement = tuple[int, int]
Table = tuple[NDArray[np.uint64], Longs]


@dataclass(frozen=True)
class Pan:
    """The camera's path.

    Attributes
    ----------
    position : ndarray, shape (n, 2), int64
        Of the screen's top left corner (x, y) in its room's coordinates.
    room : ndarray, shape (n,), int64
        Number of the place shown; places with no known way between them differ.
    overlay : ndarray, shape (h, w), bool
        Where something fixed to the screen seems to cover what scrolls.
    """

    position: Longs
    room: Longs
    overlay: NDArray[np.bool_]


@njit(cache=True)
def _window_hashes(frame: Ids, out: NDArray[np.uint64], rows: NDArray[np.uint64]) -> None:
    """Hash of every WINDOW x WINDOW window, rolling along rows and then columns."""
    h, w = frame.shape
    size = WINDOW
    a = np.uint64(0x9E3779B97F4A7C15)
    b = np.uint64(0xC2B2AE3D27D4EB4F)
    a_out = np.uint64(1)
    b_out = np.uint64(1)
    for _ in range(size):
        a_out *= a
        b_out *= b
    for y in range(h):
        acc = np.uint64(0)
        for x in range(w):
            acc = acc * a + np.uint64(frame[y, x]) + np.uint64(1)
            if x >= size:
                acc -= a_out * (np.uint64(frame[y, x - size]) + np.uint64(1))
            if x >= size - 1:
                mixed = (acc ^ (acc >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
                rows[y, x - size + 1] = mixed
    for x in range(w - size + 1):
        acc = np.uint64(0)
        for y in range(h):
            acc = acc * b + rows[y, x]
            if y >= size:
                acc -= b_out * rows[y - size, x]
            if y >= size - 1:
                out[y - size + 1, x] = acc ^ (acc >> np.uint64(32))


@njit(cache=True)
def _fill_table(hashes: NDArray[np.uint64], keys: NDArray[np.uint64], where: Longs) -> None:
    """Open addressing: where[slot] is the window's place, -1 empty, -2 seen twice."""
    mask = np.uint64(len(keys) - 1)
    where[:] = -1
    h, w = hashes.shape
    for y in range(h):
        for x in range(w):
            key = hashes[y, x]
            slot = (key * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(20)) & mask
            while where[slot] != -1 and keys[slot] != key:
                slot = (slot + np.uint64(1)) & mask
            if where[slot] == -1:
                keys[slot] = key
                where[slot] = y * w + x
            else:
                where[slot] = -2


@njit(cache=True)
def _common(
    keys0: NDArray[np.uint64],
    where0: Longs,
    keys1: NDArray[np.uint64],
    where1: Longs,
    width: int,
    out: Longs,
) -> int:
    """Windows that occur once in each of two frames: rows (x0, y0, x1, y1)."""
    mask = np.uint64(len(keys1) - 1)
    count = 0
    for i in range(len(keys0)):
        if where0[i] < 0:
            continue
        key = keys0[i]
        slot = (key * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(20)) & mask
        while where1[slot] != -1 and keys1[slot] != key:
            slot = (slot + np.uint64(1)) & mask
        if where1[slot] >= 0:
            out[count, 0] = where0[i] % width
            out[count, 1] = where0[i] // width
            out[count, 2] = where1[slot] % width
            out[count, 3] = where1[slot] // width
            count += 1
    return count


@njit(cache=True)
def _agreement(
    before: Ids, frame: Ids, dx: int, dy: int, plain: int, overlay: NDArray[np.bool_]
) -> tuple[int, int]:
    """Of the pixels that are neither plain nor overlaid: how many agree, how many there are."""
    h, w = frame.shape
    agree = 0
    total = 0
    for y in range(h):
        y0 = y - dy
        for x in range(w):
            c = frame[y, x]
            if c == plain or overlay[y, x]:
                continue
            total += 1
            x0 = x - dx
            if 0 <= y0 < h and 0 <= x0 < w and before[y0, x0] == c:
                agree += 1
    return agree, total


@njit(cache=True)
def _evidence(
    before: Ids, frame: Ids, dx: int, dy: int, fixed: NDArray[np.int32], moved: NDArray[np.int32]
) -> None:
    """Count per pixel what only standing still, and what only scrolling, explains."""
    h, w = frame.shape
    for y in range(h):
        for x in range(w):
            x0 = x - dx
            y0 = y - dy
            if 0 <= x0 < w and 0 <= y0 < h:
                stays = frame[y, x] == before[y, x]
                goes = frame[y, x] == before[y0, x0]
                if stays and not goes:
                    fixed[y, x] += 1
                elif goes and not stays:
                    moved[y, x] += 1


class _Windows:
    """Tables of the windows that occur once in a frame, and votes between two tables."""

    def __init__(self, height: int, width: int) -> None:
        self.shape = (height - WINDOW + 1, width - WINDOW + 1)
        self.rows = np.empty((height, self.shape[1]), np.uint64)
        self.hashes = np.empty(self.shape, np.uint64)
        self.slots = 1 << int(np.ceil(np.log2(self.hashes.size * 2 + 2)))
        self.found = np.empty((self.slots, 4), np.int64)

    def table(self, frame: Ids) -> Table:
        keys = np.empty(self.slots, np.uint64)
        where = np.empty(self.slots, np.int64)
        _window_hashes(frame, self.hashes, self.rows)
        _fill_table(self.hashes, keys, where)
        return keys, where

    def votes(
        self, before: Table, now: Table, ignore: NDArray[np.bool_] | None = None
    ) -> list[tuple[Displacement, int, int]]:
        """Displacements by falling number of votes: (displacement, votes, cells)."""
        count = _common(*before, *now, self.shape[1], self.found)
        found = self.found[:count]
        if ignore is not None:
            found = found[~ignore[found[:, 3], found[:, 2]]]
        step = found[:, 2:] - found[:, :2]
        code = (step[:, 1] << 20) + step[:, 0]
        _, inverse, votes = np.unique(code, return_inverse=True, return_counts=True)
        result = []
        for best in np.argsort(-votes, kind="stable")[:6].tolist():
            here = found[inverse == best]
            cells = (
                here[:, 3] * CELLS // self.shape[0] * CELLS + here[:, 2] * CELLS // self.shape[1]
            )
            dx, dy = (here[0, 2:] - here[0, :2]).tolist()
            result.append(((dx, dy), int(votes[best]), len(np.unique(cells))))
        return result


def _plain_colours(frames: Indexed) -> Longs:
    """The most common colour of each frame."""
    return np.array([np.bincount(frames[t].ravel()).argmax() for t in range(len(frames))])


def _find_overlay(frames: Indexed, windows: _Windows, plain: Longs) -> NDArray[np.bool_]:
    """Where something stays on the screen while the rest scrolls."""
    shape = (frames.height, frames.width)
    fixed, moved = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    nothing = np.zeros(shape, bool)
    for t in range(1, len(frames), SAMPLED):
        if frames.same(t - 1, t):
            continue
        before, frame = frames[t - 1], frames[t]
        for (dx, dy), votes, cells in windows.votes(windows.table(before), windows.table(frame)):
            near = 0 < max(abs(dx), abs(dy)) <= LARGEST_STEP
            if not near or votes < FEWEST_VOTES or cells < WIDE:
                continue
            # An object moves too; a camera explains more of the frame than standing still.
            scrolls, _ = _agreement(before, frame, dx, dy, int(plain[t]), nothing)
            stands, _ = _agreement(before, frame, 0, 0, int(plain[t]), nothing)
            if scrolls >= stands:
                _evidence(before, frame, dx, dy, fixed, moved)
                break
    overlay = (fixed > moved) & (fixed >= 3)
    grown: NDArray[np.bool_] = binary_dilation(overlay, iterations=4)
    return grown & ~((moved > 2 * fixed) & (moved >= 3))


class _Search:
    """Follows the camera from frame to frame, and finds it again after a jump."""

    def __init__(self, frames: Indexed) -> None:
        self.frames = frames
        self.windows = _Windows(frames.height, frames.width)
        self.plain = _plain_colours(frames)
        self.overlay = _find_overlay(frames, self.windows, self.plain)
        self.ignore = self.overlay[: self.windows.shape[0], : self.windows.shape[1]]
        self.keys: list[tuple[int, Table]] = []
        n = len(frames)
        self.position = np.zeros((n, 2), np.int64)
        self.room = np.zeros(n, np.int64)

    def agreement(self, a: int, b: int, step: Displacement) -> tuple[int, int]:
        return _agreement(
            self.frames[a], self.frames[b], step[0], step[1], int(self.plain[b]), self.overlay
        )

    def best_step(self, t: int, last: Displacement) -> tuple[int, int, Displacement]:
        """Best (agreeing pixels, drawn pixels, displacement) from frame t - 1 to t."""
        quick = dict.fromkeys([(0, 0), last, (last[0] + 1, last[1]), (last[0] - 1, last[1])])
        best = max(((*self.agreement(t - 1, t, d), d) for d in quick), key=lambda b: b[0])
        if best[0] >= AS_USUAL * best[1]:
            return best
        tables = (self.windows.table(self.frames[t - 1]), self.windows.table(self.frames[t]))
        voted = [d for d, _, _ in self.windows.votes(*tables) if d not in quick]
        tried = [best, *((*self.agreement(t - 1, t, d), d) for d in voted)]
        return max(tried, key=lambda b: b[0])

    def rearranged(self, t: int) -> bool:
        """Whether much of the screen shows something else from frame t on, and keeps to it."""
        if t < SETTLED or t + SETTLED > len(self.frames):
            return False
        before, frame = self.frames[t - 1], self.frames[t]
        replaced = before != frame
        for k in range(1, SETTLED):
            replaced &= (self.frames[t - 1 - k] == before) & (self.frames[t + k] == frame)
        return bool(replaced.sum() >= REARRANGED_SHARE * frame.size)

    def look_back(self, t: int, table: Table, beat: int) -> tuple[int, Displacement] | None:
        """The keyframe that shows the same place as frame t, and the displacement from it."""
        found, best = None, beat
        height, width = self.frames.height, self.frames.width
        for key, known in self.keys:
            if self.plain[key] != self.plain[t]:
                continue
            voted = self.windows.votes(known, table, self.ignore)[:2]
            for step in [*(d for d, _, _ in voted), (0, 0)]:
                agree, total = self.agreement(key, t, step)
                common = max(0.1, (1 - abs(step[0]) / width) * (1 - abs(step[1]) / height))
                if agree > best and agree >= max(64, SAME_PLACE * total * common):
                    found, best = (key, step), agree
        return found

    def add_key(self, t: int, table: Table | None = None) -> None:
        self.keys.append((t, table or self.windows.table(self.frames[t])))
        del self.keys[:-MOST_KEYS]

    def near_key(self, t: int, keys: list[int]) -> bool:
        third = np.array([self.frames.width, self.frames.height]) // 3
        return any(
            self.room[k] == self.room[t]
            and bool((np.abs(self.position[k] - self.position[t]) <= third).all())
            for k in keys
        )

    def run(self) -> Pan:
        last: Displacement = (0, 0)
        rooms = 1
        self.add_key(0)
        recent = 0
        for t in range(1, len(self.frames)):
            self.position[t], self.room[t] = self.position[t - 1], self.room[t - 1]
            if self.frames.same(t - 1, t):
                last = (0, 0)
                continue
            agree, total, step = self.best_step(t, last)
            same_plain = self.plain[t] == self.plain[t - 1] or agree >= SAME_PICTURE * total
            sudden = max(abs(step[0] - last[0]), abs(step[1] - last[1])) > SUDDEN
            sure = total < 64 or agree >= AS_USUAL * total
            usual = sure or (agree >= PLAUSIBLE * total and not sudden)
            few_stay = step == (0, 0) and agree < REMAINING * total
            cut = few_stay and not sure and self.rearranged(t)
            if same_plain and usual and not cut:
                self.position[t] -= step
                last = step
            elif same_plain and total < SPARSE_SHARE * self.overlay.size:
                last = (0, 0)  # a few objects on a plain ground move; the camera need not
                continue
            else:
                last = (0, 0)
                table = self.windows.table(self.frames[t])
                back = self.look_back(t, table, agree if same_plain else 0)
                if back is not None:
                    key, step = back
                    self.position[t] = self.position[key] - np.array(step)
                    self.room[t] = self.room[key]
                elif same_plain and agree >= POSSIBLE * total and not cut:
                    self.position[t] -= step
                    last = step
                    continue
                else:
                    self.position[t] = 0
                    self.room[t] = rooms
                    rooms += 1
                    self.add_key(t, table)
                recent = t
            if not self.near_key(t, [recent]):
                if not self.near_key(t, [k for k, _ in self.keys]):
                    self.add_key(t)
                recent = t
        return Pan(self.position, self.room, self.overlay)


def _dissolve_short_rooms(pan: Pan) -> Pan:
    """A place shown for a few frames is not worth a canvas: leave it to the residual."""
    position, room = pan.position.copy(), pan.room.copy()
    values, counts = np.unique(room, return_counts=True)
    short = np.isin(room, values[counts < SHORTEST_ROOM])
    short[0] = False
    for t in np.flatnonzero(short).tolist():
        position[t], room[t] = position[t - 1], room[t - 1]
    return Pan(position, room, pan.overlay)


def estimate_pan(frames: Indexed) -> Pan:
    """Find the camera's path through a run of frames.

    Parameters
    ----------
    frames : Indexed
        At least one frame. Frames narrower or lower than a window never scroll.
    """
    n = len(frames)
    if min(frames.height, frames.width) < 2 * WINDOW or n == 1:
        still = np.zeros((frames.height, frames.width), bool)
        return Pan(np.zeros((n, 2), np.int64), np.zeros(n, np.int64), still)
    return _dissolve_short_rooms(_Search(frames).run())
