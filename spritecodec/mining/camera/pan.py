"""Pan: where the camera looks in each frame.

Windows of a frame vote for its displacement from the previous one (`camera.windows`). Jumps
of the camera, and returns to a place seen before, are found in the same way: there the
displacement is from a keyframe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from spritecodec.mining.arrays import Ids, Longs
from spritecodec.mining.camera.windows import Displacement, Table, Windows
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.thresholds import CAMERA, EVIDENCE, PAN


@dataclass(frozen=True)
class Pan:
    """The camera's path.

    Attributes
    ----------
    position : ndarray, shape (n, 2), int64
        The screen's top left corner (x, y) in its room, in pixels.
    room : ndarray, shape (n,), int64
        Number of the place shown. Places whose relative position is not known are different
        rooms.
    overlay : ndarray, shape (h, w), bool
        Where something fixed to the screen seems to cover what scrolls.
    """

    position: Longs
    room: Longs
    overlay: NDArray[np.bool_]


@njit(cache=True)
def _agreement(
    previous: Ids,
    current: Ids,
    dx: int,
    dy: int,
    ground: int,
    overlay: NDArray[np.bool_],
    most: int,
) -> tuple[int, int]:
    """Of the drawn pixels of `current`: how many equal `previous` moved by (dx, dy), and all.

    Pixels of the colour `ground`, and those under the overlay, are not drawn. Counting ends
    where more than `most` differ.
    """
    h, w = current.shape
    agree = 0
    total = 0
    for y in range(h):
        y0 = y - dy
        for x in range(w):
            c = current[y, x]
            if c == ground or overlay[y, x]:
                continue
            total += 1
            x0 = x - dx
            if 0 <= y0 < h and 0 <= x0 < w and previous[y0, x0] == c:
                agree += 1
        if total - agree > most:
            break
    return agree, total


@njit(cache=True)
def _count_evidence(
    previous: Ids,
    current: Ids,
    dx: int,
    dy: int,
    fixed: NDArray[np.int32],
    moved: NDArray[np.int32],
) -> None:
    """Count per pixel what only standing still, and what only scrolling, explains."""
    h, w = current.shape
    for y in range(h):
        for x in range(w):
            x0 = x - dx
            y0 = y - dy
            if 0 <= x0 < w and 0 <= y0 < h:
                stays = current[y, x] == previous[y, x]
                scrolls = current[y, x] == previous[y0, x0]
                if stays and not scrolls:
                    fixed[y, x] += 1
                elif scrolls and not stays:
                    moved[y, x] += 1


def _ground_colours(frames: Indexed) -> Longs:
    """The most common colour of each frame."""
    return np.array([np.bincount(frames[t].ravel()).argmax() for t in range(len(frames))])


def _find_overlay(
    frames: Indexed, windows: Windows, ground: Longs, eager: bool
) -> NDArray[np.bool_]:
    """Where something stays on the screen while the rest scrolls."""
    shape = (frames.height, frames.width)
    fixed, moved = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    for t in range(1, len(frames), PAN.overlay_period):
        if frames.same(t - 1, t):
            continue
        step = _scrolling(frames, windows, t, int(ground[t]), eager)
        if step is not None:
            _count_evidence(frames[t - 1], frames[t], *step, fixed, moved)
    overlay = (fixed > moved) & (fixed >= PAN.min_overlay_frames)
    grown: NDArray[np.bool_] = binary_dilation(overlay, iterations=PAN.overlay_margin)
    return grown & ~((moved > fixed) & (moved >= PAN.min_overlay_frames))


def _scrolling(
    frames: Indexed, windows: Windows, t: int, ground: int, eager: bool
) -> Displacement | None:
    """The displacement by which the camera scrolls from frame t - 1 to t; None for none.

    An object moves too, but a camera explains at least as much of the frame as standing still
    does, unless `eager`.
    """
    previous, current = frames[t - 1], frames[t]
    nothing = np.zeros(current.shape, bool)
    voted = windows.votes(windows.table(previous), windows.table(current))
    for (dx, dy), votes, cells in voted:
        if (dx, dy) == (0, 0) or votes < CAMERA.min_votes or cells < CAMERA.min_cells:
            continue
        if eager:
            return dx, dy
        scrolls, _ = _agreement(previous, current, dx, dy, ground, nothing, current.size)
        stands, _ = _agreement(previous, current, 0, 0, ground, nothing, current.size)
        if scrolls >= stands:
            return dx, dy
    return None


class _Match(NamedTuple):
    """How well another frame, moved by a displacement, predicts a frame.

    Attributes
    ----------
    agree, drawn : int
        Of the frame's drawn pixels, those that are predicted; and all.
    step : (x, y)
        The displacement.
    """

    agree: int
    drawn: int
    step: Displacement

    def agrees(self, share: float) -> bool:
        """Whether such a share of the drawn pixels is predicted."""
        return self.agree >= share * self.drawn


class _Search:
    """Follows the camera from frame to frame, and finds it again after a jump.

    Attributes
    ----------
    position, room : ndarray
        As those of `Pan`, up to the frame at hand.
    keys : list of (frame, table)
        The keyframes, with which frames are compared after a jump.
    last : (x, y)
        The camera's displacement into the frame before the one at hand.
    recent : int
        The last frame near which there is a keyframe.
    """

    def __init__(self, frames: Indexed, eager: bool) -> None:
        self.frames = frames
        self.eager = eager
        self.windows = Windows(frames.height, frames.width)
        self.ground = _ground_colours(frames)
        self.overlay = _find_overlay(frames, self.windows, self.ground, eager)
        self.ignore = self.overlay[: self.windows.shape[0], : self.windows.shape[1]]
        self.tables: dict[int, Table] = {}  # of the last two frames
        n = len(frames)
        self.position = np.zeros((n, 2), np.int64)
        self.room = np.zeros(n, np.int64)
        self.rooms = 1
        self.keys: list[tuple[int, Table]] = []
        self.last: Displacement = (0, 0)
        self.recent = 0

    def run(self) -> Pan:
        """The camera's path through all frames."""
        self.add_key(0)
        for t in range(1, len(self.frames)):
            self.position[t], self.room[t] = self.position[t - 1], self.room[t - 1]
            if self.frames.same(t - 1, t):
                self.last = (0, 0)
            else:
                self.advance(t)
        return Pan(self.position, self.room, self.overlay)

    def advance(self, t: int) -> None:
        """Find out how the camera comes to frame t, which differs from the previous one."""
        match = self.best_match(t)
        same_ground = self.ground[t] == self.ground[t - 1] or match.agrees(PAN.min_agreement)
        cut = self.is_cut_at_rest(t, match)
        moves_on = same_ground and not cut and match.agrees(PAN.min_agreement)
        if moves_on and not (self.eager and self.returns(t, match)):
            self.move(t, match.step)
            self.remember(t)
        elif same_ground and match.drawn < EVIDENCE.few * self.overlay.size:
            self.last = (0, 0)  # some objects on a plain ground move; the camera need not
        elif (found := self.look_back(t, match.agree if same_ground else 0)) is not None:
            self.enter_known(t, *found)
        elif same_ground and not cut and match.agrees(EVIDENCE.majority):
            self.move(t, match.step)
        else:
            self.enter_new(t)

    def move(self, t: int, step: Displacement) -> None:
        """Frame t shows the previous frame's room, moved by `step`."""
        self.position[t] -= step
        self.last = step

    def enter_known(self, t: int, key: int, step: Displacement) -> None:
        """Frame t shows a keyframe's room."""
        self.position[t] = self.position[key] - np.array(step)
        self.room[t] = self.room[key]
        self.last, self.recent = (0, 0), t

    def enter_new(self, t: int) -> None:
        """Frame t shows a new room."""
        self.position[t] = 0
        self.room[t] = self.rooms
        self.rooms += 1
        self.add_key(t)
        self.last, self.recent = (0, 0), t

    def table(self, t: int) -> Table:
        """The windows of frame t; kept for the next frame."""
        if t not in self.tables:
            self.tables = {k: self.tables[k] for k in (t - 1,) if k in self.tables}
            self.tables[t] = self.windows.table(self.frames[t])
        return self.tables[t]

    def match(self, a: int, b: int, step: Displacement, most: int | None = None) -> _Match:
        """How well frame a, moved by `step`, predicts frame b; see `_agreement` for `most`."""
        previous, current, ground = self.frames[a], self.frames[b], int(self.ground[b])
        most = current.size if most is None else most
        counts = _agreement(previous, current, *step, ground, self.overlay, most)
        return _Match(*counts, step)

    def best_match(self, t: int) -> _Match:
        """The displacement from frame t - 1 to t that most drawn pixels agree with."""
        x, y = self.last
        likely = dict.fromkeys([(0, 0), (x, y), (x + 1, y), (x - 1, y)])
        best = max((self.match(t - 1, t, step) for step in likely), key=lambda m: m.agree)
        if best.agrees(EVIDENCE.nearly_all) and not self.eager:
            return best
        tables = (self.table(t - 1), self.table(t))
        ignore = self.ignore if self.eager else None
        voted = [step for step, _, _ in self.windows.votes(*tables, ignore) if step not in likely]
        tried = [best, *(self.match(t - 1, t, step) for step in voted)]
        return max(tried, key=lambda m: m.agree)

    def is_cut_at_rest(self, t: int, match: _Match) -> bool:
        """Whether frame t shows another place although the camera seems to stand still."""
        changed = match.step == (0, 0) and not match.agrees(EVIDENCE.most)
        return changed and self.is_rearranged(t)

    def is_rearranged(self, t: int) -> bool:
        """Whether much of the screen changes at frame t, and is still on both sides of it."""
        if t < EVIDENCE.min_frames or t + EVIDENCE.min_frames > len(self.frames):
            return False
        previous, current = self.frames[t - 1], self.frames[t]
        replaced = previous != current
        for k in range(1, EVIDENCE.min_frames):
            replaced &= (self.frames[t - 1 - k] == previous) & (self.frames[t + k] == current)
        return bool(replaced.sum() >= EVIDENCE.few * current.size)

    def returns(self, t: int, match: _Match) -> bool:
        """Whether a keyframe predicts frame t better than the previous frame does."""
        sure = match.agrees(EVIDENCE.nearly_all)
        return not sure and self.look_back(t, match.agree) is not None

    def look_back(self, t: int, beat: int) -> tuple[int, Displacement] | None:
        """The keyframe that shows the same place as frame t, and the displacement from it.

        None where no keyframe agrees with enough drawn pixels, or with more than `beat`.
        """
        found, best = None, beat
        table = self.table(t)
        height, width = self.frames.height, self.frames.width
        drawn = self.match(t, t, (0, 0)).drawn
        for key, known in self.keys:
            if self.ground[key] != self.ground[t]:
                continue
            voted = self.windows.votes(known, table, self.ignore)[: PAN.key_displacements]
            for step in [*(d for d, _, _ in voted), (0, 0)]:
                overlap = (1 - abs(step[0]) / width) * (1 - abs(step[1]) / height)
                common = max(EVIDENCE.few, overlap)
                enough = max(PAN.min_agreement * drawn * common, best + 1)
                match = self.match(key, t, step, int(drawn - enough))
                if match.agree >= enough:
                    found, best = (key, step), match.agree
        return found

    def add_key(self, t: int) -> None:
        """Make frame t a keyframe."""
        keys, where, once = self.table(t)
        self.keys.append((t, (keys, where, once[:: len(once) // LIMITS.things + 1])))
        del self.keys[: -LIMITS.candidates]

    def remember(self, t: int) -> None:
        """Make frame t a keyframe where none of its room is near."""
        if not self.is_near(t, [self.recent]):
            if not self.is_near(t, [key for key, _ in self.keys]):
                self.add_key(t)
            self.recent = t

    def is_near(self, t: int, others: list[int]) -> bool:
        """Whether one of some frames shows much of what frame t shows."""
        near = np.array([self.frames.width, self.frames.height]) // CAMERA.keys_per_screen
        return any(
            self.room[k] == self.room[t]
            and bool((np.abs(self.position[k] - self.position[t]) <= near).all())
            for k in others
        )


def dissolve_short_rooms(pan: Pan) -> Pan:
    """Join rooms that are shown for a few frames to the room shown before: they are not worth
    a background, and are left to the residual.
    """
    position, room = pan.position.copy(), pan.room.copy()
    values, counts = np.unique(room, return_counts=True)
    short = np.isin(room, values[counts < EVIDENCE.min_frames])
    short[0] = False
    for t in np.flatnonzero(short).tolist():
        position[t], room[t] = position[t - 1], room[t - 1]
    return Pan(position, room, pan.overlay)


def estimate_pan(frames: Indexed, *, eager: bool = False) -> Pan:
    """Find the camera's path through a run of frames.

    Parameters
    ----------
    frames : Indexed
        At least one frame. Frames narrower or lower than two windows never scroll.
    eager : bool
        Follow what is seen to move in many places even where standing still explains more
        pixels, as along the straight banks of a river. Look for a keyframe of the same place
        whenever a frame is not nearly as predicted. Objects that move in step mislead this.

    Returns
    -------
    Pan
    """
    n = len(frames)
    if min(frames.height, frames.width) < 2 * CAMERA.window or n == 1:
        still = np.zeros((frames.height, frames.width), bool)
        return Pan(np.zeros((n, 2), np.int64), np.zeros(n, np.int64), still)
    return dissolve_short_rooms(_Search(frames, eager).run())
