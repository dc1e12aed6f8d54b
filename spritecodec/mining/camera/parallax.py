"""Parallax: background planes at several depths, each moving by its share of the camera's way.

Over some frames the planes come apart: windows vote for the camera's displacement, which is
the nearest plane's, and for fixed shares of it. The shares are found first, then the camera's
path with all planes as witnesses, then how each plane's position is rounded to whole pixels.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import Longs
from spritecodec.mining.camera.pan import Pan, dissolve_short_rooms
from spritecodec.mining.camera.windows import WINDOW, Displacement, Table, Windows
from spritecodec.mining.indexed import Indexed

BASELINE = 16  # frames over which planes come apart
SAMPLES = 60  # pairs of frames that are asked for shares
PAIRS = 300  # pairs of frames that are asked how positions are rounded
FARTHEST, LEAST_STEP = 100, 12  # pixels over the baseline, for a pair to tell shares apart
MOST_PLANES = 12  # displacements looked at in a pair
FEWEST_VOTES, FEWEST_CELLS = 20, 3  # for a displacement to be a plane's and not an object's
LEAST_SHARE = 0.03  # of all votes, for a plane
LARGEST_DENOMINATOR = 16  # games divide the camera's position by small numbers
NEAR_SHARE = 1 / 24  # shares so close to the one found are tried against the whole path
FEWEST_WINDOWS = 64  # that occur once in a frame, for it to tell where it is
MATCHED = 0.05  # share of these that votes for the best displacement, or it is a cut
FOUND_AGAIN = 0.25  # share of these that votes, for a place to be one seen before
MOST_CUTS = 1 / 8  # of the frames; more is no camera
MOST_KEYS = 64  # places remembered, the latest
MOST_TABLES = 24

Share = tuple[float, float]  # of the camera's motion, x and y


@dataclass(frozen=True)
class Parallax:
    """Where the screen's top left corner lies in each plane.

    Attributes
    ----------
    position : ndarray, shape (planes, n, 2), int64
        x and y per frame in the coordinates of the plane's room; the farthest plane first,
        the nearest, which moves as the camera does, last.
    room : ndarray, shape (n,), int64
        Number of the place shown; places with no known way between them differ.
    """

    position: Longs
    room: Longs


def _fractions() -> dict[float, int]:
    """All shares below 1 that are tried, with their denominators."""
    return {
        k / d: d for d in range(LARGEST_DENOMINATOR, 0, -1) for k in range(d)
    }  # the smallest denominator comes last, and stays


FRACTIONS = _fractions()


class _Votes:
    """Displacements seen widely between any two frames, with their votes."""

    def __init__(self, frames: Indexed) -> None:
        self.frames = frames
        self.windows = Windows(frames.height, frames.width)
        self.tables: OrderedDict[int, Table] = OrderedDict()

    def table(self, t: int) -> Table:
        if t not in self.tables:
            self.tables[t] = self.windows.table(self.frames[t])
            if len(self.tables) > MOST_TABLES:
                self.tables.popitem(last=False)
        return self.tables[t]

    def single(self, t: int) -> int:
        """How many windows occur once in frame t."""
        return int((self.table(t)[1] >= 0).sum())

    def between(self, a: int, b: int) -> Longs:
        """Rows (dx, dy, votes), most votes first."""
        found = self.windows.votes(self.table(a), self.table(b), most=MOST_PLANES)
        rows = [
            (*step, count)
            for step, count, cells in found
            if count >= FEWEST_VOTES and cells >= FEWEST_CELLS
        ]
        return np.array(rows, np.int64).reshape(-1, 3)


def _follows(seen: Longs, camera: NDArray[np.generic], share: Share) -> NDArray[np.bool_]:
    """Which displacements a plane makes when the camera makes those, rounded in any way."""
    result: NDArray[np.bool_] = (np.abs(seen - camera * np.array(share)) < 1).all(axis=1)
    return result


def find_shares(votes: _Votes) -> list[Share]:
    """Shares of the camera's motion at which planes other than the nearest move.

    In order of the votes that they explain; x and y share one number, or y does not move,
    or moves as the camera does.
    """
    n = len(votes.frames)
    if n <= BASELINE:
        return []
    cameras, steps = [], []
    for t in np.unique(np.linspace(BASELINE, n - 1, SAMPLES).astype(int)).tolist():
        seen = votes.between(t - BASELINE, t)
        if not len(seen):
            continue
        camera = seen[np.argmax(seen[:, 0] ** 2 + seen[:, 1] ** 2), :2]
        if LEAST_STEP <= hypot(*camera) <= FARTHEST:
            cameras.append(np.repeat(camera[None], len(seen), 0))
            steps.append(seen)
    if not steps:
        return []
    camera, step = np.concatenate(cameras), np.concatenate(steps)[:, :2]
    weight = np.concatenate(steps)[:, 2]
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
        if explained[best] < LEAST_SHARE * weight.sum():
            return shares
        shares.append(best)
        left &= ~_follows(step, camera, best)


class _Camera:
    """Follows the camera from frame to frame, and finds it again after a cut."""

    def __init__(self, votes: _Votes, shares: list[Share]) -> None:
        self.votes, self.shares = votes, shares
        n = len(votes.frames)
        self.position = np.zeros((n, 2), np.int64)
        self.room = np.zeros(n, np.int64)
        self.keys: list[int] = []

    def step(self, a: int, b: int) -> tuple[int, Displacement]:
        """The displacement of the nearest plane that explains most votes, and how many."""
        seen = self.votes.between(a, b)
        best = (0, 0, (0, 0))
        for dx, dy, count in seen.tolist():
            if count < LEAST_SHARE * seen[:, 2].sum():
                continue
            camera = np.array([dx, dy])
            planes = (seen[:, :2] == camera).all(axis=1)
            for share in self.shares:
                planes |= _follows(seen[:, :2], camera, share)
            best = max(best, (int(seen[planes, 2].sum()), -abs(dx) - abs(dy), (dx, dy)))
        return best[0], best[2]

    def look_back(self, t: int, single: int) -> bool:
        """Whether frame t shows a place seen before; then it gets its position."""
        found = max(((*self.step(key, t), key) for key in self.keys), default=(0, (0, 0), 0))
        count, step, key = found
        if count < FOUND_AGAIN * single:
            return False
        self.position[t] = self.position[key] - np.array(step)
        self.room[t] = self.room[key]
        return True

    def run(self) -> Pan | None:
        """The camera's path; None where there are too many cuts for one."""
        frames = self.votes.frames
        n, cuts = len(frames), 0
        third = np.array([frames.width, frames.height]) // 3
        self.keys.append(0)
        for t in range(1, n):
            self.position[t], self.room[t] = self.position[t - 1], self.room[t - 1]
            single = self.votes.single(t)
            if frames.same(t - 1, t) or single < FEWEST_WINDOWS:
                continue
            count, step = self.step(t - 1, t)
            if count >= MATCHED * single:
                self.position[t] -= step
            else:
                cuts += 1
                if cuts > MOST_CUTS * n:
                    return None
                if not self.look_back(t, single):
                    self.position[t], self.room[t] = 0, self.room.max() + 1
            here = [k for k in self.keys if self.room[k] == self.room[t]]
            apart = np.abs(self.position[here] - self.position[t]) > third
            if apart.any(axis=1).all():
                self.keys = [*self.keys, t][-MOST_KEYS:]
        nothing = np.zeros((frames.height, frames.width), bool)
        return dissolve_short_rooms(Pan(self.position, self.room, nothing))


