"""Survey of a clip that is not pixel-exact: the camera's path, and what stands still.

Pixels of such a clip hardly ever repeat exactly, so everything here is by nearness: the
camera follows the displacement under which most textured pixels nearly agree, and the
background is a mean of the values that nearly agree, pixel by pixel in the world's
coordinates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Longs = NDArray[np.int64]

NEAR = 12  # levels of luma: two pixels that may show the same thing
TEXTURED = 10  # levels of luma between neighbours: a pixel that tells displacements apart
SURE = 0.93  # share of textured pixels that must agree for the quick guesses to do
SAME_PLACE = 0.4  # below, the picture has changed altogether
FOUND_AGAIN = 0.6  # share that must agree with a place seen earlier
PEAKS = 4  # of the phase correlation that are tried
MOST_KEYS = 64
SHORTEST_ROOM = 8  # frames
MOST_PIXELS = 1 << 23  # in all canvases together
OUTLIER = 48.0  # levels: a value so far from the mean belongs to something else

Step = tuple[int, int]


@dataclass(frozen=True)
class Path:
    """Where the camera looks.

    Attributes
    ----------
    position : ndarray, shape (n, 2), int64
        Canvas coordinates (x, y) of the screen's top left corner.
    room : ndarray, shape (n,), int64
        -1 where the place is not worth a canvas.
    height, width : int
        Of the canvas that holds all rooms, one below another.
    """

    position: Longs
    room: Longs
    height: int
    width: int


@njit(cache=True)
def _agreement(before: Bytes, now: Bytes, dx: int, dy: int) -> float:
    """Share of the textured pixels of `now` that nearly equal `before` shifted."""
    h, w = now.shape
    agree = 0
    total = 1
    for y in range(h - 1):
        y0 = y - dy
        for x in range(y & 1, w - 1, 2):
            c = int(now[y, x])
            if abs(c - int(now[y, x + 1])) + abs(c - int(now[y + 1, x])) < TEXTURED:
                continue
            total += 1
            x0 = x - dx
            if 0 <= y0 < h and 0 <= x0 < w and abs(c - int(before[y0, x0])) <= NEAR:
                agree += 1
    return agree / total


def _luma(frame: Bytes) -> Bytes:
    wide = frame.astype(np.uint16)
    return ((wide[..., 0] * 77 + wide[..., 1] * 150 + wide[..., 2] * 29) >> 8).astype(np.uint8)


class _Camera:
    """Follows the camera from frame to frame and knows places again."""

    def __init__(self) -> None:
        self.position: list[Step] = []
        self.room: list[int] = []
        self.keys: list[tuple[int, Step, Bytes]] = []
        self.rooms = 0
        self.last: Step = (0, 0)
        self.cut = -SHORTEST_ROOM
        self.before: Bytes | None = None

    def peaks(self, before: Bytes, now: Bytes) -> list[Step]:
        """Displacements by phase correlation."""
        h, w = now.shape
        cross = np.fft.rfft2(now.astype(np.float32)) * np.conj(
            np.fft.rfft2(before.astype(np.float32))
        )
        surface = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-3), (h, w))
        best = np.argpartition(-surface.ravel(), min(PEAKS, h * w - 1))[:PEAKS]
        out = []
        for y, x in sorted(zip((best // w).tolist(), (best % w).tolist(), strict=True)):
            out.append((x - w if x > w // 2 else x, y - h if y > h // 2 else y))
        return out

    def best(self, before: Bytes, now: Bytes, quick: list[Step]) -> tuple[float, Step]:
        """The displacement that most textured pixels agree with."""
        tried = dict.fromkeys(quick)
        found = max((_agreement(before, now, *d), d) for d in tried) if tried else (0.0, (0, 0))
        if found[0] >= SURE:
            return found
        more = [d for d in self.peaks(before, now) if d not in tried]
        return max([found, *((_agreement(before, now, *d), d) for d in more)])

    def add(self, frame: Bytes) -> None:
        """Take the next frame."""
        now, t = _luma(frame), len(self.room)
        if self.before is None:
            self.enter(now)
        else:
            x, y = self.last
            quick = [(0, 0), self.last, (x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)]
            score, step = self.best(self.before, now, quick)
            stays = _agreement(self.before, now, 0, 0)
            if stays + 0.02 >= score:
                score, step = stays, (0, 0)
            if score >= SAME_PLACE:
                px, py = self.position[-1]
                self.position.append((px - step[0], py - step[1]))
                self.room.append(self.room[-1])
                self.last = step
                self.remember(now)
            else:
                self.last = (0, 0)
                recent = t - self.cut < SHORTEST_ROOM
                self.cut = t
                if recent:  # nothing stays long enough to be a place
                    self.position.append((0, 0))
                    self.room.append(-1)
                else:
                    self.enter(now)
        self.before = now

    def enter(self, now: Bytes) -> None:
        """A place that was seen before, or a new one."""
        for room, (x, y), known in self.keys:
            score, step = self.best(known, now, [(0, 0)])
            if score >= FOUND_AGAIN:
                self.position.append((x - step[0], y - step[1]))
                self.room.append(room)
                return
        self.position.append((0, 0))
        self.room.append(self.rooms)
        self.rooms += 1
        self.remember(now)

    def remember(self, now: Bytes) -> None:
        """Keep a view as a key where none of its room is near."""
        (x, y), room = self.position[-1], self.room[-1]
        h, w = now.shape
        if room < 0 or len(self.keys) == MOST_KEYS:
            return
        for other, (kx, ky), _ in self.keys:
            if other == room and abs(kx - x) <= w // 3 and abs(ky - y) <= h // 3:
                return
        self.keys.append((room, (x, y), now))


def follow_camera(frames: Iterable[Bytes]) -> Path:
    """Find the camera's path.

    Parameters
    ----------
    frames : iterable of ndarray, each shape (h, w, 3), uint8
        At least one.
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
        if here.sum() < SHORTEST_ROOM or (top + size[1]) * max(right, size[0]) > MOST_PIXELS:
            room[here] = -1
            continue
        position[here] += np.array([0, top]) - low
        top += int(size[1])
        right = max(right, int(size[0]))
    position[room < 0] = 0
    return Path(position, room, max(top, height), right)


