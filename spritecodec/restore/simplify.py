"""Simplify a clip that is not pixel-exact, so that lossless coding of it is cheap.

    clip -> survey -> background, made of few colours and repeating tiles
         -> each frame: the background where it is near enough; earlier objects where they
            are; the previous frame's pixels elsewhere, where they are near enough

One tolerance decides what is near enough: the largest with which the clip keeps the PSNR that
is asked for. In the resulting frames, equal things have equal pixels, as mining needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from spritecodec.clip import Clip
from spritecodec.metrics import psnr_from_mse, squared_error
from spritecodec.mining.arrays import Longs
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.thresholds import EVIDENCE, SHAPES, SIMPLIFY
from spritecodec.restore.survey import (
    Bytes,
    CameraPath,
    Floats,
    Survey,
    Surveyor,
    follow_camera,
)

Mask = NDArray[np.bool_]

PIECE_FRAMES = 32  # read at a time


class _Palette:
    """Few colours, and the nearest of them to any colour.

    Attributes
    ----------
    rgb : ndarray, shape (colours, 3), uint8
    table : ndarray, shape (2 ** (3 * SIMPLIFY.table_bits), 3), uint8
        The nearest colour to each cell of the colour cube.
    """

    def __init__(self, pixels: Bytes, max_error: float) -> None:
        self.rgb: Bytes = np.unique(_few_colours(pixels, max_error), axis=0)
        step = 1 << (8 - SIMPLIFY.table_bits)
        axis = np.arange(0, 256, step) + (step - 1) / 2
        cells = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
        self.table: Bytes = self.rgb[cKDTree(self.rgb).query(cells)[1]]

    def nearest(self, pixels: Bytes) -> Bytes:
        """The palette's colours for an array of colours, shape (..., 3)."""
        bits = SIMPLIFY.table_bits
        cell = pixels.astype(np.uint32) >> (8 - bits)
        number = (cell[..., 0] << bits | cell[..., 1]) << bits | cell[..., 2]
        colours: Bytes = self.table[number]
        return colours


def _few_colours(pixels: Bytes, max_error: float) -> Bytes:
    """Colours that represent `pixels`, shape (n, 3), with at most that mean squared error.

    Their number is doubled until that is so, or ``LIMITS.colours`` are reached.
    """
    colours = np.unique(pixels, axis=0)
    rng = np.random.default_rng(0)
    data = pixels.astype(np.float32)
    count = SIMPLIFY.min_colours
    while len(colours) > count:
        centres = colours[np.sort(rng.permutation(len(colours))[:count])].astype(np.float32)
        for _ in range(SIMPLIFY.lloyd_steps):
            distance, owner = cKDTree(centres).query(data)
            sizes = np.bincount(owner, minlength=count)
            for c in range(3):
                total = np.bincount(owner, data[:, c], count)
                centres[:, c] = np.where(sizes, total / np.maximum(sizes, 1), centres[:, c])
        if count >= LIMITS.colours or (distance**2).mean() / 3 <= max_error:
            return np.rint(centres).astype(np.uint8)
        count *= 2
    return colours


@njit(cache=True)
def _squared_distance(a: Bytes, b: Bytes) -> int:
    """Between two colours, summed over the channels."""
    out = 0
    for c in range(3):
        d = int(a[c]) - int(b[c])
        out += d * d
    return out


@njit(cache=True)
def _draw_background(
    frame: Bytes,
    world: Bytes,
    ox: int,
    oy: int,
    fixed: Bytes,
    on_screen: Mask,
    out: Bytes,
    error: NDArray[np.float32],
) -> None:
    """Draw the background of a frame, and its squared distance from the frame at each pixel."""
    h, w = on_screen.shape
    for y in range(h):
        for x in range(w):
            a = fixed[y, x] if on_screen[y, x] else world[y + oy, x + ox]
            e = _squared_distance(frame[y, x], a)
            out[y, x] = a
            error[y, x] = e


