"""Draw a Scene, bit-exactly, with integers only.

The drawing order stands in `spritecodec.scene`; the rounding of alpha compositing in the
specification (formats/SPEC.md, section 8): ``(a * s + (255 - a) * d + 127) // 255``
per channel, in the order in which things are drawn.

When frames are asked for in order, only the rectangles that changed are drawn again. The
screen is an array of RGB bytes row by row, so drawing a picture is copying runs of bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spritecodec.scene import Recolouring, Residual, Scene, mirrored

Rect = tuple[int, int, int, int]  # x0, y0, x1, y1; x1 and y1 are outside
Rects = NDArray[np.int64]  # (rectangles, 4), columns as in Rect

# Above these, drawing the whole frame is faster than drawing the changed rectangles.
MAX_RECTANGLES = 16
MAX_CHANGED_SHARE = 0.5
# Bytes; larger pictures are drawn by bit operations, smaller ones by copying under a mask.
MAX_MASKED_BYTES = 2048


@dataclass(frozen=True, slots=True)
class _Stamp:
    """A picture prepared for drawing on rows of RGB bytes.

    Attributes
    ----------
    colour : ndarray, shape (h, 3 w), uint8
        0 where alpha is 0; ``a * s`` as uint16 where there is a `veil`.
    shows : ndarray, shape (h, 3 w), bool, or None
        Of a small picture with clear pixels: where it is not.
    keep : ndarray, shape (h, 3 w), uint8, or None
        Of a large picture with clear pixels: 255 where it is clear, else 0.
    veil : ndarray, shape (h, 3 w), uint16, or None
        ``255 - a`` of a picture with translucent pixels.
    """

    colour: NDArray[np.uint8] | NDArray[np.uint16]
    shows: NDArray[np.bool_] | None = None
    keep: NDArray[np.uint8] | None = None
    veil: NDArray[np.uint16] | None = None

    @staticmethod
    def of(rgba: NDArray[np.uint8]) -> _Stamp:
        """Prepare a picture, shape (h, w, 4)."""
        colour = _rows(rgba[..., 0], rgba[..., 1], rgba[..., 2])
        plane = rgba[..., 3]
        if (plane == 255).all():
            return _Stamp(colour)
        alpha = _rows(plane, plane, plane)
        if ((plane == 0) | (plane == 255)).all():
            colour &= alpha
            if colour.size <= MAX_MASKED_BYTES:
                return _Stamp(colour, shows=alpha != 0)
            return _Stamp(colour, keep=~alpha)
        weight = alpha.astype(np.uint16)
        return _Stamp(weight * colour, veil=255 - weight)

    def draw(self, pixels: NDArray[np.uint8], x: int, y: int, clip: Rect) -> None:
        """Draw with the top left corner at (x, y), inside `clip`, which it touches."""
        colour, shows, keep, veil = self.colour, self.shows, self.keep, self.veil
        height, width = colour.shape
        x0, y0, x1, y1 = 3 * clip[0], clip[1], 3 * clip[2], clip[3]
        left, top, right, bottom = 3 * x, y, 3 * x + width, y + height
        if left < x0 or top < y0 or right > x1 or bottom > y1:
            part = (
                slice(max(y0 - top, 0), min(y1, bottom) - top),
                slice(max(x0 - left, 0), min(x1, right) - left),
            )
            left, top, right, bottom = max(left, x0), max(top, y0), min(right, x1), min(bottom, y1)
            colour = colour[part]
            shows = None if shows is None else shows[part]
            keep = None if keep is None else keep[part]
            veil = None if veil is None else veil[part]
        target = pixels[top:bottom, left:right]
        if shows is not None:
            np.copyto(target, colour, where=shows)
        elif keep is not None:
            np.bitwise_or(target & keep, colour, out=target)
        elif veil is not None:
            target[...] = (colour + veil * target + 127) // 255
        else:
            target[...] = colour


def _rows(*channels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Three planes, each shape (h, w), as rows of triples, shape (h, 3 w)."""
    height, width = channels[0].shape
    out = np.empty((height, width, 3), np.uint8)
    for i, channel in enumerate(channels):  # numpy copies planes much faster than triples
        out[..., i] = channel
    return out.reshape(height, 3 * width)


Picture = tuple[_Stamp, int, int, int, int]  # and x0, y0, x1, y1 on the screen


