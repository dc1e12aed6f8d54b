"""Simplify a clip that is not pixel-exact, so that lossless coding of it is cheap.

    clip -> survey -> background, made of few colours and repeating tiles
         -> each frame: background where it is near enough; objects by the likeness of
            objects seen before; the rest as it was in the frame before, where near enough

One tolerance rules all of it. It is the largest with which the clip keeps the PSNR asked
for. What comes out are frames in which equal things are equal to the pixel, as mining
wants them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from spritecodec.clip import Clip
from spritecodec.metrics import psnr_from_mse, squared_error
from spritecodec.refine.survey import Bytes, Floats, Path, Survey, Surveyor, follow_camera

Mask = NDArray[np.bool_]

LOOK_UP_BITS = 6  # a channel, of the table from colours to the palette
SAMPLED_PIXELS = 60_000
LEAST_COLOURS, MOST_COLOURS = 16, 4096
PALETTE_SHARE = 0.15  # of the squared error that is allowed
LLOYD_STEPS = 5
TILE = 8
TILE_SHARE = 0.35  # of the squared tolerance, for a tile that repeats another
LIKENESS_SHARE = 0.6  # the same for an object that looks like one seen before
STEADY = 6.0  # levels: the least tolerance of a pixel towards the frame before
LONELY = 3.0  # tolerances that a pixel may be off where its neighbours are not
LARGEST_SHARE = 0.25  # of the screen; larger regions are no objects
LARGEST_TRIED = 48  # objects of like size compared with a region
SLACK = 2  # pixels that a region may be larger or smaller than the object, and shifted
FINEST, COARSEST = 0.5, 96.0  # tolerances
STEPS = 7  # of bisection
PASSES = 4  # over the whole clip
CLOSE = 0.3  # dB above the target that is near enough
SAMPLE_BYTES = 64 << 20
RUN = 24  # consecutive frames in the sample


class _Palette:
    """Few colours, and the nearest of them to any colour."""

    def __init__(self, pixels: Bytes, budget: float) -> None:
        colours = np.unique(pixels, axis=0)
        rng = np.random.default_rng(0)
        data = pixels.astype(np.float32)
        count = LEAST_COLOURS
        while True:
            if len(colours) <= count:
                centres = colours.astype(np.float32)
                break
            centres = colours[np.sort(rng.permutation(len(colours))[:count])].astype(np.float32)
            for _ in range(LLOYD_STEPS):
                distance, owner = cKDTree(centres).query(data)
                sizes = np.bincount(owner, minlength=count)
                for c in range(3):
                    total = np.bincount(owner, data[:, c], count)
                    centres[:, c] = np.where(sizes, total / np.maximum(sizes, 1), centres[:, c])
            if count == MOST_COLOURS or (distance**2).mean() / 3 <= budget:
                break
            count *= 2
        self.rgb: Bytes = np.unique(np.rint(centres).astype(np.uint8), axis=0)
        step = 1 << (8 - LOOK_UP_BITS)
        axis = np.arange(0, 256, step) + (step - 1) / 2
        cells = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
        self.table: Bytes = self.rgb[cKDTree(self.rgb).query(cells)[1]]

    def nearest(self, pixels: Bytes) -> Bytes:
        """The palette's colours for an array of colours, shape (..., 3)."""
        cell = pixels.astype(np.uint32) >> (8 - LOOK_UP_BITS)
        number = (cell[..., 0] << LOOK_UP_BITS | cell[..., 1]) << LOOK_UP_BITS | cell[..., 2]
        return self.table[number]


@njit(cache=True)
def _square(a: Bytes, b: Bytes) -> int:
    out = 0
    for c in range(3):
        d = int(a[c]) - int(b[c])
        out += d * d
    return out


@njit(cache=True)
def _lay_background(
    frame: Bytes,
    world: Bytes,
    ox: int,
    oy: int,
    fixed: Bytes,
    on_screen: Mask,
    limit: float,
    out: Bytes,
    error: NDArray[np.float32],
) -> None:
    """The background of a frame; where the likelier one is too far off, the other."""
    h, w = on_screen.shape
    for y in range(h):
        for x in range(w):
            a = world[y + oy, x + ox]
            b = fixed[y, x]
            if on_screen[y, x]:
                a, b = b, a
            e = _square(frame[y, x], a)
            if e > limit:
                other = _square(frame[y, x], b)
                if other <= limit:
                    e, a = other, b
            out[y, x] = a
            error[y, x] = e