@njit(cache=True)
def _mark_foreground(
    error: NDArray[np.float32], limit: float, lonely_limit: float, min_company: int, out: Mask
) -> int:
    """Mark pixels off by more than `limit` together with neighbours, or by `lonely_limit`.

    Returns how many are marked.
    """
    h, w = error.shape
    count = 0
    for y in range(h):
        for x in range(w):
            out[y, x] = False
            if error[y, x] <= limit:
                continue
            far = error[y, x] > lonely_limit
            if not far:
                company = 0
                for yy in range(max(y - 1, 0), min(y + 2, h)):
                    for xx in range(max(x - 1, 0), min(x + 2, w)):
                        company += error[yy, xx] > limit
                far = company >= min_company
            if far:
                out[y, x] = True
                count += 1
    return count


@njit(cache=True)
def _keep(
    frame: Bytes, previous: Bytes, dx: int, dy: int, mask: Mask, limit: float, out: Bytes
) -> None:
    """Keep the previous frame's pixels in `mask`, from (dx, dy) away or in place.

    Pixels that differ by no more than `limit` are drawn and leave the mask.
    """
    h, w = mask.shape
    for y in range(h):
        for x in range(w):
            if not mask[y, x]:
                continue
            x0, y0 = x + dx, y + dy
            inside = 0 <= x0 < w and 0 <= y0 < h
            if inside and _squared_distance(frame[y, x], previous[y0, x0]) <= limit:
                out[y, x] = previous[y0, x0]
                mask[y, x] = False
            elif _squared_distance(frame[y, x], previous[y, x]) <= limit:
                out[y, x] = previous[y, x]
                mask[y, x] = False


class _Region(NamedTuple):
    """A connected region of the foreground: its mask, shape (h, w), and top left corner."""

    mask: Mask
    x: int
    y: int


class _Object(NamedTuple):
    """The picture of an object: RGB, shape (h, w, 3), and mask, shape (h, w)."""

    rgb: Bytes
    mask: Mask


class _Album(NamedTuple):
    """The pictures of all objects so far, one after another.

    Attributes
    ----------
    boxes : ndarray, shape (objects, 3), int64
        Height, width and first pixel of each.
    rgb : ndarray, shape (pixels, 3), uint8
    mask : ndarray, shape (pixels,), bool
    """

    boxes: Longs
    rgb: Bytes
    mask: Mask


@njit(cache=True)
def _mean_error(
    frame: Bytes,
    base: NDArray[np.float32],
    region: _Region,
    picture: _Object,
    x: int,
    y: int,
    beat: float,
) -> float:
    """Mean squared error in region and object together if the object is drawn at (x, y).

    Pixels of the region that the object leaves out show the background, whose squared error
    is `base`. Stops early where the sum is no better than `beat` for each pixel of both boxes.
    """
    h, w = base.shape
    rh, rw = region.mask.shape
    oh, ow = picture.mask.shape
    enough = beat * (rh * rw + oh * ow)
    total = 0.0
    count = 0
    for j in range(max(min(y, region.y), 0), min(max(y + oh, region.y + rh), h)):
        for i in range(max(min(x, region.x), 0), min(max(x + ow, region.x + rw), w)):
            v, u = j - region.y, i - region.x
            if 0 <= j - y < oh and 0 <= i - x < ow and picture.mask[j - y, i - x]:
                total += _squared_distance(frame[j, i], picture.rgb[j - y, i - x])
                count += 1
            elif 0 <= v < rh and 0 <= u < rw and region.mask[v, u]:
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
    region: _Region,
    album: _Album,
    limit: float,
    max_shift: int,
    max_tried: int,
) -> tuple[int, int, int]:
    """The object of like size that is most like a region, and its place (number, x, y).

    The latest objects are tried first. The number is -1 where each is off by `limit` or more.
    """
    h, w = region.mask.shape
    x, y = region.x, region.y
    best = -1
    best_x = 0
    best_y = 0
    tried = 0
    for k in range(len(album.boxes) - 1, -1, -1):
        oh, ow, first = album.boxes[k]
        if abs(oh - h) > max_shift or abs(ow - w) > max_shift:
            continue
        tried += 1
        if tried > max_tried:
            break
        picture = _Object(
            album.rgb[first : first + oh * ow].reshape(oh, ow, 3),
            album.mask[first : first + oh * ow].reshape(oh, ow),
        )
        for j in range(min(y, y + h - oh) - max_shift, max(y, y + h - oh) + max_shift + 1):
            for i in range(min(x, x + w - ow) - max_shift, max(x, x + w - ow) + max_shift + 1):
                value = _mean_error(frame, base, region, picture, i, j, limit)
                if value < limit:
                    limit = value
                    best, best_x, best_y = k, i, j
    return best, best_x, best_y


