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

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from spritecodec.clip import Clip
from spritecodec.metrics import psnr_from_mse, squared_error
from spritecodec.restore.survey import Bytes, Floats, Longs, Path, Survey, Surveyor, follow_camera

Mask = NDArray[np.bool_]

LOOK_UP_BITS = 6  # a channel, of the table from colours to the palette
SAMPLED_PIXELS = 60_000
LEAST_COLOURS, MOST_COLOURS = 16, 4096
PALETTE_SHARE = 0.15  # of the squared error that is allowed
LLOYD_STEPS = 5
TILE = 8
TILE_SHARE = 0.1  # of the squared tolerance, for a tile that repeats another
LIKENESS_SHARE = 2.0  # the same for an object that looks like one seen before
LONELY = 3.0  # tolerances that a pixel may be off where its neighbours are not
LARGEST_SHARE = 0.25  # of the screen; larger regions are no objects
MOST_TRIED = 48  # objects of like size compared with a region
SLACK = 2  # pixels that a region may be larger or smaller than the object, and shifted
FINEST, COARSEST = 0.5, 96.0  # tolerances
STEPS = 7  # of bisection
PASSES = 4  # over the whole clip
CLOSE = 0.3  # dB above the target that is near enough
SAMPLE_FRAMES = 96
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
        colours: Bytes = self.table[number]
        return colours


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
    out: Bytes,
    error: NDArray[np.float32],
) -> None:
    """The background of a frame, and how far off it is."""
    h, w = on_screen.shape
    for y in range(h):
        for x in range(w):
            a = fixed[y, x] if on_screen[y, x] else world[y + oy, x + ox]
            e = _square(frame[y, x], a)
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
    rgb: Bytes,
    shape: Mask,
    x: int,
    y: int,
    beat: float,
) -> float:
    """Squared error of region and object together, per pixel, if the object is drawn at x, y.

    Pixels of the region that the object leaves out show the background. Stops early where
    the sum alone is no better than `beat` a pixel of both boxes.
    """
    h, w = base.shape
    rh, rw = region.shape
    oh, ow = shape.shape
    enough = beat * (rh * rw + oh * ow)
    total = 0.0
    count = 0
    for j in range(max(min(y, y0), 0), min(max(y + oh, y0 + rh), h)):
        for i in range(max(min(x, x0), 0), min(max(x + ow, x0 + rw), w)):
            if 0 <= j - y < oh and 0 <= i - x < ow and shape[j - y, i - x]:
                total += _square(frame[j, i], rgb[j - y, i - x])
                count += 1
            elif 0 <= j - y0 < rh and 0 <= i - x0 < rw and region[j - y0, i - x0]:
                total += base[j, i]
                count += 1
        if total >= enough:
            return float(enough)
    mean: float = total / max(count, 1)
    return mean


@njit(cache=True)
def _recognise(
    frame: Bytes,
    base: NDArray[np.float32],
    region: Mask,
    x: int,
    y: int,
    boxes: Longs,
    count: int,
    rgb: Bytes,
    shape: Mask,
    beat: float,
) -> tuple[int, int, int]:
    """The object of like size that is most like a region, the latest first, and its place."""
    h, w = region.shape
    best = -1
    best_x = 0
    best_y = 0
    tried = 0
    for k in range(count - 1, -1, -1):
        oh, ow, first = boxes[k]
        if abs(oh - h) > SLACK or abs(ow - w) > SLACK:
            continue
        tried += 1
        if tried > MOST_TRIED:
            break
        object_rgb = rgb[first : first + oh * ow].reshape(oh, ow, 3)
        object_shape = shape[first : first + oh * ow].reshape(oh, ow)
        for j in range(min(y, y + h - oh) - 1, max(y, y + h - oh) + 2):
            for i in range(min(x, x + w - ow) - 1, max(x, x + w - ow) + 2):
                value = _unlikeness(frame, base, region, x, y, object_rgb, object_shape, i, j, beat)
                if value < beat:
                    beat = value
                    best, best_x, best_y = k, i, j
    return best, best_x, best_y


class _Objects:
    """Everything that was seen in front of the background: colours and shapes."""

    def __init__(self) -> None:
        self.count = 0
        self._pixels = 0
        self.boxes: Longs = np.zeros((256, 3), np.int64)  # height, width, first pixel
        self.rgb: Bytes = np.zeros((1 << 14, 3), np.uint8)
        self.shape: Mask = np.zeros(1 << 14, bool)

    def add(self, rgb: Bytes, shape: Mask) -> int:
        """Add an object, shapes (h, w, 3) and (h, w); return its number."""
        if self.count == len(self.boxes):
            self.boxes = np.concatenate([self.boxes, np.zeros_like(self.boxes)])
        while self._pixels + shape.size > len(self.shape):
            self.rgb = np.concatenate([self.rgb, np.zeros_like(self.rgb)])
            self.shape = np.concatenate([self.shape, np.zeros_like(self.shape)])
        part = slice(self._pixels, self._pixels + shape.size)
        self.rgb[part], self.shape[part] = rgb.reshape(-1, 3), shape.ravel()
        self.boxes[self.count] = (*shape.shape, self._pixels)
        self._pixels += shape.size
        self.count += 1
        return self.count - 1

    def picture(self, number: int) -> tuple[Bytes, Mask]:
        """Colours and shape of an object."""
        h, w, first = self.boxes[number].tolist()
        part = slice(first, first + h * w)
        return self.rgb[part].reshape(h, w, 3), self.shape[part].reshape(h, w)


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
        self.objects = _Objects()
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
        if path.room[t] < 0:
            self.mask[:] = True
            self.error[:] = np.inf
            self.settle(t, source, self.mask, out)
        else:
            x, y = path.position[t].tolist()
            _lay_background(
                source, self.world, x, y, self.fixed, self.survey.on_screen, out, self.error,
            )  # fmt: skip
            if _stands_out(self.error, self.limit, self.mask):
                self.draw_objects(t, source, out)
        self.before = out
        return out

    def settle(self, t: int, source: Bytes, mask: Mask, out: Bytes) -> None:
        """Pixels that nothing explains: as before where that is near, else new."""
        if self.before is not None:
            path = self.survey.path
            same = t > 0 and path.room[t] == path.room[t - 1] >= 0
            dx, dy = (path.position[t] - path.position[t - 1]).tolist() if same else (0, 0)
            _keep(source, self.before, dx, dy, mask, self.limit, out)
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
        known = self.objects
        number, left, top = _recognise(
            source, self.error, region, x, y, known.boxes, known.count, known.rgb, known.shape,
            LIKENESS_SHARE * self.limit,
        )  # fmt: skip
        if number < 0:
            colours = self.palette.nearest(source[y : y + h, x : x + w])
            number, left, top = known.add(colours, region), x, y
        rgb, shape = known.picture(number)
        h, w = shape.shape
        height, width = self.mask.shape
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + w, width), min(top + h, height)
        part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        out[y0:y1, x0:x1][shape[part]] = rgb[part][shape[part]]


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
    most = SAMPLE_FRAMES
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
    pixels = np.concatenate(
        [f.reshape(-1, 3)[rng.integers(0, size // 3, share)] for _, f in sample]
    )
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