@njit(cache=True)
def _stands_out(error: NDArray[np.float32], limit: float, out: Mask) -> int:
    """Pixels too far off together with neighbours, or very far off."""
    h, w = error.shape
    count = 0
    for y in range(h):
        for x in range(w):
            out[y, x] = False
            if error[y, x] <= limit:
                continue
            far = error[y, x] > LONELY * LONELY * limit
            if not far:
                company = 0
                for yy in range(max(y - 1, 0), min(y + 2, h)):
                    for xx in range(max(x - 1, 0), min(x + 2, w)):
                        company += error[yy, xx] > limit
                far = company >= 4
            if far:
                out[y, x] = True
                count += 1
    return count


@njit(cache=True)
def _keep(
    frame: Bytes, before: Bytes, dx: int, dy: int, mask: Mask, limit: float, out: Bytes
) -> int:
    """Pixels of `mask` that stay as they were, here or where they moved from; count others."""
    h, w = mask.shape
    left = 0
    for y in range(h):
        for x in range(w):
            if not mask[y, x]:
                continue
            x0, y0 = x + dx, y + dy
            if 0 <= x0 < w and 0 <= y0 < h and _square(frame[y, x], before[y0, x0]) <= limit:
                out[y, x] = before[y0, x0]
                mask[y, x] = False
            elif _square(frame[y, x], before[y, x]) <= limit:
                out[y, x] = before[y, x]
                mask[y, x] = False
            else:
                left += 1
    return left


@njit(cache=True)
def _unlikeness(
    frame: Bytes,
    base: NDArray[np.float32],
    region: Mask,
    x0: int,
    y0: int,
    object_: Bytes,
    shape: Mask,
    x: int,
    y: int,
    beat: float,
) -> float:
    """Squared error of region and object together, per pixel, if the object is drawn at x, y.

    Pixels of the region that the object leaves out show the background.
    """
    h, w = base.shape
    rh, rw = region.shape
    oh, ow = shape.shape
    total = 0.0
    count = 0
    for j in range(min(y, y0), max(y + oh, y0 + rh)):
        if j < 0 or j >= h:
            continue
        for i in range(min(x, x0), max(x + ow, x0 + rw)):
            if i < 0 or i >= w:
                continue
            a = 0 <= j - y < oh and 0 <= i - x < ow and shape[j - y, i - x]
            b = 0 <= j - y0 < rh and 0 <= i - x0 < rw and region[j - y0, i - x0]
            if a:
                total += _square(frame[j, i], object_[j - y, i - x])
                count += 1
            elif b:
                total += base[j, i]
                count += 1
    return total / max(count, 1)


@dataclass
class _Object:
    """Something that was seen: colours, which pixels are its own, when it was used last."""

    rgb: Bytes
    shape: Mask
    used: int