class _Objects:
    """Everything that was seen in front of the background; its arrays grow by doubling."""

    def __init__(self) -> None:
        self._count = 0
        self._pixels = 0
        self._boxes: Longs = np.zeros((256, 3), np.int64)
        self._rgb: Bytes = np.zeros((1 << 14, 3), np.uint8)
        self._mask: Mask = np.zeros(1 << 14, bool)

    def add(self, rgb: Bytes, mask: Mask) -> int:
        """Add an object, shapes (h, w, 3) and (h, w); return its number."""
        if self._count == len(self._boxes):
            self._boxes = np.concatenate([self._boxes, np.zeros_like(self._boxes)])
        while self._pixels + mask.size > len(self._mask):
            self._rgb = np.concatenate([self._rgb, np.zeros_like(self._rgb)])
            self._mask = np.concatenate([self._mask, np.zeros_like(self._mask)])
        part = slice(self._pixels, self._pixels + mask.size)
        self._rgb[part], self._mask[part] = rgb.reshape(-1, 3), mask.ravel()
        self._boxes[self._count] = (*mask.shape, self._pixels)
        self._pixels += mask.size
        self._count += 1
        return self._count - 1

    def album(self) -> _Album:
        """All objects."""
        return _Album(self._boxes[: self._count], self._rgb, self._mask)

    def __getitem__(self, number: int) -> _Object:
        h, w, first = self._boxes[number].tolist()
        part = slice(first, first + h * w)
        return _Object(self._rgb[part].reshape(h, w, 3), self._mask[part].reshape(h, w))


def _merge_tiles(tiles: Floats, limit: float) -> tuple[NDArray[np.float64], Longs]:
    """Means of tiles that nearly repeat: shape (means, values), and the mean of each tile.

    Parameters
    ----------
    tiles : ndarray, shape (tiles, values), float32
    limit : float
        Sum of squared differences up to which a tile repeats an earlier one.
    """
    known = np.empty_like(tiles)
    count = 0
    owner = np.empty(len(tiles), np.int64)
    for i, tile in enumerate(tiles):
        if count:
            distance = ((known[:count] - tile) ** 2).sum(axis=1)
            best = int(distance.argmin())
            if distance[best] <= limit:
                owner[i] = best
                continue
        known[count], owner[i] = tile, count
        count += 1
    means = np.zeros((count, tiles.shape[1]), np.float64)
    np.add.at(means, owner, tiles)
    means /= np.bincount(owner, minlength=count)[:, None]
    return means, owner


