"""Parallax: background planes at several depths, each moving by a share of the camera's motion.

Over some frames the planes move apart. There windows vote for the displacement of the camera,
which is that of the nearest plane, and for fixed shares of it. First the shares are found;
then the camera's path, for which all planes vote; then how the position of each plane is
rounded to whole pixels.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import Longs
from spritecodec.mining.camera.pan import Pan, dissolve_short_rooms
from spritecodec.mining.camera.windows import Displacement, Table, Windows
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.thresholds import CAMERA, EVIDENCE, PARALLAX

Share = tuple[float, float]  # of the camera's motion, in x and in y


@dataclass(frozen=True)
class Parallax:
    """Where the screen's top left corner lies in each plane.

    Attributes
    ----------
    position : ndarray, shape (planes, n, 2), int64
        (x, y) in each frame, in the coordinates of the plane's room, in pixels. The farthest
        plane comes first; the nearest, which moves as the camera does, last.
    room : ndarray, shape (n,), int64
        Number of the place shown. Places whose relative position is not known are different
        rooms.
    """

    position: Longs
    room: Longs


def _fractions() -> dict[float, int]:
    """All shares below 1 that are tried, with their denominators."""
    denominators = range(PARALLAX.max_denominator, 0, -1)
    return {k / d: d for d in denominators for k in range(d)}  # the smallest one comes last


FRACTIONS = _fractions()


class _Votes:
    """Displacements seen widely between any two frames, with their votes."""

    def __init__(self, frames: Indexed) -> None:
        self.frames = frames
        self.windows = Windows(frames.height, frames.width)
        self.tables: OrderedDict[int, Table] = OrderedDict()

    def table(self, t: int) -> Table:
        """The windows of frame t."""
        if t not in self.tables:
            self.tables[t] = self.windows.table(self.frames[t])
            size = sum(array.nbytes for array in self.tables[t])
            if len(self.tables) * size > LIMITS.memory:
                self.tables.popitem(last=False)
        return self.tables[t]

    def single(self, t: int) -> int:
        """How many windows occur once in frame t."""
        return int((self.table(t)[1] >= 0).sum())

    def between(self, a: int, b: int) -> Longs:
        """Rows (dx, dy, votes) of the displacements from frame a to b, most votes first."""
        most = LIMITS.displacements
        found = self.windows.votes(self.table(a), self.table(b), most=most)
        rows = [
            (*step, count)
            for step, count, cells in found
            if count >= CAMERA.min_votes and cells >= CAMERA.min_cells
        ]
        return np.array(rows, np.int64).reshape(-1, 3)


def _follows(steps: Longs, camera: NDArray[np.generic], share: Share) -> NDArray[np.bool_]:
    """Which displacements a plane can make, however rounded, when the camera makes those.

    Parameters
    ----------
    steps : ndarray, shape (n, 2)
    camera : ndarray, shape (2,) or (n, 2)
    share : (x, y)
    """
    result: NDArray[np.bool_] = (np.abs(steps - camera * np.array(share)) < 1).all(axis=1)
    return result


def _motions(votes: _Votes) -> tuple[Longs, Longs, Longs]:
    """What pairs of frames show over the baseline: one row for each displacement.

    Returns
    -------
    camera, step : ndarray, shape (n, 2)
        The camera's displacement, which is the largest seen in the pair; and the one seen.
    weight : ndarray, shape (n,)
        Votes.
    """
    n = len(votes.frames)
    cameras, rows = [np.zeros((0, 2), np.int64)], [np.zeros((0, 3), np.int64)]
    last = np.linspace(PARALLAX.baseline, n - 1, LIMITS.voters)
    for t in np.unique(last.astype(int)).tolist():
        seen = votes.between(t - PARALLAX.baseline, t)
        if not len(seen):
            continue
        camera = seen[np.argmax(seen[:, 0] ** 2 + seen[:, 1] ** 2), :2]
        cameras.append(np.repeat(camera[None], len(seen), 0))
        rows.append(seen)
    table = np.concatenate(rows)
    return np.concatenate(cameras), table[:, :2], table[:, 2]


def find_shares(votes: _Votes) -> list[Share]:
    """Shares of the camera's motion at which planes other than the nearest move.

    In order of the votes that they explain. In y a plane moves by the same share as in x, or
    not at all, or as the camera does.
    """
    if len(votes.frames) <= PARALLAX.baseline:
        return []
    camera, step, weight = _motions(votes)
    if not len(weight):
        return []
    left = (step != camera).any(axis=1)
    shares: list[Share] = []
    while True:
        explained = {
            (x, y): int(weight[left & _follows(step, camera, (x, y))].sum())
            for x in FRACTIONS
            for y in (x, 0.0, 1.0)
        }
        # Of shares that explain the same, the simplest.
        best = max(explained, key=lambda s: (explained[s], -FRACTIONS[s[0]], s[0] == s[1]))
        if explained[best] < PARALLAX.min_plane_share * weight.sum():
            return shares
        shares.append(best)
        left &= ~_follows(step, camera, best)


class _Camera:
    """Follows the camera from frame to frame, and finds it again after a cut.

    Attributes
    ----------
    position, room : ndarray
        As those of `Pan`, up to the frame at hand.
    keys : list of int
        Keyframes, with which frames are compared after a cut.
    """

    def __init__(self, votes: _Votes, shares: list[Share]) -> None:
        self.votes, self.shares = votes, shares
        n = len(votes.frames)
        self.position = np.zeros((n, 2), np.int64)
        self.room = np.zeros(n, np.int64)
        self.keys = [0]

    def step(self, a: int, b: int) -> tuple[int, Displacement]:
        """The displacement of the nearest plane that explains most votes, and how many."""
        seen = self.votes.between(a, b)
        best = (0, 0, (0, 0))
        for dx, dy, count in seen.tolist():
            if count < PARALLAX.min_plane_share * seen[:, 2].sum():
                continue
            camera = np.array([dx, dy])
            planes = (seen[:, :2] == camera).all(axis=1)
            for share in self.shares:
                planes |= _follows(seen[:, :2], camera, share)
            best = max(best, (int(seen[planes, 2].sum()), -abs(dx) - abs(dy), (dx, dy)))
        return best[0], best[2]

    def run(self) -> Pan | None:
        """The camera's path; None where there are too many cuts for one."""
        frames = self.votes.frames
        n, cuts = len(frames), 0
        for t in range(1, n):
            self.position[t], self.room[t] = self.position[t - 1], self.room[t - 1]
            single = self.votes.single(t)
            if frames.same(t - 1, t) or single < PARALLAX.min_windows:
                continue
            count, step = self.step(t - 1, t)
            if count >= EVIDENCE.few * single:
                self.position[t] -= step
            else:
                cuts += 1
                if cuts > PARALLAX.max_cuts * n:
                    return None
                if not self.look_back(t, single):
                    self.position[t], self.room[t] = 0, self.room.max() + 1
            self.remember(t)
        nothing = np.zeros((frames.height, frames.width), bool)
        return dissolve_short_rooms(Pan(self.position, self.room, nothing))

    def look_back(self, t: int, single: int) -> bool:
        """Whether frame t shows a keyframe's room; then it gets its position there."""
        found = max(((*self.step(key, t), key) for key in self.keys), default=(0, (0, 0), 0))
        count, step, key = found
        if count < PARALLAX.min_key_matched * single:
            return False
        self.position[t] = self.position[key] - np.array(step)
        self.room[t] = self.room[key]
        return True

    def remember(self, t: int) -> None:
        """Make frame t a keyframe where none of its room is near."""
        frames = self.votes.frames
        near = np.array([frames.width, frames.height]) // CAMERA.keys_per_screen
        here = [key for key in self.keys if self.room[key] == self.room[t]]
        apart = np.abs(self.position[here] - self.position[t]) > near
        if apart.any(axis=1).all():
            self.keys = [*self.keys, t][-LIMITS.candidates :]


