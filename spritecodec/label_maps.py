"""Label maps: which sprite, track or layer shows at each pixel, frame by frame.

The decoder's own renderer draws them, from a Scene whose sprites are painted with their labels
in place of their colours.
"""

from __future__ import annotations

import dataclasses
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spritecodec.errors import SettingsError
from spritecodec.reader import Reader
from spritecodec.reader import open as open_reader
from spritecodec.render import Renderer
from spritecodec.scene import Layer, Recolouring, Scene
from spritecodec.span import Span

By = Literal["sprite", "track", "layer"]
LabelMap = NDArray[np.int32]
"""The labels of one frame or of several, shape (h, w) or (n, h, w)."""
Picture = NDArray[np.uint8]

MIN_ALPHA = 128
"""A sprite shows where its alpha is at least this; fainter pixels are transparent."""
TILE_SIDES = (8, 16, 32)
"""Sides of square tiles, in pixels, that are tried."""


@dataclass(frozen=True)
class Thing:
    """What one label stands for.

    Attributes
    ----------
    kind : str
        ``"sprite"``, ``"track"``, ``"layer"`` or ``"tile"``.
    facts : dict of str to int
        Where to find it: indices, frames, sizes in pixels.
    """

    kind: str
    facts: dict[str, int]


class Labels:
    """The labels of a file or a scene, one frame at a time, and what they stand for.

    Parameters
    ----------
    source, by, tiles
        As for `spritecodec.labels.labels`.

    Attributes
    ----------
    width, height : int
        Of the maps: the native size, where the source was an enlargement.
    things : list of Thing
        Label n stands for ``things[n - 1]``.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Reader | Scene,
        by: By = "sprite",
        *,
        tiles: bool = False,
    ) -> None:
        if by not in ("sprite", "track", "layer"):
            raise SettingsError(f"labels can say sprite, track or layer, not {by!r}")
        self.by = by
        self._opened: Reader | None = None
        self._scenes: list[Scene] | Reader
        if isinstance(source, Scene):
            self._scenes = [source]
            self._counts = [len(source)]
        else:
            if not isinstance(source, Reader):
                source = self._opened = open_reader(source, "native")
            self._scenes = source
            self._counts = [s.frames for s in source.segments]
        self._pts, self._time_base = source.pts, source.time_base
        # Sprites are as they were drawn, so labels are, too, where the source was enlarged.
        screen = source.head if isinstance(source, Reader) else source
        self.width, self.height = screen.width, screen.height
        self._ends = np.cumsum(self._counts)
        self._first_track = [0]
        self.things = self._name_things(source.sprites)
        self._tiles = [np.zeros(t.shape[:2], np.int32) for t in source.textures]
        if tiles:
            self._tiles = self._name_tiles(source.textures)
        self._drawn: tuple[int, Renderer] | None = None

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def frame(self, t: int) -> LabelMap:
        """The labels of frame t, shape (h, w), int32; frames in order are the fastest."""
        if not 0 <= t < len(self):
            raise IndexError(f"frame {t} of {len(self)}")
        number = int(np.searchsorted(self._ends, t, side="right"))
        if self._drawn is None or self._drawn[0] != number:
            self._drawn = number, Renderer(self._painted(number), residual=False)
        rgb = self._drawn[1].frame(t - int(self._ends[number]) + self._counts[number])
        return rgb.astype(np.int32) @ np.array([1, 1 << 8, 1 << 16], np.int32)

    def between(self, span: Span) -> tuple[int, int]:
        """The first frame of a span, and the first that is left out.

        Raises
        ------
        SettingsError
            No frame is left.
        """
        return span.frames(self._pts.tolist(), self._time_base)

    def frames(self, start: int | None = None, stop: int | None = None) -> Iterator[LabelMap]:
        """The labels of frames start to stop - 1, one after another."""
        return (self.frame(t) for t in range(*slice(start, stop).indices(len(self))))

    def stack(self, start: int | None = None, stop: int | None = None) -> LabelMap:
        """The labels of frames start to stop - 1, shape (n, h, w), int32."""
        frames = range(*slice(start, stop).indices(len(self)))
        out = np.empty((len(frames), self.height, self.width), np.int32)
        for i, t in enumerate(frames):
            out[i] = self.frame(t)
        return out

    def _scene(self, number: int) -> Scene:
        if isinstance(self._scenes, Reader):
            return self._scenes.scene(number)
        return self._scenes[number]

    def _name_things(self, sprites: tuple[Picture, ...]) -> list[Thing]:
        """What the labels stand for, backgrounds aside; counts the tracks on the way."""
        things: list[Thing] = []
        if self.by == "sprite":
            for i, s in enumerate(sprites):
                facts = {"sprite": i, "width": s.shape[1], "height": s.shape[0]}
                things.append(Thing("sprite", facts))
            return things
        begins = 0
        layers = 0
        for number, count in enumerate(self._counts):
            scene = self._scene(number)
            layers = max(layers, len(scene.layers))
            rows = zip(scene.tracks.start.tolist(), scene.tracks.length.tolist(), strict=True)
            if self.by == "track":
                for i, (start, length) in enumerate(rows):
                    facts = {"segment": number, "track": i, "start": begins + start}
                    facts |= {"length": length, "layer": int(scene.tracks.layer[i])}
                    things.append(Thing("track", facts))
            self._first_track.append(self._first_track[-1] + len(scene.tracks))
            begins += count
        if self.by == "layer":
            things = [Thing("layer", {"layer": i}) for i in range(layers)]
        return things

    def _name_tiles(self, textures: tuple[Picture, ...]) -> list[LabelMap]:
        """Cut all backgrounds into tiles; the label of each of their pixels."""
        known: dict[bytes, int] = {}
        out = []
        ground = common_colour(textures)
        for number, texture in enumerate(textures):
            numbers = np.zeros(texture.shape[:2], np.int32)
            shown = (packed(texture) != ground) & (texture[..., 3] >= MIN_ALPHA)
            for y, x, side in tile_corners(texture):
                area = np.s_[max(y, 0) : y + side, max(x, 0) : x + side]
                mask = shown[area]
                if not mask.any():
                    continue
                key = bytes(mask.shape) + texture[area].tobytes()
                if self.by == "layer":  # whichever layer the texture is on
                    known[key] = 1
                elif self.by == "track" or key not in known:
                    facts = {"texture": number, "x": x, "y": y, "side": side}
                    self.things.append(Thing("tile", facts))
                    known[key] = len(self.things)
                numbers[area][mask] = known[key]
            out.append(numbers)
        return out

    def _painted(self, number: int) -> Scene:
        """A segment whose pictures show their labels as colours."""
        scene = self._scene(number)
        tracks = scene.tracks
        owner = np.repeat(np.arange(len(tracks)), tracks.length)
        if self.by == "sprite":
            label = tracks.sprite.astype(np.int64) + 1
        elif self.by == "track":
            label = owner + 1 + self._first_track[number]
        else:
            label = tracks.layer[owner].astype(np.int64) + 1
        pairs, index = np.unique(
            np.column_stack([tracks.sprite, label]), axis=0, return_inverse=True
        )
        sprites = tuple(paint(scene.sprites[s], n) for s, n in pairs.tolist())
        textures: list[Picture] = []
        layers = []
        for i, layer in enumerate(scene.layers):
            rows = layer.textures.copy()
            for row in rows:
                stands = self._tiles[row[0]]
                if self.by == "layer":
                    stands = np.where(stands > 0, np.int32(i + 1), np.int32(0))
                textures.append(paint(scene.textures[row[0]], stands))
                row[0] = len(textures) - 1
            layers.append(Layer(layer.pan, rows))
        return dataclasses.replace(
            scene,
            sprites=sprites,
            textures=tuple(textures),
            layers=tuple(layers),
            backdrop=np.zeros_like(scene.backdrop),
            recolouring=Recolouring.none(),
            tracks=dataclasses.replace(tracks, sprite=index.reshape(-1).astype(np.int32)),
        )

    def close(self) -> None:
        """Close the file, where this opened it."""
        if self._opened is not None:
            self._opened.close()

    def __enter__(self) -> Labels:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def paint(picture: Picture, label: int | LabelMap) -> Picture:
    """A picture in the colour of its label, opaque where it shows and clear elsewhere."""
    out = np.zeros_like(picture)
    number = np.broadcast_to(np.asarray(label, np.int32), picture.shape[:2])
    for channel in range(3):
        out[..., channel] = number >> (8 * channel) & 255
    out[..., 3] = 255
    out[picture[..., 3] < MIN_ALPHA] = 0
    return out


def packed(picture: Picture) -> NDArray[np.uint32]:
    """RGBA pixels as one number each, shape (h, w)."""
    return np.ascontiguousarray(picture).view(np.uint32)[..., 0]


def common_colour(textures: tuple[Picture, ...]) -> int:
    """The packed colour that most pixels of the backgrounds have."""
    every = np.concatenate([np.zeros(0, np.uint32), *(packed(t).ravel() for t in textures)])
    if not len(every):
        return 0
    colours, counts = np.unique(every, return_counts=True)
    return int(colours[counts.argmax()])


def tile_corners(texture: Picture) -> Iterator[tuple[int, int, int]]:
    """The grid of tiles that describes a background in the fewest bytes.

    For each side, the phase with the fewest different tiles; of the sides, that whose tiles
    and map compress best.

    Yields
    ------
    y, x, side : int
        Corners of all tiles; those of the first row and column may be negative.
    """
    best: tuple[int, int, int, int] | None = None
    height, width = texture.shape[:2]
    for side in TILE_SIDES:
        pixels = np.pad(packed(texture), side)
        hashes = window_hashes(pixels, side)
        phases = []
        for y in range(1, side + 1):
            for x in range(1, side + 1):
                places = hashes[y : height + side : side, x : width + side : side]
                phases.append((len(np.unique(places)), -y, -x))
        _, y, x = (abs(v) for v in min(phases))
        places = hashes[y : height + side : side, x : width + side : side]
        _, first, number = np.unique(places, return_index=True, return_inverse=True)
        corners = np.unravel_index(first, places.shape)
        tiles = [
            pixels[y + j * side : y + (j + 1) * side, x + i * side : x + (i + 1) * side]
            for j, i in zip(*corners, strict=True)
        ]
        colours = np.unique(np.stack(tiles), return_inverse=True)[1]
        size = sum(len(zlib.compress(v.astype(np.uint32).tobytes(), 9)) for v in (colours, number))
        if best is None or size < best[0]:
            best = (size, y - side, x - side, side)
    assert best is not None
    _, top, left, side = best
    for y in range(top, height, side):
        for x in range(left, width, side):
            yield y, x, side


def window_hashes(pixels: NDArray[np.uint32], side: int) -> NDArray[np.uint64]:
    """A number for every square window, the same for the same pixels.

    Returns
    -------
    ndarray, shape (h - side + 1, w - side + 1), uint64
    """
    weights = np.random.default_rng(side).integers(1, 1 << 63, (2, side), np.uint64) | np.uint64(1)
    out = (pixels.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    out ^= out >> np.uint64(29)
    for axis in (0, 1):
        count = out.shape[axis] - side + 1
        rows = np.moveaxis(out, axis, 0)
        total = np.zeros((count, rows.shape[1]), np.uint64)
        for i in range(side):
            total += rows[i : i + count] * weights[axis, i]
        out = np.moveaxis(total, 0, axis)
    return out