class _Drawing:
    """A clip drawn with one tolerance; frames must be given in order."""

    def __init__(self, survey: Survey, palette: _Palette, tolerance: float) -> None:
        self.survey = survey
        self.palette = palette
        self.limit = tolerance * tolerance
        self.world = self.draw_tiles(survey.world)
        self.fixed = self.draw_tiles(survey.fixed)
        self.restart()

    def restart(self) -> None:
        """Forget the frames so far."""
        h, w = self.survey.on_screen.shape
        self.previous: Bytes | None = None  # as drawn
        self.objects = _Objects()
        self.error = np.empty((h, w), np.float32)  # squared, of the background
        self.foreground = np.empty((h, w), bool)

    def draw_tiles(self, mean: Floats) -> Bytes:
        """A background with as few different tiles as the tolerance allows, in few colours."""
        h, w = mean.shape[:2]
        side = SIMPLIFY.tile
        padded = np.pad(mean, ((0, -h % side), (0, -w % side), (0, 0)), mode="edge")
        rows, columns = padded.shape[0] // side, padded.shape[1] // side
        grid = padded.reshape(rows, side, columns, side, 3).swapaxes(1, 2)
        tiles = grid.reshape(rows * columns, -1)
        means, owner = _merge_tiles(tiles, SIMPLIFY.part_share * self.limit * side * side)
        rounded = np.rint(means).astype(np.uint8).reshape(len(means), -1, 3)
        colours = self.palette.nearest(rounded)
        drawn = colours[owner].reshape(rows, columns, side, side, 3).swapaxes(1, 2)
        return np.ascontiguousarray(drawn.reshape(padded.shape)[:h, :w])

    def frame(self, t: int, source: Bytes) -> Bytes:
        """Frame t, simplified."""
        path = self.survey.path
        out = np.empty_like(source)
        if path.room[t] < 0:
            self.foreground[:] = True
            self.error[:] = np.inf
            self.draw_rest(t, source, self.foreground, out)
        else:
            x, y = path.position[t].tolist()
            _draw_background(
                source, self.world, x, y, self.fixed, self.survey.on_screen, out, self.error,
            )  # fmt: skip
            lonely_limit = SIMPLIFY.object_share * self.limit
            if _mark_foreground(
                self.error, self.limit, lonely_limit, SIMPLIFY.min_company, self.foreground
            ):
                self.draw_foreground(t, source, out)
        self.previous = out
        return out

    def draw_rest(self, t: int, source: Bytes, mask: Mask, out: Bytes) -> None:
        """Draw the pixels of `mask`: the previous frame's where near, else in new colours."""
        if self.previous is not None:
            path = self.survey.path
            same = t > 0 and path.room[t] == path.room[t - 1] >= 0
            dx, dy = (path.position[t] - path.position[t - 1]).tolist() if same else (0, 0)
            _keep(source, self.previous, dx, dy, mask, self.limit, out)
        out[mask] = self.palette.nearest(source[mask])

    def draw_foreground(self, t: int, source: Bytes, out: Bytes) -> None:
        """Draw each region of the foreground, as an earlier object or as a new one."""
        mask = self.foreground
        near = ndimage.binary_dilation(mask, np.ones((3, 3), bool))
        labels, _ = ndimage.label(near, np.ones((3, 3), int))
        for i, (rows, columns) in enumerate(ndimage.find_objects(labels)):
            part = mask[rows, columns] & (labels[rows, columns] == i + 1)
            ys, xs = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
            x, y = columns.start + int(xs[0]), rows.start + int(ys[0])
            region = _Region(part[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1], x, y)
            if region.mask.sum() > SHAPES.max_share * mask.size:
                whole = np.zeros_like(mask)
                h, w = region.mask.shape
                whole[y : y + h, x : x + w] = region.mask
                self.draw_rest(t, source, whole, out)
            else:
                self.draw_object(source, region, out)

    def draw_object(self, source: Bytes, region: _Region, out: Bytes) -> None:
        """Draw a region as the earlier object that it is most like, or add it as a new one."""
        number, left, top = _recognise(
            source,
            self.error,
            region,
            self.objects.album(),
            SIMPLIFY.object_share * self.limit,
            SIMPLIFY.max_shift,
            LIMITS.candidates,
        )
        if number < 0:
            left, top = region.x, region.y
            h, w = region.mask.shape
            colours = self.palette.nearest(source[top : top + h, left : left + w])
            number = self.objects.add(colours, region.mask)
        rgb, mask = self.objects[number]
        h, w = mask.shape
        height, width = self.foreground.shape
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + w, width), min(top + h, height)
        part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        out[y0:y1, x0:x1][mask[part]] = rgb[part][mask[part]]


class Simplifier:
    """A simplified clip: the same frames in the same order, each time they are asked for.

    Made by `simplify`.

    Attributes
    ----------
    quality : float
        PSNR in dB over the whole clip.
    """

    def __init__(self, drawing: _Drawing, quality: float) -> None:
        self._drawing = drawing
        self.quality = quality
        self._next = 0

    def frame(self, t: int, source: Bytes) -> Bytes:
        """Frame t, shape (h, w, 3), uint8; frames must be asked for in order, from 0."""
        if t == 0:
            self._drawing.restart()
        assert t == self._next or t == 0
        self._next = t + 1
        return self._drawing.frame(t, source)