class _Look:
    """How a clip looks under one tolerance; frames must be given in order."""

    def __init__(self, survey: Survey, palette: _Palette, tolerance: float) -> None:
        self.survey = survey
        self.palette = palette
        self.limit = tolerance * tolerance
        self.world = self.draw(survey.world)
        self.fixed = self.draw(survey.fixed)
        self.restart()

    def restart(self) -> None:
        """Forget the frames so far."""
        h, w = self.survey.on_screen.shape
        self.before: Bytes | None = None
        self.objects: dict[tuple[int, int], list[_Object]] = {}
        self.clock = 0
        self.error = np.empty((h, w), np.float32)
        self.mask = np.empty((h, w), bool)

    def draw(self, mean: Floats) -> Bytes:
        """A background with as few different tiles as the tolerance allows, in few colours."""
        h, w = mean.shape[:2]
        padded = np.pad(mean, ((0, -h % TILE), (0, -w % TILE), (0, 0)), mode="edge")
        rows, columns = padded.shape[0] // TILE, padded.shape[1] // TILE
        grid = padded.reshape(rows, TILE, columns, TILE, 3).swapaxes(1, 2)
        tiles = grid.reshape(rows * columns, -1)
        known = np.empty_like(tiles)
        count = 0
        owner = np.empty(len(tiles), np.int64)
        for i, tile in enumerate(tiles):
            if count:
                distance = ((known[:count] - tile) ** 2).sum(axis=1)
                best = int(distance.argmin())
                if distance[best] <= TILE_SHARE * self.limit * TILE * TILE:
                    owner[i] = best
                    continue
            known[count], owner[i] = tile, count
            count += 1
        sizes = np.bincount(owner, minlength=count)
        flat = np.zeros((count, tiles.shape[1]), np.float64)
        np.add.at(flat, owner, tiles)
        flat /= sizes[:, None]
        colours = self.palette.nearest(np.rint(flat).astype(np.uint8).reshape(count, -1, 3))
        drawn = colours[owner].reshape(rows, columns, TILE, TILE, 3).swapaxes(1, 2)
        return np.ascontiguousarray(drawn.reshape(padded.shape)[:h, :w])

    def frame(self, t: int, source: Bytes) -> Bytes:
        """Frame t, simplified."""
        path = self.survey.path
        out = np.empty_like(source)
        self.clock += 1
        if path.room[t] < 0:
            self.mask[:] = True
            self.error[:] = np.inf
            self.settle(t, source, self.mask, out)
        else:
            x, y = path.position[t].tolist()
            _lay_background(
                source, self.world, x, y, self.fixed, self.survey.on_screen, self.limit, out,
                self.error,
            )  # fmt: skip
            if _stands_out(self.error, self.limit, self.mask):
                self.draw_objects(t, source, out)
        self.before = out
        return out

    def settle(self, t: int, source: Bytes, mask: Mask, out: Bytes) -> None:
        """Pixels that nothing explains: as before where that is near, else new."""
        limit = max(self.limit, STEADY * STEADY)
        if self.before is not None:
            path = self.survey.path
            same = t > 0 and path.room[t] == path.room[t - 1] >= 0
            dx, dy = (path.position[t] - path.position[t - 1]).tolist() if same else (0, 0)
            _keep(source, self.before, dx, dy, mask, min(limit, self.limit), out)
        out[mask] = self.palette.nearest(source[mask])

    def draw_objects(self, t: int, source: Bytes, out: Bytes) -> None:
        """Every region that stands out, as an object seen before or as a new one."""
        mask = self.mask
        near = ndimage.binary_dilation(mask, np.ones((3, 3), bool))
        labels, _ = ndimage.label(near, np.ones((3, 3), int))
        largest = LARGEST_SHARE * mask.size
        for i, (rows, columns) in enumerate(ndimage.find_objects(labels)):
            region = mask[rows, columns] & (labels[rows, columns] == i + 1)
            ys, xs = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
            x, y = columns.start + int(xs[0]), rows.start + int(ys[0])
            region = region[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
            if region.sum() > largest:
                whole = np.zeros_like(mask)
                whole[y : y + region.shape[0], x : x + region.shape[1]] = region
                self.settle(t, source, whole, out)
            else:
                self.draw_object(source, region, x, y, out)

    def draw_object(self, source: Bytes, region: Mask, x: int, y: int, out: Bytes) -> None:
        h, w = region.shape
        found: tuple[float, _Object, int, int] | None = None
        beat = LIKENESS_SHARE * self.limit
        tried = [
            o
            for dh in range(-SLACK, SLACK + 1)
            for dw in range(-SLACK, SLACK + 1)
            for o in self.objects.get((h + dh, w + dw), ())
        ]
        for known in sorted(tried, key=lambda o: -o.used)[:LARGEST_TRIED]:
            oh, ow = known.shape.shape
            low_x, high_x = sorted((x, x + w - ow))
            low_y, high_y = sorted((y, y + h - oh))
            for j in range(low_y - 1, high_y + 2):
                for i in range(low_x - 1, high_x + 2):
                    value = _unlikeness(
                        source, self.error, region, x, y, known.rgb, known.shape, i, j, beat
                    )
                    if value < beat:
                        beat, found = value, (value, known, i, j)
        if found is None:
            colours = self.palette.nearest(source[y : y + h, x : x + w])
            known = _Object(colours, region.copy(), self.clock)
            self.objects.setdefault((h, w), []).append(known)
            found = (0.0, known, x, y)
        _, known, x, y = found
        known.used = self.clock
        height, width = self.mask.shape
        h, w = known.shape.shape
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
        part = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
        target = out[y0:y1, x0:x1]
        target[known.shape[part]] = known.rgb[part][known.shape[part]]


class Simplifier:
    """A clip, simplified: the same frames in the same order, each time they are asked for.

    Made by `simplify`.
    """

    def __init__(self, look: _Look, quality: float) -> None:
        self._look = look
        self.quality = quality
        self._next = 0

    def frame(self, t: int, source: Bytes) -> Bytes:
        """Frame t, shape (h, w, 3), uint8; frames must be asked for in order, from 0."""
        if t == 0:
            self._look.restart()
        assert t == self._next or t == 0
        self._next = t + 1
        return self._look.frame(t, source)


def _frames(clip: Clip) -> Iterator[Bytes]:
    for piece in clip.pieces(32):
        yield from piece.frames


def _survey(clip: Clip) -> tuple[Survey, Path]:
    path = follow_camera(_frames(clip))
    surveyor = Surveyor(path, clip.height, clip.width)
    for t, frame in enumerate(_frames(clip)):
        surveyor.vote(t, frame)
    for t, frame in enumerate(_frames(clip)):
        surveyor.contest(t, frame)
    return surveyor.survey(), path


def _sample(clip: Clip, count: int) -> list[tuple[int, Bytes]]:
    """Runs of frames from all over the clip."""
    most = max(1, SAMPLE_BYTES // (clip.height * clip.width * 3))
    if count <= most:
        chosen = set(range(count))
    else:
        run = min(RUN, most)
        starts = np.linspace(0, count - run, max(1, most // run)).astype(int).tolist()
        chosen = {t for s in starts for t in range(s, s + run)}
    return [(t, f.copy()) for t, f in enumerate(_frames(clip)) if t in chosen]


def simplify(
    clip: Clip, target: float, progress: Callable[[int, int], None] | None = None
) -> Simplifier | None:
    """Find the coarsest look of a clip that keeps a PSNR.

    Parameters
    ----------
    clip : Clip
        Read several times.
    target : float
        Decibels over the whole clip.
    progress : callable, optional
        Called with the steps done and the steps in all.

    Returns
    -------
    Simplifier or None
        None where only the exact frames reach the target.
    """
    say = progress or (lambda done, total: None)
    say(0, STEPS + 2)
    survey, path = _survey(clip)
    say(1, STEPS + 2)
    count = len(path.room)
    sample = _sample(clip, count)
    allowed = 255.0**2 / 10 ** (target / 10)
    size = clip.height * clip.width * 3
    rng = np.random.default_rng(0)
    share = max(1, SAMPLED_PIXELS // len(sample))
    pixels = np.concatenate([f.reshape(-1, 3)[rng.integers(0, size // 3, share)] for _, f in sample])
    palette = _Palette(pixels, PALETTE_SHARE * allowed)

    def sampled(tolerance: float) -> float:
        look = _Look(survey, palette, tolerance)
        return sum(squared_error(look.frame(t, f), f) for t, f in sample) / len(sample) / size

    low, high = np.log(FINEST), np.log(COARSEST)
    for step in range(STEPS):
        middle = (low + high) / 2
        if sampled(float(np.exp(middle))) <= allowed:
            low = middle
        else:
            high = middle
        say(step + 2, STEPS + 2)
    tolerance = float(np.exp(low))
    best: Simplifier | None = None
    for _ in range(PASSES if len(sample) < count else 1):
        look = _Look(survey, palette, tolerance)
        error = sum(squared_error(look.frame(t, f), f) for t, f in enumerate(_frames(clip)))
        quality = psnr_from_mse(error / size / count)
        if quality >= target and (best is None or quality < best.quality):
            best = Simplifier(look, quality)
        if target <= quality <= target + CLOSE:
            break
        tolerance *= 10 ** ((quality - target - CLOSE / 3) / 20)
    return best