def _draw_inside(pixels: NDArray[np.uint8], pictures: list[Picture], clip: Rect) -> None:
    """Draw pictures, one over another, as far as they lie inside `clip`."""
    x0, y0, x1, y1 = clip
    for stamp, left, top, right, bottom in pictures:
        if left < x1 and right > x0 and top < y1 and bottom > y0:
            stamp.draw(pixels, left, top, clip)


class _Recolour:
    """A recolouring, not an empty one, prepared for rows of RGB bytes."""

    def __init__(self, recolouring: Recolouring) -> None:
        # Zeros take memory only where they are written or read: at the colours that occur.
        self._number = np.zeros(1 << 24, np.uint16)  # [colour]: 1 + its place in the tables
        self._number[_packed(recolouring.source)] = np.arange(1, len(recolouring.source) + 1)
        tables = len(recolouring.target)
        self._target = np.zeros((tables, 1 + len(recolouring.source)), "<u4")
        self._target[:, 1:] = _packed(recolouring.target)

    def apply(self, rows: NDArray[np.uint8], table: int) -> None:
        """Replace the colours of rows of RGB bytes, shape (h, 3 w), in place."""
        height, width = rows.shape[0], rows.shape[1] // 3
        quads = np.zeros((height, width, 4), np.uint8)
        for i in range(3):  # numpy copies planes much faster than triples
            quads[..., i] = rows[:, i::3]
        drawn = quads.view("<u4")[..., 0]
        number = self._number.take(drawn)
        shown = self._target[table].take(number)
        np.copyto(shown, drawn, where=number == 0)
        quads = shown.view(np.uint8).reshape(height, width, 4)
        for i in range(3):
            rows[:, i::3] = quads[..., i]


