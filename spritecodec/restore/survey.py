"""Survey of a clip that is not pixel-exact: the camera's path and the background.

Pixels of such a clip seldom repeat exactly, so values are compared with a tolerance. The
camera follows the displacement under which most textured pixels nearly agree. The background
is, pixel by pixel in world coordinates, a mean of the values that nearly agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import Longs
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.thresholds import CAMERA, EVIDENCE, SURVEY

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Step = tuple[int, int]
PLACE_BYTES = 16  # of the background: a mean of three channels, and a count


@dataclass(frozen=True)
class CameraPath:
    """Where the camera looks in each of n frames.

    Attributes
    ----------
    position : ndarray, shape (n, 2), int64
        The screen's top left corner (x, y) in the background, in pixels.
    room : ndarray, shape (n,), int64
        Number of the place shown; -1 where it has no background.
    height, width : int
        Of the background in pixels. It holds all rooms, one below another.
    """

    position: Longs
    room: Longs
    height: int
    width: int


@njit(cache=True)
def _agreement(
    previous: Bytes, current: Bytes, dx: int, dy: int, max_difference: int, min_texture: int
) -> float:
    """Share of the textured pixels of `current` that nearly equal `previous` moved by (dx, dy).

    Looks at every second pixel of luma, as on a chessboard.
    """
    h, w = current.shape
    agree = 0
    total = 1
    for y in range(h - 1):
        y0 = y - dy
        for x in range(y & 1, w - 1, 2):
            c = int(current[y, x])
            if abs(c - int(current[y, x + 1])) + abs(c - int(current[y + 1, x])) < min_texture:
                continue
            total += 1
            x0 = x - dx
            if 0 <= y0 < h and 0 <= x0 < w and abs(c - int(previous[y0, x0])) <= max_difference:
                agree += 1
    return agree / total


def agreement(previous: Bytes, current: Bytes, step: Step) -> float:
    """Share of the textured pixels of `current` that nearly equal `previous` moved by `step`."""
    return _agreement(previous, current, *step, SURVEY.max_difference, SURVEY.max_difference)


def _luma(frame: Bytes) -> Bytes:
    wide = frame.astype(np.uint16)
    return ((wide[..., 0] * 77 + wide[..., 1] * 150 + wide[..., 2] * 29) >> 8).astype(np.uint8)


class _Camera:
    """Follows the camera from frame to frame, and finds places seen before after a cut."""

    def __init__(self) -> None:
        self.position: list[Step] = []
        self.room: list[int] = []
        self.keys: list[tuple[int, Step, Bytes]] = []  # room, position and luma of keyframes
        self.rooms = 0
        self.last_step: Step = (0, 0)
        self.last_cut = -EVIDENCE.min_frames
        self.previous: Bytes | None = None  # luma

    def correlation_peaks(self, previous: Bytes, current: Bytes) -> list[Step]:
        """The likeliest displacements by phase correlation."""
        h, w = current.shape
        count = LIMITS.displacements
        cross = np.fft.rfft2(current.astype(np.float32)) * np.conj(
            np.fft.rfft2(previous.astype(np.float32))
        )
        surface = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-3), (h, w))
        best = np.argpartition(-surface.ravel(), min(count, h * w - 1))[:count]
        out = []
        for y, x in sorted(zip((best // w).tolist(), (best % w).tolist(), strict=True)):
            out.append((x - w if x > w // 2 else x, y - h if y > h // 2 else y))
        return out

    def best_step(self, previous: Bytes, current: Bytes, likely: list[Step]) -> tuple[float, Step]:
        """The displacement that most textured pixels agree with, and their share."""
        tried = dict.fromkeys(likely)
        found = max((agreement(previous, current, step), step) for step in tried)
        if found[0] >= EVIDENCE.nearly_all:
            return found
        more = [step for step in self.correlation_peaks(previous, current) if step not in tried]
        return max([found, *((agreement(previous, current, step), step) for step in more)])

    def add(self, frame: Bytes) -> None:
        """Take the next frame, shape (h, w, 3)."""
        current = _luma(frame)
        if self.previous is None:
            self.enter(current)
        else:
            score, step = self.step_from(self.previous, current)
            if score >= EVIDENCE.majority:
                x, y = self.position[-1]
                self.append(self.room[-1], x - step[0], y - step[1])
                self.last_step = step
                self.add_key(current)
            else:
                self.cut(current)
        self.previous = current

    def append(self, room: int, x: int, y: int) -> None:
        """Where the camera looks in the next frame."""
        self.position.append((x, y))
        self.room.append(room)

    def step_from(self, previous: Bytes, current: Bytes) -> tuple[float, Step]:
        """The camera's displacement between two frames; none unless it agrees better."""
        x, y = self.last_step
        likely = [(0, 0), (x, y), (x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)]
        score, step = self.best_step(previous, current, likely)
        at_rest = agreement(previous, current, (0, 0))
        if at_rest >= score:
            return at_rest, (0, 0)
        return score, step

    def cut(self, current: Bytes) -> None:
        """Take a frame that shows another place than the previous one."""
        t = len(self.room)
        self.last_step = (0, 0)
        since, self.last_cut = t - self.last_cut, t
        if since < EVIDENCE.min_frames:
            self.append(-1, 0, 0)
        else:
            self.enter(current)

    def enter(self, current: Bytes) -> None:
        """Look for a place that was seen before; else the frame shows a new one."""
        for room, (x, y), known in self.keys:
            score, step = self.best_step(known, current, [(0, 0)])
            if score >= EVIDENCE.majority:
                self.append(room, x - step[0], y - step[1])
                return
        self.append(self.rooms, 0, 0)
        self.rooms += 1
        self.add_key(current)

    def add_key(self, current: Bytes) -> None:
        """Make the last frame a keyframe where none of its room is near."""
        (x, y), room = self.position[-1], self.room[-1]
        h, w = current.shape
        if room < 0 or len(self.keys) == LIMITS.candidates:
            return
        far_x, far_y = w // CAMERA.keys_per_screen, h // CAMERA.keys_per_screen
        for other, (key_x, key_y), _ in self.keys:
            if other == room and abs(key_x - x) <= far_x and abs(key_y - y) <= far_y:
                return
        self.keys.append((room, (x, y), current))