def _rounded(camera: Longs, share: float, phase: float) -> Longs:
    """A plane's position along one axis; exact for all fractions that are tried."""
    result: Longs = np.floor(camera * share + phase + 1e-9).astype(np.int64)
    return result


class _Paths:
    """How the votes over longer baselines say that a plane's position is rounded."""

    def __init__(self, votes: _Votes, camera: Pan) -> None:
        self.camera = camera
        n, room, position = len(camera.room), camera.room, camera.position
        rows = []
        for t in range(BASELINE, n, max(1, n // PAIRS)):
            before = t - BASELINE
            if room[t] == room[before] and (position[t] != position[before]).any():
                rows += [(t, *row) for row in votes.between(before, t).tolist()]
        table = np.array(rows, np.int64).reshape(-1, 4)
        self.frame, self.step, self.weight = table[:, 0], table[:, 1:3], table[:, 3]

    def path(self, share: Share) -> tuple[int, Longs]:
        """The best rounding of a plane's path: the votes that agree with it, and the path."""
        position, room = self.camera.position, self.camera.room
        path, agreed = np.zeros_like(position), 0
        for number in np.unique(room).tolist():
            here, rows = room == number, room[self.frame] == number
            after = self.frame[rows]
            options = []  # per axis: each phase's path, and which votes agree with it
            for axis in range(2):
                count = FRACTIONS.get(share[axis], 1)
                paths = [_rounded(position[:, axis], share[axis], i / count) for i in range(count)]
                step = self.step[rows, axis]
                fits = np.array([p[after - BASELINE] - p[after] == step for p in paths])
                options.append((paths, fits))
            # Votes for each pair of phases, x by y.
            score = (options[0][1] * self.weight[rows]) @ options[1][1].T.astype(np.int64)
            best = np.unravel_index(score.argmax(), score.shape)
            agreed += int(score.max())
            for axis in range(2):
                path[here, axis] = options[axis][0][int(best[axis])][here]
        return agreed, path

    def best(self, share: Share) -> Longs:
        """The path of a plane whose share is known roughly."""
        tried = []
        for x in FRACTIONS:
            if abs(x - share[0]) <= NEAR_SHARE:
                agreed, path = self.path((x, x if share[0] == share[1] else share[1]))
                tried.append((agreed, -FRACTIONS[x], path))
        return max(tried, key=lambda p: p[:2])[2]


def find_parallax(frames: Indexed) -> Parallax | None:
    """Find planes that move at shares of the camera's motion; None where there are none.

    What stands still on the screen is no plane here: `background.world` finds what covers
    the others.

    Parameters
    ----------
    frames : Indexed
    """
    if min(frames.height, frames.width) < 2 * WINDOW:
        return None
    votes = _Votes(frames)
    shares = find_shares(votes)
    moving = sorted(s for s in shares if s[0] > 0)
    if not moving:
        return None
    camera = _Camera(votes, shares).run()
    if camera is None:
        return None
    paths = _Paths(votes, camera)
    position = np.stack([*(paths.best(share) for share in moving), camera.position])
    return Parallax(position, camera.room)