def _packed(rgb: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """RGB colours, shape (..., 3), as one number each."""
    quads = np.zeros((*rgb.shape[:-1], 4), np.uint8)
    quads[..., :3] = rgb
    return quads.view("<u4")[..., 0]


class Renderer:
    """Draws the frames of a Scene.

    Parameters
    ----------
    scene : Scene
    residual : bool
        Whether to draw the residual; without it, the frames are the sprite scene alone.
    """

    def __init__(self, scene: Scene, *, residual: bool = True) -> None:
        self.scene = scene
        self._residual = scene.residual if residual else Residual.none()
        self._screen: Rects = np.array([[0, 0, scene.width, scene.height]])
        self._pixels = np.empty((scene.height, 3 * scene.width), np.uint8)
        self._last = -2
        shown = {i for layer in scene.layers for i in layer.textures[:, 0].tolist()}
        self._textures = {i: _Stamp.of(scene.textures[i]) for i in shown}
        self._patches: dict[int, Picture] = {}  # alive at the frame drawn last
        self._recolour = _Recolour(scene.recolouring) if len(scene.recolouring) else None
        self._tables = scene.recolouring.tables(len(scene))
        self._sort_patches()
        self._sort_changes(*self._sort_placements())

    def _sort_patches(self) -> None:
        """Find which patches of the residual come and go at each frame, and when any moves."""
        start, times = self._residual.start, np.arange(len(self.scene) + 1)
        self._patch_ends = start.astype(np.int64) + self._residual.length
        self._carries = np.zeros(len(self.scene), bool)  # [t]: a patch has moved since t - 1
        for i, layer in enumerate(self.scene.layers):
            on = self._residual.layer == i
            if on.any():
                born = np.bincount(start[on], minlength=len(times)).cumsum()
                gone = np.bincount(self._patch_ends[on], minlength=len(times)).cumsum()
                stay = born[:-2] > gone[1:-1]  # some patch has frame t as well as t + 1
                self._carries[1:] |= stay & (np.diff(layer.pan, axis=0) != 0).any(axis=1)
        self._comes_from = np.searchsorted(start, times).tolist()
        self._goes = np.argsort(self._patch_ends, kind="stable")
        self._goes_from = np.searchsorted(self._patch_ends[self._goes], times).tolist()

    def _sort_placements(self) -> tuple[NDArray[np.int64], Rects]:
        """Order all placements by frame, then as they are drawn.

        Returns where pictures come, change or go: frames, and rectangles on the screen.
        """
        scene, tracks = self.scene, self.scene.tracks
        ranked = np.lexsort((tracks.z, tracks.layer))
        length = tracks.length[ranked]
        owner = ranked.repeat(length)
        age = np.arange(len(owner)) - (length.cumsum() - length).repeat(length)
        at = tracks.first[owner] + age
        frame, layer = tracks.start[owner] + age, tracks.layer[owner]
        pan = np.zeros((2, len(scene.layers), len(scene)), np.int64)
        for i, shown in enumerate(scene.layers):
            pan[:, i] = shown.pan.T
        sprite, flip = tracks.sprite[at], tracks.flip[at]
        x, y = tracks.x[at] - pan[0, layer, frame], tracks.y[at] - pan[1, layer, frame]
        key = 4 * sprite.astype(np.int64) + flip
        used = np.zeros(4 * len(scene.sprites), bool)
        used[key] = True
        keys = np.flatnonzero(used)
        self._looks = [self._look(*divmod(k, 4)) for k in keys.tolist()]
        look = (used.cumsum() - 1)[key]
        size = np.array([scene.sprites[k // 4].shape[:2] for k in keys], np.int64).reshape(-1, 2)
        height, width = size[look].T
        rects = np.stack([x, y, x + width, y + height], 1)

        # Frames fit 16 bits (SPEC.md, section 9), which numpy sorts in linear time.
        order = np.argsort(frame.astype(np.uint16), kind="stable")
        layers = len(scene.layers)
        place = (frame * layers + layer)[order]  # each layer of each frame has one
        self._from = np.searchsorted(place, np.arange(len(scene) * layers + 1)).tolist()
        self._placements = np.column_stack([look, rects])[order]

        stays = np.zeros(len(owner), bool)
        stays[1:] = age[1:] > 0
        for a in (sprite, flip, x, y):
            stays[1:] &= a[1:] == a[:-1]
        changes, ends = np.flatnonzero(~stays), length.cumsum() - 1
        previous = np.where(age[changes] > 0, changes - 1, changes)
        top_left = np.minimum(rects[changes, :2], rects[previous, :2])
        bottom_right = np.maximum(rects[changes, 2:], rects[previous, 2:])
        return (
            np.concatenate([frame[changes], frame[ends] + 1]),
            np.concatenate([np.concatenate([top_left, bottom_right], 1), rects[ends]]),
        )

    def _sort_changes(self, frame: NDArray[np.int64], rects: Rects) -> None:
        """Order the rectangles that change by frame, those of the residual among them."""
        scene = self.scene
        r = self._residual
        first = np.stack([r.x, r.y, r.x + r.width, r.y + r.height], 1).astype(np.int64)
        last = first.copy()
        for i, layer in enumerate(scene.layers):
            on = r.layer == i
            pan = layer.pan.astype(np.int64)
            last[on] -= np.tile(pan[self._patch_ends[on] - 1] - pan[r.start[on]], 2)
        frame = np.concatenate([frame, r.start, self._patch_ends])
        rects = np.concatenate([rects, first, last])
        np.maximum(rects[:, :2], 0, out=rects[:, :2])
        np.minimum(rects[:, 2:], self._screen[0, 2:], out=rects[:, 2:])
        extent = rects[:, 2:] - rects[:, :2]
        seen = (frame < len(scene)) & (extent > 0).all(axis=1)
        frame, rects, extent = frame[seen], rects[seen], extent[seen]
        order = np.argsort(frame, kind="stable")
        self._changes = rects[order]
        self._changes_from = np.searchsorted(frame[order], np.arange(len(scene) + 1)).tolist()

        area = np.bincount(frame, extent.prod(axis=1), len(scene))
        whole = area > MAX_CHANGED_SHARE * scene.width * scene.height
        whole |= np.bincount(frame, minlength=len(scene)) > MAX_RECTANGLES
        whole[1:] |= (np.diff(scene.backdrop.astype(np.int16), axis=0) != 0).any(axis=1)
        whole[1:] |= np.diff(self._tables) != 0
        # Patches that move are like backgrounds that move: the whole frame is drawn.
        whole |= self._carries
        for layer in scene.layers:
            if len(layer.textures):
                whole[1:] |= (np.diff(layer.pan, axis=0) != 0).any(axis=1)
        self._whole = whole.tolist()  # [t]: drawn whole

    def _look(self, sprite: int, flip: int) -> _Stamp:
        return _Stamp.of(mirrored(self.scene.sprites[sprite], flip))

    def _patch(self, i: int) -> _Stamp:
        return _Stamp.of(self._residual.picture(i))

    def _place(self, stamp: _Stamp, i: int, t: int) -> Picture:
        """Patch i as it lies on the screen at frame t."""
        r = self._residual
        x, y = r.place(i, t, self.scene.layers)
        return stamp, x, y, x + int(r.width[i]), y + int(r.height[i])

    def _update_patches(self, t: int, goes_on: bool) -> None:
        """Make `_patches` those of frame t, where it `goes_on` from those of t - 1."""
        a, b = self._comes_from[t : t + 2]
        if goes_on:
            for i in self._goes[self._goes_from[t] : self._goes_from[t + 1]].tolist():
                del self._patches[i]
        else:
            alive = np.flatnonzero(self._patch_ends[:a] > t)
            self._patches = {i: self._place(self._patch(i), i, t) for i in alive.tolist()}
        if goes_on and self._carries[t]:
            for i, (stamp, *_) in self._patches.items():
                if self._residual.layer[i] >= 0:
                    self._patches[i] = self._place(stamp, i, t)
        for i in range(a, b):
            self._patches[i] = self._place(self._patch(i), i, t)

    def _pictures(self, t: int, clips: Rects) -> list[Picture]:
        """What the layers show at frame t, as it is drawn; what touches no clip left out."""
        scene = self.scene
        pictures: list[Picture] = []
        for i, layer in enumerate(scene.layers):
            if len(layer.textures):
                px, py = layer.pan[t].tolist()
                for texture, x, y in layer.textures.tolist():
                    height, width = scene.textures[texture].shape[:2]
                    x, y = x - px, y - py
                    pictures.append((self._textures[texture], x, y, x + width, y + height))
            place = t * len(scene.layers) + i
            rows = self._placements[self._from[place] : self._from[place + 1]]
            if len(rows) and clips is not self._screen:
                touch = (rows[:, None, 1:3] < clips[:, 2:]) & (rows[:, None, 3:] > clips[:, :2])
                rows = rows[(touch[..., 0] & touch[..., 1]).any(1)]
            looks = self._looks
            pictures += [(looks[k], x0, y0, x1, y1) for k, x0, y0, x1, y1 in rows.tolist()]
        return pictures

    def _draw(self, t: int, clips: Rects) -> None:
        """Draw frame t inside each of `clips`, from the backdrop up."""
        scene, pixels = self.scene, self._pixels
        backdrop = np.frombuffer(scene.backdrop[t].tobytes() * scene.width, np.uint8)
        table = int(self._tables[t])
        pictures, patches = self._pictures(t, clips), list(self._patches.values())
        if self._recolour is None or table < 0:
            pictures, patches = pictures + patches, []
        for clip in clips.tolist():
            x0, y0, x1, y1 = clip
            pixels[y0:y1, 3 * x0 : 3 * x1] = backdrop[3 * x0 : 3 * x1]
            _draw_inside(pixels, pictures, clip)
            if self._recolour is not None and table >= 0:
                self._recolour.apply(pixels[y0:y1, 3 * x0 : 3 * x1], table)
                _draw_inside(pixels, patches, clip)

    def frame(self, t: int, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Draw frame t.

        Parameters
        ----------
        t : int
            0 to len(scene) - 1. Frames in order are drawn fastest.
        out : ndarray, shape (h, w, 3), uint8, optional
            Where to draw it; contiguous. A new array when left out.

        Returns
        -------
        ndarray, shape (h, w, 3), uint8
            RGB; `out`, or a copy that is the caller's to keep.
        """
        if not 0 <= t < len(self.scene):
            raise IndexError(f"frame {t} of a scene of {len(self.scene)} frames")
        if t != self._last:
            goes_on = t == self._last + 1
            self._last = -2  # if drawing fails midway, the next frame is drawn whole
            self._update_patches(t, goes_on)
            clips = self._screen
            if goes_on and not self._whole[t]:
                clips = self._changes[self._changes_from[t] : self._changes_from[t + 1]]
            if len(clips):
                self._draw(t, clips)
            self._last = t
        if out is None:
            out = np.empty((self.scene.height, self.scene.width, 3), np.uint8)
        out.reshape(self._pixels.shape)[...] = self._pixels
        return out

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[NDArray[np.uint8]]:
        """Draw frames start to stop - 1 in order; all of them by default."""
        for t in range(start, len(self.scene) if stop is None else stop):
            yield self.frame(t)