def _frames(clip: Clip) -> Iterator[Bytes]:
    for piece in clip.pieces(PIECE_FRAMES):
        yield from piece.frames


def _survey(clip: Clip) -> tuple[Survey, CameraPath]:
    path = follow_camera(_frames(clip))
    surveyor = Surveyor(path, clip.height, clip.width)
    for t, frame in enumerate(_frames(clip)):
        surveyor.vote(t, frame)
    for t, frame in enumerate(_frames(clip)):
        surveyor.contest(t, frame)
    return surveyor.survey(), path


def _sample(clip: Clip, count: int) -> list[tuple[int, Bytes]]:
    """Runs of frames from all over a clip of `count` frames, each with its number."""
    most = LIMITS.voters
    if count <= most:
        chosen = set(range(count))
    else:
        run = min(EVIDENCE.min_frames, most)
        starts = np.linspace(0, count - run, max(1, most // run)).astype(int).tolist()
        chosen = {t for s in starts for t in range(s, s + run)}
    return [(t, f.copy()) for t, f in enumerate(_frames(clip)) if t in chosen]


def _sample_palette(frames: list[Bytes], allowed: float) -> _Palette:
    """The palette for a clip that may have the mean squared error `allowed`."""
    rng = np.random.default_rng(0)
    each = max(1, SIMPLIFY.palette_pixels // len(frames))
    pixels = np.concatenate([f.reshape(-1, 3)[rng.integers(0, f.size // 3, each)] for f in frames])
    return _Palette(pixels, SIMPLIFY.part_share * allowed)


def _largest_tolerance(
    error: Callable[[float], float], allowed: float, progress: Callable[[int], None]
) -> float:
    """The largest tolerance at which `error` is at most `allowed`, by bisection.

    Parameters
    ----------
    error : callable
        Mean squared error at a tolerance.
    allowed : float
    progress : callable
        Called with the steps done.
    """
    low, high = np.log(SIMPLIFY.min_tolerance), np.log(255)
    for step in range(LIMITS.rounds):
        middle = (low + high) / 2
        if error(float(np.exp(middle))) <= allowed:
            low = middle
        else:
            high = middle
        progress(step + 1)
    return float(np.exp(low))


def simplify(
    clip: Clip, target: float, progress: Callable[[int, int], None] | None = None
) -> Simplifier | None:
    """Find the coarsest drawing of a clip that keeps a PSNR.

    Parameters
    ----------
    clip : Clip
        Read several times.
    target : float
        PSNR in dB over the whole clip.
    progress : callable, optional
        Called with the steps done and the steps in all.

    Returns
    -------
    Simplifier or None
        None where only the exact frames reach the target.
    """
    say = progress or (lambda done, total: None)
    steps = LIMITS.rounds + 2
    say(0, steps)
    survey, path = _survey(clip)
    say(1, steps)
    count = len(path.room)
    sample = _sample(clip, count)
    allowed = 255.0**2 / 10 ** (target / 10)
    size = clip.height * clip.width * 3
    palette = _sample_palette([f for _, f in sample], allowed)

    def sampled_error(tolerance: float) -> float:
        drawing = _Drawing(survey, palette, tolerance)
        return sum(squared_error(drawing.frame(t, f), f) for t, f in sample) / len(sample) / size

    tolerance = _largest_tolerance(sampled_error, allowed, lambda done: say(done + 1, steps))
    best: Simplifier | None = None
    for _ in range(LIMITS.rounds if len(sample) < count else 1):
        drawing = _Drawing(survey, palette, tolerance)
        error = sum(squared_error(drawing.frame(t, f), f) for t, f in enumerate(_frames(clip)))
        quality = psnr_from_mse(error / size / count)
        if quality >= target and (best is None or quality < best.quality):
            best = Simplifier(drawing, quality)
        if target <= quality <= target + SIMPLIFY.max_excess:
            break
        tolerance *= 10 ** ((quality - target - SIMPLIFY.max_excess / 2) / 20)
    return best