@njit(cache=True)
def _vote(frame: Bytes, ox: int, oy: int, mean: Floats, count: NDArray[np.int32]) -> None:
    """A running mean per pixel of what nearly agrees; an outlier outvotes it in time."""
    h, w = frame.shape[:2]
    for y in range(h):
        for x in range(w):
            yy = y + oy
            xx = x + ox
            n = count[yy, xx]
            far = False
            for c in range(3):
                if abs(float(frame[y, x, c]) - mean[yy, xx, c]) > OUTLIER:
                    far = True
            if n == 0:
                for c in range(3):
                    mean[yy, xx, c] = frame[y, x, c]
                count[yy, xx] = 1
            elif far:
                count[yy, xx] = n - 1
            else:
                k = min(n + 1, 64)
                for c in range(3):
                    mean[yy, xx, c] += (float(frame[y, x, c]) - mean[yy, xx, c]) / k
                count[yy, xx] = n + 1


@njit(cache=True)
def _contest(
    frame: Bytes, world: Floats, ox: int, oy: int, fixed: Floats, lead: NDArray[np.int32]
) -> None:
    """Count the frames in which the screen's mean is nearer than the world's, or farther."""
    h, w = frame.shape[:2]
    for y in range(h):
        for x in range(w):
            a = 0.0
            b = 0.0
            for c in range(3):
                v = float(frame[y, x, c])
                a += abs(v - world[y + oy, x + ox, c])
                b += abs(v - fixed[y, x, c])
            if b + NEAR < a:
                lead[y, x] += 1
            elif a + NEAR < b:
                lead[y, x] -= 1


@dataclass(frozen=True)
class Survey:
    """What stands still in a clip.

    Attributes
    ----------
    path : Path
    world : ndarray, shape (H, W, 3), float32
        Mean colours in canvas coordinates.
    fixed : ndarray, shape (h, w, 3), float32
        Mean colours on the screen.
    on_screen : ndarray, shape (h, w), bool
        Where something fixed to the screen covers the world.
    """

    path: Path
    world: Floats
    fixed: Floats
    on_screen: NDArray[np.bool_]


class Surveyor:
    """Passes over a clip that together make a `Survey`.

    Parameters
    ----------
    path : Path
    height, width : int
        Of the screen.
    """

    def __init__(self, path: Path, height: int, width: int) -> None:
        self.path = path
        self.world = np.zeros((path.height, path.width, 3), np.float32)
        self.fixed = np.zeros((height, width, 3), np.float32)
        self._seen = np.zeros(self.world.shape[:2], np.int32)
        self._seen_fixed = np.zeros((height, width), np.int32)
        self._lead = np.zeros((height, width), np.int32)

    def vote(self, t: int, frame: Bytes) -> None:
        """First pass."""
        _vote(frame, 0, 0, self.fixed, self._seen_fixed)
        if self.path.room[t] >= 0:
            x, y = self.path.position[t].tolist()
            _vote(frame, x, y, self.world, self._seen)

    def contest(self, t: int, frame: Bytes) -> None:
        """Second pass."""
        if self.path.room[t] >= 0:
            x, y = self.path.position[t].tolist()
            _contest(frame, self.world, x, y, self.fixed, self._lead)

    def survey(self) -> Survey:
        """What the passes found."""
        return Survey(self.path, self.world, self.fixed, self._lead > 0)
