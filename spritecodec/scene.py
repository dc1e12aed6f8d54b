"""The Scene: what a .spr file says, as plain numpy arrays.

The encoder's mining produces it, the file stores it, the renderer draws it. Nothing here
needs torch.

A frame t is drawn back to front:

1. every pixel of the screen takes the colour ``backdrop[t]``;
2. each layer in order: its backgrounds (`textures`), then the placements that its tracks have at t,
   ordered by the track's ``z`` and then by the track's index. A point (x, y) of a layer
   shows at the screen point ``(x, y) - pan[t]``;
3. the recolouring: every pixel whose colour it replaces at t takes the other colour;
4. the residual patches alive at t: some stand still on the screen, others move with a
   layer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLIP_HORIZONTAL = 1
FLIP_VERTICAL = 2


def mirrored(picture: NDArray[Any], flip: int) -> NDArray[Any]:
    """A picture, shape (h, w, ...), as a placement with `flip` shows it."""
    picture = picture[:, ::-1] if flip & FLIP_HORIZONTAL else picture
    return picture[::-1] if flip & FLIP_VERTICAL else picture


@dataclass(frozen=True, repr=False)
class Layer:
    """A depth plane with its own pan, and its backgrounds.

    Attributes
    ----------
    pan : ndarray, shape (n, 2), int32
        Layer coordinates (x, y) of the screen's top left corner, per frame.
    textures : ndarray, shape (b, 3), int32
        Rows (index into ``Scene.textures``, x, y): where a background's top left corner
        lies in layer coordinates. Drawn in row order.
    """

    pan: NDArray[np.int32]
    textures: NDArray[np.int32]

    def __repr__(self) -> str:
        return f"<Layer: {len(self.pan)} frames, {len(self.textures)} backgrounds>"


@dataclass(frozen=True, repr=False)
class Tracks:
    """All objects through time; track i owns the placements first[i] : first[i + 1].

    Attributes
    ----------
    layer, z : ndarray, shape (tracks,), int32
        The layer that the track's positions are measured in; drawing order inside it.
    start : ndarray, shape (tracks,), int32
        Frame of the track's first placement. A track has one placement a frame.
    first : ndarray, shape (tracks + 1,), int64
        Offsets into the placement arrays.
    sprite, x, y : ndarray, shape (placements,), int32
        Index into ``Scene.sprites``; layer coordinates of the sprite's top left corner.
    flip : ndarray, shape (placements,), uint8
        FLIP_HORIZONTAL | FLIP_VERTICAL.
    """

    layer: NDArray[np.int32]
    z: NDArray[np.int32]
    start: NDArray[np.int32]
    first: NDArray[np.int64]
    sprite: NDArray[np.int32]
    x: NDArray[np.int32]
    y: NDArray[np.int32]
    flip: NDArray[np.uint8]

    @property
    def length(self) -> NDArray[np.int64]:
        """Frames that each track lives, shape (tracks,)."""
        return np.diff(self.first)

    def __len__(self) -> int:
        return len(self.start)

    def __repr__(self) -> str:
        return f"<Tracks: {len(self)} tracks of {len(self.sprite)} placements>"

    def part(self, which: NDArray[np.bool_]) -> Tracks:
        """Some of the tracks, those that a mask of shape (tracks,) marks."""
        length = self.length
        each = np.repeat(which, length)
        first = np.concatenate([[0], np.cumsum(length[which])])
        layer, z, start = (a[which] for a in (self.layer, self.z, self.start))
        sprite, x, y = (a[each] for a in (self.sprite, self.x, self.y))
        return Tracks(layer, z, start, first, sprite, x, y, self.flip[each])

    @staticmethod
    def none() -> Tracks:
        """No tracks at all."""
        e = np.zeros(0, np.int32)
        return Tracks(e, e, e, np.zeros(1, np.int64), e, e, e, np.zeros(0, np.uint8))


@dataclass(frozen=True, repr=False)
class Recolouring:
    """Colours of the whole drawn frame that are replaced: flashes, fades, palette cycling.

    Attributes
    ----------
    start, length : ndarray, shape (runs,), int32
        Runs of frames, in order of time, that do not overlap.
    table : ndarray, shape (runs,), int32
        The row of `target` that the run uses.
    source : ndarray, shape (colours, 3), uint8
        RGB of the drawn colours that are replaced, all different.
    target : ndarray, shape (tables, colours, 3), uint8
        RGB of what each of them becomes.
    """

    start: NDArray[np.int32]
    length: NDArray[np.int32]
    table: NDArray[np.int32]
    source: NDArray[np.uint8]
    target: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.start)

    def __repr__(self) -> str:
        return f"<Recolouring: {len(self)} runs, {len(self.target)} tables>"

    def tables(self, frames: int) -> NDArray[np.int32]:
        """The table of each of so many frames, -1 where it is drawn as it is."""
        out = np.full(frames, -1, np.int32)
        for start, length, table in zip(self.start, self.length, self.table, strict=True):
            out[start : start + length] = table
        return out

    @staticmethod
    def none() -> Recolouring:
        """Every frame is shown as it is drawn."""
        e = np.zeros(0, np.int32)
        return Recolouring(e, e, e, np.zeros((0, 3), np.uint8), np.zeros((0, 0, 3), np.uint8))


@dataclass(frozen=True, repr=False)
class Residual:
    """Sparse corrections: patches that replace pixels of the drawn frame.

    Attributes
    ----------
    start, length : ndarray, shape (patches,), int32
        Lifetime in frames; `start` never decreases.
    layer : ndarray, shape (patches,), int32
        The layer that the patch moves with; -1 where it stands still on the screen, as all
        patches of a single frame do.
    x, y, width, height : ndarray, shape (patches,), int32
        Rectangle on the screen at frame `start`, wholly inside it. At frame t of its life a
        patch that moves with a layer lies at (x, y) - (pan[t] - pan[start]) of that layer, and
        what falls outside the screen is left out.
    first : ndarray, shape (patches + 1,), int64
        Offsets into `pixels`; patch i owns width[i] * height[i] pixels, row by row.
    pixels : ndarray, shape (pixels, 4), uint8
        RGBA; alpha 255 replaces the pixel, alpha 0 leaves it. No other alpha.
    """

    start: NDArray[np.int32]
    length: NDArray[np.int32]
    layer: NDArray[np.int32]
    x: NDArray[np.int32]
    y: NDArray[np.int32]
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    first: NDArray[np.int64]
    pixels: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.start)

    def __repr__(self) -> str:
        return f"<Residual: {len(self)} patches of {len(self.pixels)} pixels>"

    def picture(self, i: int) -> NDArray[np.uint8]:
        """The pixels of a patch, shape (height, width, 4), uint8."""
        pixels = self.pixels[self.first[i] : self.first[i + 1]]
        return pixels.reshape(int(self.height[i]), int(self.width[i]), 4)

    def place(self, i: int, t: int, layers: tuple[Layer, ...]) -> tuple[int, int]:
        """Where the top left corner of a patch lies on the screen at frame t of its life."""
        x, y, layer, start = (int(a[i]) for a in (self.x, self.y, self.layer, self.start))
        if layer >= 0 and t > start:
            pan = layers[layer].pan
            x, y = x - int(pan[t, 0]) + int(pan[start, 0]), y - int(pan[t, 1]) + int(pan[start, 1])
        return x, y

    def part(self, which: NDArray[np.bool_]) -> Residual:
        """Some of the patches, those that a mask of shape (patches,) marks."""
        areas = np.diff(self.first)
        start, length, layer = (a[which] for a in (self.start, self.length, self.layer))
        x, y, width, height = (a[which] for a in (self.x, self.y, self.width, self.height))
        first = np.concatenate([[0], np.cumsum(areas[which])])
        pixels = self.pixels[np.repeat(which, areas)]
        return Residual(start, length, layer, x, y, width, height, first, pixels)

    @staticmethod
    def none() -> Residual:
        """No corrections."""
        e = np.zeros(0, np.int32)
        return Residual(e, e, e, e, e, e, e, np.zeros(1, np.int64), np.zeros((0, 4), np.uint8))


@dataclass(frozen=True, repr=False)
class Scene:
    """A run of frames as sprites on tracks over backgrounds.

    Attributes
    ----------
    width, height : int
        Of the screen, in pixels.
    pts : ndarray, shape (n,), int64
        Presentation time of each frame in ticks of `time_base`, strictly increasing.
    time_base : Fraction
        Seconds per tick.
    backdrop : ndarray, shape (n, 3), uint8
        RGB colour behind everything, per frame.
    sprites : tuple of ndarray, each shape (h, w, 4), uint8
        The dictionary: RGBA sprites, straight (not premultiplied) alpha.
    textures : tuple of ndarray, each shape (h, w, 4), uint8
        Backgrounds, usually larger than the screen.
    layers : tuple of Layer
        Back to front.
    tracks : Tracks
    residual : Residual
    recolouring : Recolouring
    """

    width: int
    height: int
    pts: NDArray[np.int64]
    time_base: Fraction
    backdrop: NDArray[np.uint8]
    sprites: tuple[NDArray[np.uint8], ...]
    textures: tuple[NDArray[np.uint8], ...]
    layers: tuple[Layer, ...]
    tracks: Tracks
    residual: Residual
    recolouring: Recolouring = field(default_factory=Recolouring.none)

    def __len__(self) -> int:
        return len(self.pts)

    def __repr__(self) -> str:
        return (
            f"<Scene: {len(self)} frames of {self.width}x{self.height}, {len(self.sprites)} "
            f"sprites, {len(self.textures)} backgrounds, {len(self.layers)} layers, "
            f"{len(self.tracks)} tracks of {len(self.tracks.sprite)} placements, "
            f"{len(self.residual)} residual patches>"
        )