def follow_camera(frames: Iterable[Bytes]) -> CameraPath:
    """Find the camera's path.

    Parameters
    ----------
    frames : iterable of ndarray, each shape (h, w, 3), uint8
        RGB; at least one.

    Returns
    -------
    CameraPath
    """
    camera = _Camera()
    for frame in frames:
        camera.add(frame)
        height, width = frame.shape[:2]
    position, room = np.array(camera.position, np.int64), np.array(camera.room, np.int64)
    top, right = 0, width
    for number in range(camera.rooms):
        here = room == number
        low, high = position[here].min(axis=0), position[here].max(axis=0)
        size = high - low + (width, height)
        pixels = (top + size[1]) * max(right, size[0])
        if here.sum() < EVIDENCE.min_frames or pixels * PLACE_BYTES > LIMITS.memory:
            room[here] = -1
            continue
        position[here] += np.array([0, top]) - low
        top += int(size[1])
        right = max(right, int(size[0]))
    position[room < 0] = 0
    return CameraPath(position, room, max(top, height), right)


@njit(cache=True)
def _vote(
    frame: Bytes,
    ox: int,
    oy: int,
    mean: Floats,
    count: NDArray[np.int32],
    max_deviation: float,
    max_weight: int,
) -> None:
    """Update each pixel's running mean with a frame whose corner lies at (ox, oy) of `mean`.

    A value far from the mean counts against it; when the count is used up, the value that
    comes next starts another mean.
    """
    h, w = frame.shape[:2]
    for y in range(h):
        for x in range(w):
            yy = y + oy
            xx = x + ox
            n = count[yy, xx]
            far = False
            for c in range(3):
                if abs(float(frame[y, x, c]) - mean[yy, xx, c]) > max_deviation:
                    far = True
            if n == 0:
                for c in range(3):
                    mean[yy, xx, c] = frame[y, x, c]
                count[yy, xx] = 1
            elif far:
                count[yy, xx] = n - 1
            else:
                k = min(n + 1, max_weight)
                for c in range(3):
                    mean[yy, xx, c] += (float(frame[y, x, c]) - mean[yy, xx, c]) / k
                count[yy, xx] = n + 1


@njit(cache=True)
def _contest(
    frame: Bytes,
    world: Floats,
    ox: int,
    oy: int,
    fixed: Floats,
    lead: NDArray[np.int32],
    margin: int,
) -> None:
    """Add 1 to `lead` where the mean on the screen is nearer to a frame than the mean in the
    world, by more than `margin`; take 1 away where it is farther.
    """
    h, w = frame.shape[:2]
    for y in range(h):
        for x in range(w):
            a = 0.0
            b = 0.0
            for c in range(3):
                v = float(frame[y, x, c])
                a += abs(v - world[y + oy, x + ox, c])
                b += abs(v - fixed[y, x, c])
            if b + margin < a:
                lead[y, x] += 1
            elif a + margin < b:
                lead[y, x] -= 1


@dataclass(frozen=True)
class Survey:
    """The background of a clip, and where the camera looks.

    Attributes
    ----------
    path : CameraPath
    world : ndarray, shape (path.height, path.width, 3), float32
        Mean RGB of what stands still in the world.
    fixed : ndarray, shape (h, w, 3), float32
        Mean RGB of what stands still on the screen.
    on_screen : ndarray, shape (h, w), bool
        Where `fixed` lies in front of `world`.
    """

    path: CameraPath
    world: Floats
    fixed: Floats
    on_screen: NDArray[np.bool_]


class Surveyor:
    """Makes a `Survey` in two passes over a clip: all frames `vote`, then all `contest`.

    Parameters
    ----------
    path : CameraPath
    height, width : int
        Of the screen in pixels.
    """

    def __init__(self, path: CameraPath, height: int, width: int) -> None:
        self.path = path
        self.world = np.zeros((path.height, path.width, 3), np.float32)
        self.fixed = np.zeros((height, width, 3), np.float32)
        self._seen = np.zeros(self.world.shape[:2], np.int32)
        self._seen_fixed = np.zeros((height, width), np.int32)
        self._lead = np.zeros((height, width), np.int32)

    def vote(self, t: int, frame: Bytes) -> None:
        """First pass: frame t updates the means of world and screen."""
        limits = SURVEY.max_deviation, LIMITS.voters
        _vote(frame, 0, 0, self.fixed, self._seen_fixed, *limits)
        if self.path.room[t] >= 0:
            x, y = self.path.position[t].tolist()
            _vote(frame, x, y, self.world, self._seen, *limits)

    def contest(self, t: int, frame: Bytes) -> None:
        """Second pass: frame t votes for world or screen at each pixel."""
        if self.path.room[t] >= 0:
            x, y = self.path.position[t].tolist()
            margin = SURVEY.max_difference
            _contest(frame, self.world, x, y, self.fixed, self._lead, margin)

    def survey(self) -> Survey:
        """The result of both passes."""
        return Survey(self.path, self.world, self.fixed, self._lead > 0)
