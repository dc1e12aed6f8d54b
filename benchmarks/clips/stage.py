"""The Stage: a drawn game puts its pictures here, frame by frame, and gets a Scene."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from benchmarks.clips.pixel_art import RGBA
from spritecodec.scene import FLIP_HORIZONTAL, FLIP_VERTICAL, Layer, Residual, Scene, Tracks


@dataclass(frozen=True)
class Cel:
    """A picture known to the stage: a trimmed sprite and where it lies in the picture.

    Attributes
    ----------
    index : int
        Into ``Scene.sprites``.
    left, top, right, bottom : int
        Clear columns and rows that were trimmed off each side.
    width, height : int
        Of the whole picture.
    """

    index: int
    left: int
    top: int
    right: int
    bottom: int
    width: int
    height: int


@dataclass
class _Run:
    layer: int
    z: int
    start: int
    rows: list[tuple[int, int, int, int]] = field(default_factory=list)


class Stage:
    """Collects layers, sprites and placements, and makes a Scene of them.

    An actor is anything hashable. The frames in which it shows become its tracks; a new
    track begins whenever it was off the screen in between.

    Parameters
    ----------
    width, height : int
        Of the screen.
    frames : int
    frame_rate : int
        Frames per second.
    """

    def __init__(self, width: int, height: int, frames: int, frame_rate: int) -> None:
        self.width, self.height, self.frames = width, height, frames
        self.frame_rate = frame_rate
        self.backdrop = np.zeros((frames, 3), np.uint8)
        self._pans: list[NDArray[np.int32]] = []
        self._laid: list[list[tuple[int, int, int]]] = []
        self._textures: list[RGBA] = []
        self._sprites: list[RGBA] = []
        self._known: dict[tuple[tuple[int, ...], bytes], int] = {}
        self._runs: list[_Run] = []
        self._latest: dict[object, _Run] = {}

    def layer(self) -> int:
        """Add a layer in front of the existing ones; returns its number."""
        self._pans.append(np.zeros((self.frames, 2), np.int32))
        self._laid.append([])
        return len(self._pans) - 1

    def texture(self, layer: int, image: RGBA, x: int, y: int) -> None:
        """Put a background texture with its top left corner at (x, y) of the layer."""
        self._textures.append(image)
        self._laid[layer].append((len(self._textures) - 1, x, y))

    def look(self, layer: int, t: int, x: int, y: int) -> None:
        """Set the layer's pan of frame t, which must precede the frame's placements."""
        self._pans[layer][t] = x, y

    def cel(self, image: RGBA) -> Cel:
        """Register a picture; equal pictures share one sprite."""
        rows = np.flatnonzero(image[..., 3].any(1))
        columns = np.flatnonzero(image[..., 3].any(0))
        top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        sprite = np.ascontiguousarray(image[top:bottom, left:right])
        key = (sprite.shape, sprite.tobytes())
        if key not in self._known:
            self._known[key] = len(self._sprites)
            self._sprites.append(sprite)
        h, w = image.shape[:2]
        return Cel(self._known[key], int(left), int(top), int(w - right), int(h - bottom), w, h)

    def put(
        self, actor: object, t: int, cel: Cel, layer: int, z: int, x: int, y: int, flip: int = 0
    ) -> None:
        """Show an actor in frame t with its picture's top left corner at (x, y) of the layer.

        Nothing is recorded where the sprite is wholly off the screen.
        """
        sprite_h = cel.height - cel.top - cel.bottom
        sprite_w = cel.width - cel.left - cel.right
        x += cel.right if flip & FLIP_HORIZONTAL else cel.left
        y += cel.bottom if flip & FLIP_VERTICAL else cel.top
        pan_x, pan_y = (int(v) for v in self._pans[layer][t])
        if not -sprite_w < x - pan_x < self.width or not -sprite_h < y - pan_y < self.height:
            return
        run = self._latest.get(actor)
        if run is None or (run.layer, run.z, run.start + len(run.rows)) != (layer, z, t):
            run = _Run(layer, z, t)
            self._runs.append(run)
            self._latest[actor] = run
        run.rows.append((cel.index, x, y, flip))

    def scene(self) -> Scene:
        """Everything put so far, as a Scene without residual; unused sprites are left out."""
        rows = np.array([row for run in self._runs for row in run.rows], np.int32).reshape(-1, 4)
        used, sprite = np.unique(rows[:, 0], return_inverse=True)
        first = np.cumsum([0] + [len(run.rows) for run in self._runs])
        return Scene(
            width=self.width,
            height=self.height,
            pts=np.arange(self.frames, dtype=np.int64),
            time_base=Fraction(1, self.frame_rate),
            backdrop=self.backdrop,
            sprites=tuple(self._sprites[i] for i in used),
            textures=tuple(self._textures),
            layers=tuple(
                Layer(pan, np.array(laid, np.int32).reshape(-1, 3))
                for pan, laid in zip(self._pans, self._laid, strict=True)
            ),
            tracks=Tracks(
                layer=np.array([run.layer for run in self._runs], np.int32),
                z=np.array([run.z for run in self._runs], np.int32),
                start=np.array([run.start for run in self._runs], np.int32),
                first=first.astype(np.int64),
                sprite=sprite.astype(np.int32),
                x=rows[:, 1].copy(),
                y=rows[:, 2].copy(),
                flip=rows[:, 3].astype(np.uint8),
            ),
            residual=Residual.none(),
        )
