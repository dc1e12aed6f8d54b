"""Draw a Scene, bit-exactly, with integers only.

The drawing order stands in `spritecodec.scene`; the rounding of alpha compositing in the
specification (formats/SPEC.md, "Drawing a frame"): ``(a * s + (255 - a) * d + 127) // 255``
per channel, in the order in which things are drawn.

Only what changed since the last frame is drawn again, when frames are asked for in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spritecodec.scene import FLIP_HORIZONTAL, FLIP_VERTICAL, Scene

Rect = tuple[int, int, int, int]  # x0, y0, x1, y1; x1 and y1 are outside

# Above these, drawing the whole frame is quicker than drawing the changed rectangles.
MOST_RECTANGLES = 16
MOST_CHANGED_SHARE = 0.5


@dataclass(frozen=True)
class _Stamp:
    """A picture made ready for drawing: packed pixels and where they show."""

    packed: NDArray[np.uint32]  # (h, w)
    opaque: NDArray[np.bool_] | None  # (h, w) alpha is 255; None where all are
    translucent: NDArray[np.bool_] | None  # (h, w) 0 < alpha < 255; None where none is
    rgba: NDArray[np.uint8]

    @staticmethod
    def of(rgba: NDArray[np.uint8]) -> _Stamp:
        alpha = rgba[..., 3]
        opaque = alpha == 255
        translucent = (alpha > 0) & ~opaque
        flat = np.ascontiguousarray(rgba).copy()
        flat[..., 3] = 255
        return _Stamp(
            flat.view(np.uint32)[..., 0],
            None if opaque.all() else opaque,
            translucent if translucent.any() else None,
            rgba,
        )

    def draw(self, canvas: NDArray[np.uint32], x: int, y: int, clip: Rect) -> None:
        """Draw with the top left corner at (x, y), inside `clip` only."""
        h, w = self.packed.shape
        x0, y0 = max(x, clip[0]), max(y, clip[1])
        x1, y1 = min(x + w, clip[2]), min(y + h, clip[3])
        if x0 >= x1 or y0 >= y1:
            return
        part = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
        target = canvas[y0:y1, x0:x1]
        if self.opaque is None:
            target[...] = self.packed[part]
            return
        np.copyto(target, self.packed[part], where=self.opaque[part])
        if self.translucent is not None:
            mask = self.translucent[part]
            source = self.rgba[part][mask].astype(np.uint16)
            alpha = source[:, 3:]
            under = target[mask].view(np.uint8).reshape(-1, 4)
            blend = (alpha * source[:, :3] + (255 - alpha) * under[:, :3] + 127) // 255
            under[:, :3] = blend
            target[mask] = under.view(np.uint32)[:, 0]


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
        self._with_residual = residual and len(scene.residual) > 0
        self._screen: Rect = (0, 0, scene.width, scene.height)
        self._bytes = np.full((scene.height, scene.width, 4), 255, np.uint8)
        self._canvas = self._bytes.view(np.uint32)[..., 0]
        self._last = -2
        self._sprites: dict[tuple[int, int], _Stamp] = {}
        self._textures = [_Stamp.of(t) for t in scene.textures]
        self._sort_placements()
        end = scene.residual.start + scene.residual.length
        self._residual_end = end
        # Patches are sorted by start; none alive at t starts before t - longest.
        self._longest = int(scene.residual.length.max(initial=0))

    def _sort_placements(self) -> None:
        """Order all placements by frame, then as they are drawn, and mark what moves."""
        scene, tracks = self.scene, self.scene.tracks
        length = tracks.length
        owner = np.repeat(np.arange(len(tracks)), length)
        frame = np.arange(len(owner)) - tracks.first[owner] + tracks.start[owner]
        pan = np.zeros((max(len(scene.layers), 1), len(scene), 2), np.int64)
        for i, layer in enumerate(scene.layers):
            pan[i] = layer.pan
        shift = pan[tracks.layer[owner], frame]
        x, y = tracks.x - shift[:, 0], tracks.y - shift[:, 1]
        size = np.array([s.shape[:2] for s in scene.sprites], np.int64).reshape(-1, 2)
        height, width = size[tracks.sprite].T

        # moves[p]: drawing frame[p] differs from frame[p] - 1 because of placement p.
        moves = np.ones(len(owner), bool)
        same = (owner[1:] == owner[:-1]) & (tracks.sprite[1:] == tracks.sprite[:-1])
        same &= (tracks.flip[1:] == tracks.flip[:-1]) & (x[1:] == x[:-1]) & (y[1:] == y[:-1])
        moves[1:] = ~same
        # leaves[p]: the placement is gone, or elsewhere, in the frame after.
        leaves = np.append(moves[1:], True) if len(moves) else moves

        order = np.lexsort((owner, tracks.z[owner], tracks.layer[owner], frame))
        self._from = np.searchsorted(frame[order], np.arange(len(scene) + 1))
        self._x, self._y = x[order], y[order]
        self._x1, self._y1 = self._x + width[order], self._y + height[order]
        self._sprite, self._flip = tracks.sprite[order], tracks.flip[order]
        self._layer = tracks.layer[owner][order]
        self._moves, self._leaves = moves[order], leaves[order]
        still = (np.diff(scene.backdrop.astype(np.int16), axis=0) == 0).all(axis=1)
        for layer in scene.layers:
            if len(layer.textures):
                still &= (np.diff(layer.pan, axis=0) == 0).all(axis=1)
        self._background_still = np.append(False, still)  # [t]: as at t - 1

    def _stamp(self, sprite: int, flip: int) -> _Stamp:
        stamp = self._sprites.get((sprite, flip))
        if stamp is None:
            pixels = self.scene.sprites[sprite]
            if flip & FLIP_HORIZONTAL:
                pixels = pixels[:, ::-1]
            if flip & FLIP_VERTICAL:
                pixels = pixels[::-1]
            stamp = self._sprites[sprite, flip] = _Stamp.of(pixels)
        return stamp

    def _residual_alive(self, t: int) -> NDArray[np.intp]:
        if not self._with_residual:
            return np.zeros(0, np.intp)
        start = self.scene.residual.start
        low, high = np.searchsorted(start, (t - self._longest, t + 1))
        alive: NDArray[np.intp] = low + np.flatnonzero(self._residual_end[low:high] > t)
        return alive

    def _changed(self, t: int) -> list[Rect] | None:
        """Screen rectangles that may differ from frame t - 1; None: all of it."""
        if not self._background_still[t]:
            return None
        now = slice(self._from[t], self._from[t + 1])
        before = slice(self._from[t - 1], self._from[t])
        moves, leaves = self._moves[now], self._leaves[before]
        rects = [
            np.stack([a[now][moves] for a in (self._x, self._y, self._x1, self._y1)], 1),
            np.stack([a[before][leaves] for a in (self._x, self._y, self._x1, self._y1)], 1),
        ]
        if self._with_residual:
            r = self.scene.residual
            comes = self._residual_alive(t)
            comes = comes[r.start[comes] == t]
            goes = self._residual_alive(t - 1)
            goes = goes[self._residual_end[goes] == t]
            both = np.concatenate([comes, goes])
            x, y = r.x[both], r.y[both]
            rects.append(np.stack([x, y, x + r.width[both], y + r.height[both]], 1))
        all_rects = np.concatenate(rects)
        np.maximum(all_rects[:, :2], 0, out=all_rects[:, :2])
        np.minimum(all_rects[:, 2:], self._screen[2:], out=all_rects[:, 2:])
        all_rects = all_rects[(all_rects[:, 2:] > all_rects[:, :2]).all(axis=1)]
        if len(all_rects) > MOST_RECTANGLES:
            return None
        area = np.prod(all_rects[:, 2:] - all_rects[:, :2], axis=1).sum()
        if area > MOST_CHANGED_SHARE * self._canvas.size:
            return None
        return [(int(a), int(b), int(c), int(d)) for a, b, c, d in all_rects]

    def _draw(self, t: int, clip: Rect) -> None:
        """Draw frame t inside `clip`, from the backdrop up."""
        scene = self.scene
        x0, y0, x1, y1 = clip
        self._bytes[y0, x0, :3] = scene.backdrop[t]
        self._canvas[y0:y1, x0:x1] = self._canvas[y0, x0]
        a, b = self._from[t], self._from[t + 1]
        inside = (self._x[a:b] < x1) & (self._x1[a:b] > x0)
        inside &= (self._y[a:b] < y1) & (self._y1[a:b] > y0)
        placements = (a + np.flatnonzero(inside)).tolist()
        done = 0
        for i, layer in enumerate(scene.layers):
            if len(layer.textures):
                px, py = layer.pan[t].tolist()
                for texture, x, y in layer.textures.tolist():
                    self._textures[texture].draw(self._canvas, x - px, y - py, clip)
            while done < len(placements) and self._layer[placements[done]] == i:
                p = placements[done]
                stamp = self._stamp(int(self._sprite[p]), int(self._flip[p]))
                stamp.draw(self._canvas, int(self._x[p]), int(self._y[p]), clip)
                done += 1
        residual = scene.residual
        for r in self._residual_alive(t).tolist():
            pixels = residual.pixels[residual.first[r] : residual.first[r + 1]]
            patch = pixels.reshape(int(residual.height[r]), int(residual.width[r]), 4)
            _Stamp.of(patch).draw(self._canvas, int(residual.x[r]), int(residual.y[r]), clip)

    def frame(self, t: int) -> NDArray[np.uint8]:
        """Draw frame t.

        Parameters
        ----------
        t : int
            0 to len(scene) - 1. Frames in order are drawn fastest.

        Returns
        -------
        ndarray, shape (h, w, 3), uint8
            RGB; a copy, the caller's to keep.
        """
        if not 0 <= t < len(self.scene):
            raise IndexError(f"frame {t} of a scene of {len(self.scene)} frames")
        if t != self._last:
            rects = self._changed(t) if t == self._last + 1 else None
            self._last = -2  # should drawing fail midway, start afresh
            for rect in [self._screen] if rects is None else rects:
                self._draw(t, rect)
            self._last = t
        out = np.empty((*self._canvas.shape, 3), np.uint8)
        for channel in range(3):  # numpy copies planes many times faster than triples
            out[..., channel] = self._bytes[..., channel]
        return out

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[NDArray[np.uint8]]:
        """Draw frames start to stop - 1 in order; all of them by default."""
        for t in range(start, len(self.scene) if stop is None else stop):
            yield self.frame(t)