def _rounded(camera: Longs, share: float, phase: float) -> Longs:
    """A plane's position along one axis, rounded down after `phase` is added.

    The small addend makes this exact for all fractions that are tried.
    """
    result: Longs = np.floor(camera * share + phase + 1e-9).astype(np.int64)
    return result


class _Rounding:
    """How the position of a plane is rounded, by the votes over the baseline.

    Attributes
    ----------
    frame : ndarray, shape (votes,)
        The later frame of each pair.
    step : ndarray, shape (votes, 2)
    weight : ndarray, shape (votes,)
    """

    def __init__(self, votes: _Votes, camera: Pan) -> None:
        self.camera = camera
        n, room, position = len(camera.room), camera.room, camera.position
        rows = []
        for t in range(PARALLAX.baseline, n, max(1, n // LIMITS.voters)):
            s = t - PARALLAX.baseline
            if room[t] == room[s] and (position[t] != position[s]).any():
                rows += [(t, *row) for row in votes.between(s, t).tolist()]
        table = np.array(rows, np.int64).reshape(-1, 4)
        self.frame, self.step, self.weight = table[:, 0], table[:, 1:3], table[:, 3]

    def path(self, share: Share) -> tuple[int, Longs]:
        """The best rounding of a plane's path: the votes that agree with it, and the path."""
        position, room = self.camera.position, self.camera.room
        path, agreed = np.zeros_like(position), 0
        for number in np.unique(room).tolist():
            here, rows = room == number, room[self.frame] == number
            t = self.frame[rows]
            s = t - PARALLAX.baseline
            options = []  # of each axis: each phase's path, and which votes agree with it
            for axis in range(2):
                count = FRACTIONS.get(share[axis], 1)
                paths = [_rounded(position[:, axis], share[axis], i / count) for i in range(count)]
                step = self.step[rows, axis]
                fits = np.array([p[s] - p[t] == step for p in paths])
                options.append((paths, fits))
            # Votes for each pair of phases, x by y.
            score = (options[0][1] * self.weight[rows]) @ options[1][1].T.astype(np.int64)
            best = np.unravel_index(score.argmax(), score.shape)
            agreed += int(score.max())
            for axis in range(2):
                path[here, axis] = options[axis][0][int(best[axis])][here]
        return agreed, path

    def best_path(self, share: Share) -> Longs:
        """The path of a plane whose share is known roughly, shape (n, 2)."""
        tried = []
        for x in FRACTIONS:
            if abs(x - share[0]) <= PARALLAX.near_share:
                agreed, path = self.path((x, x if share[0] == share[1] else share[1]))
                tried.append((agreed, -FRACTIONS[x], path))
        return max(tried, key=lambda p: p[:2])[2]


def find_parallax(frames: Indexed) -> Parallax | None:
    """Find planes that move at shares of the camera's motion.

    What stands still on the screen is no plane here: `background.world` finds what covers the
    planes.

    Parameters
    ----------
    frames : Indexed
        At least one frame.

    Returns
    -------
    Parallax or None
        None where there are no such planes, or too many cuts to follow the camera, or where
        frames are narrower or lower than two windows.
    """
    if min(frames.height, frames.width) < 2 * CAMERA.window:
        return None
    votes = _Votes(frames)
    shares = find_shares(votes)
    moving = sorted(s for s in shares if s[0] > 0)
    if not moving:
        return None
    camera = _Camera(votes, shares).run()
    if camera is None:
        return None
    rounding = _Rounding(votes, camera)
    position = np.stack([*(rounding.best_path(share) for share in moving), camera.position])
    return Parallax(position, camera.room)
