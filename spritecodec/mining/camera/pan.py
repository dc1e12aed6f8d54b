"""Pan: where the camera looks in each frame.

Windows of a frame vote for its displacement from another (`windows.py`). So any displacement
is found at one price, and camera jumps and returns (death and restart, rooms visited again)
are found by the same means, against keyframes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from spritecodec.mining.arrays import Ids, Longs
from spritecodec.mining.camera.windows import WINDOW, Displacement, Table, Windows
from spritecodec.mining.indexed import Indexed

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
MOST_WINDOWS = 4096  # of a keyframe that vote


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
def _agreement(
    before: Ids,
    frame: Ids,
    dx: int,
    dy: int,
    plain: int,
    overlay: NDArray[np.bool_],
    most: int,
) -> tuple[int, int]:
    """Of the pixels that are neither plain nor overlaid: how many agree, how many there are.

    Counting ends where more than `most` disagree.
    """
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
        if total - agree > most:
            break
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


def _plain_colours(frames: Indexed) -> Longs:
    """The most common colour of each frame."""
    return np.array([np.bincount(frames[t].ravel()).argmax() for t in range(len(frames))])


def _find_overlay(
    frames: Indexed, windows: Windows, plain: Longs, eager: bool
) -> NDArray[np.bool_]:
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
            if eager:
                _evidence(before, frame, dx, dy, fixed, moved)
                break
            # An object moves too; a camera explains more of the frame than standing still.
            scrolls, _ = _agreement(before, frame, dx, dy, int(plain[t]), nothing, frame.size)
            stands, _ = _agreement(before, frame, 0, 0, int(plain[t]), nothing, frame.size)
            if scrolls >= stands:
                _evidence(before, frame, dx, dy, fixed, moved)
                break
    overlay = (fixed > moved) & (fixed >= 3)
    grown: NDArray[np.bool_] = binary_dilation(overlay, iterations=4)
    return grown & ~((moved > 2 * fixed) & (moved >= 3))


class _Search:
    """Follows the camera from frame to frame, and finds it again after a jump."""

    def __init__(self, frames: Indexed, eager: bool) -> None:
        self.frames = frames
        self.eager = eager
        self.windows = Windows(frames.height, frames.width)
        self.plain = _plain_colours(frames)
        self.overlay = _find_overlay(frames, self.windows, self.plain, eager)
        self.ignore = self.overlay[: self.windows.shape[0], : self.windows.shape[1]]
        self.keys: list[tuple[int, Table]] = []
        self.tables: dict[int, Table] = {}  # of the last two frames
        n = len(frames)
        self.position = np.zeros((n, 2), np.int64)
        self.room = np.zeros(n, np.int64)

    def table(self, t: int) -> Table:
        if t not in self.tables:
            self.tables = {k: self.tables[k] for k in (t - 1,) if k in self.tables}
            self.tables[t] = self.windows.table(self.frames[t])
        return self.tables[t]

    def agreement(
        self, a: int, b: int, step: Displacement, most: int | None = None
    ) -> tuple[int, int]:
        before, frame, plain = self.frames[a], self.frames[b], int(self.plain[b])
        most = frame.size if most is None else most
        return _agreement(before, frame, step[0], step[1], plain, self.overlay, most)

    def best_step(self, t: int, last: Displacement) -> tuple[int, int, Displacement]:
        """Best (agreeing pixels, drawn pixels, displacement) from frame t - 1 to t."""
        quick = dict.fromkeys([(0, 0), last, (last[0] + 1, last[1]), (last[0] - 1, last[1])])
        best = max(((*self.agreement(t - 1, t, d), d) for d in quick), key=lambda b: b[0])
        if best[0] >= AS_USUAL * best[1] and not self.eager:
            return best
        tables = (self.table(t - 1), self.table(t))
        ignore = self.ignore if self.eager else None
        voted = [d for d, _, _ in self.windows.votes(*tables, ignore) if d not in quick]
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
        _, drawn = self.agreement(t, t, (0, 0))
        for key, known in self.keys:
            if self.plain[key] != self.plain[t]:
                continue
            voted = self.windows.votes(known, table, self.ignore)[:2]
            for step in [*(d for d, _, _ in voted), (0, 0)]:
                common = max(0.1, (1 - abs(step[0]) / width) * (1 - abs(step[1]) / height))
                enough = max(64, SAME_PLACE * drawn * common, best + 1)
                agree, _ = self.agreement(key, t, step, int(drawn - enough))
                if agree >= enough:
                    found, best = (key, step), agree
        return found

    def add_key(self, t: int, table: Table | None = None) -> None:
        keys, where, once = table or self.table(t)
        self.keys.append((t, (keys, where, once[:: len(once) // MOST_WINDOWS + 1])))
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
            follows = same_plain and usual and not cut
            if follows and self.eager and not sure:
                table = self.table(t)
                follows = self.look_back(t, table, agree) is None
            if follows:
                self.position[t] -= step
                last = step
            elif same_plain and total < SPARSE_SHARE * self.overlay.size:
                last = (0, 0)  # a few objects on a plain ground move; the camera need not
                continue
            else:
                last = (0, 0)
                table = self.table(t)
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


def dissolve_short_rooms(pan: Pan) -> Pan:
    """A place shown for a few frames is not worth a canvas: leave it to the residual."""
    position, room = pan.position.copy(), pan.room.copy()
    values, counts = np.unique(room, return_counts=True)
    short = np.isin(room, values[counts < SHORTEST_ROOM])
    short[0] = False
    for t in np.flatnonzero(short).tolist():
        position[t], room[t] = position[t - 1], room[t - 1]
    return Pan(position, room, pan.overlay)


def estimate_pan(frames: Indexed, *, eager: bool = False) -> Pan:
    """Find the camera's path through a run of frames.

    Parameters
    ----------
    frames : Indexed
        At least one frame. Frames narrower or lower than a window never scroll.
    eager : bool
        Follow what is seen to move in many places even where standing still explains more
        pixels, as along the straight banks of a river; and look for a place seen before
        whenever a frame is not wholly as expected. Objects that move in step mislead this.
    """
    n = len(frames)
    if min(frames.height, frames.width) < 2 * WINDOW or n == 1:
        still = np.zeros((frames.height, frames.width), bool)
        return Pan(np.zeros((n, 2), np.int64), np.zeros(n, np.int64), still)
    return dissolve_short_rooms(_Search(frames, eager).run())
