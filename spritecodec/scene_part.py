"""Parts of a Scene: some of its frames, with no more pictures than they show.

Every frame of a part is drawn as it was. Nothing is mined, and no picture is encoded anew: tracks,
pans and patches are cut to the frames, backgrounds to what the camera sees of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from spritecodec.scene import Layer, Recolouring, Residual, Scene, Tracks

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of a background; right and bottom are outside."""


def part_of(scene: Scene, a: int, b: int) -> Scene:
    """Frames a to b - 1 of a scene, 0 <= a < b <= len(scene), with all of its pictures."""
    if (a, b) == (0, len(scene)):
        return scene
    layers = tuple(Layer(layer.pan[a:b], layer.textures) for layer in scene.layers)
    return dataclasses.replace(
        scene,
        pts=scene.pts[a:b],
        backdrop=scene.backdrop[a:b],
        layers=layers,
        tracks=_part_of_tracks(scene.tracks, a, b),
        residual=_part_of_residual(scene, a, b),
        recolouring=_part_of_recolouring(scene.recolouring, a, b),
    )


def _part_of_tracks(tracks: Tracks, a: int, b: int) -> Tracks:
    start = tracks.start.astype(np.int64)
    first, last = np.maximum(start, a), np.minimum(start + tracks.length, b)
    kept = first < last
    length = (last - first)[kept]
    ends = np.cumsum(length)
    begin = (tracks.first[:-1] + first - start)[kept]
    index = np.repeat(begin - (ends - length), length) + np.arange(ends[-1] if len(ends) else 0)
    return Tracks(
        layer=tracks.layer[kept],
        z=tracks.z[kept],
        start=(first[kept] - a).astype(np.int32),
        first=np.concatenate([[0], ends]).astype(np.int64),
        sprite=tracks.sprite[index],
        x=tracks.x[index],
        y=tracks.y[index],
        flip=tracks.flip[index],
    )


def _part_of_recolouring(recolouring: Recolouring, a: int, b: int) -> Recolouring:
    start = np.maximum(recolouring.start, a)
    stop = np.minimum(recolouring.start + recolouring.length, b)
    kept = start < stop
    if not kept.any():
        return Recolouring.none()
    tables, table = np.unique(recolouring.table[kept], return_inverse=True)
    return Recolouring(
        (start - a)[kept].astype(np.int32),
        (stop - start)[kept].astype(np.int32),
        table.astype(np.int32),
        recolouring.source,
        recolouring.target[tables],
    )


# --- patches --------------------------------------------------------------------------------


@dataclasses.dataclass
class _Patches:
    """Patches that are collected one by one, in the order in which they are drawn."""

    rows: list[tuple[int, int, int, int, int]] = dataclasses.field(default_factory=list)
    pictures: list[NDArray[np.uint8]] = dataclasses.field(default_factory=list)

    def add(
        self, picture: NDArray[np.uint8], start: int, length: int, layer: int, x: int, y: int
    ) -> None:
        # A patch of one frame stands still.
        self.rows.append((start, length, layer if length > 1 else -1, x, y))
        self.pictures.append(picture)

    def residual(self) -> Residual:
        if not self.rows:
            return Residual.none()
        order = sorted(range(len(self.rows)), key=lambda i: self.rows[i][0])
        start, length, layer, x, y = np.array([self.rows[i] for i in order], np.int32).T
        pictures = [self.pictures[i] for i in order]
        height, width = np.array([p.shape[:2] for p in pictures], np.int32).T
        sizes = height.astype(np.int64) * width
        first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        pixels = np.concatenate([p.reshape(-1, 4) for p in pictures])
        return Residual(start, length, layer, x, y, width, height, first, pixels)


def _part_of_residual(scene: Scene, a: int, b: int) -> Residual:
    """The patches of frames a to b - 1.

    A patch must begin inside the screen. Where one that moves has partly left it at frame a, all
    patches are written frame by frame, because the order in which they are drawn counts.
    """
    residual, patches = scene.residual, _Patches()
    alive = np.flatnonzero((residual.start < b) & (residual.start + residual.length > a))
    for i in alive.tolist():
        start = max(a, int(residual.start[i]))
        stop = min(b, int(residual.start[i] + residual.length[i]))
        picture = residual.picture(i)
        x, y = residual.place(i, start, scene.layers)
        height, width = picture.shape[:2]
        if not (0 <= x <= scene.width - width and 0 <= y <= scene.height - height):
            return _frame_by_frame(scene, alive.tolist(), a, b)
        patches.add(picture, start - a, stop - start, int(residual.layer[i]), x, y)
    return patches.residual()


def _frame_by_frame(scene: Scene, alive: list[int], a: int, b: int) -> Residual:
    residual, patches = scene.residual, _Patches()
    for i in alive:
        start, stop = int(residual.start[i]), int(residual.start[i] + residual.length[i])
        for t in range(max(a, start), min(b, stop)):
            picture = residual.picture(i)
            x, y = residual.place(i, t, scene.layers)
            left, top = max(0, -x), max(0, -y)
            shown = picture[top : scene.height - y, left : scene.width - x]
            if shown.size:
                patches.add(shown, t - a, 1, -1, x + left, y + top)
    return patches.residual()


# --- pictures -------------------------------------------------------------------------------


def seen_boxes(scenes: Iterable[Scene]) -> dict[int, Box]:
    """What scenes that share their backgrounds show of each; those that show nowhere are missing.

    Keys are indices into ``Scene.textures``.
    """
    boxes: dict[int, Box] = {}
    for scene in scenes:
        for layer in scene.layers:
            left, top = layer.pan.min(axis=0).tolist()
            right, bottom = (layer.pan.max(axis=0) + np.array([scene.width, scene.height])).tolist()
            for number, x, y in layer.textures.tolist():
                height, width = scene.textures[number].shape[:2]
                box = (
                    max(0, left - x),
                    max(0, top - y),
                    min(width, right - x),
                    min(height, bottom - y),
                )
                if box[0] < box[2] and box[1] < box[3]:
                    boxes[number] = _around(boxes.get(number, box), box)
    return boxes


def _around(one: Box, two: Box) -> Box:
    return (
        min(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), max(one[3], two[3])
    )  # fmt: skip


def without_unseen(scene: Scene, boxes: dict[int, Box] | None = None) -> Scene:
    """A scene with those pictures alone that it uses.

    Parameters
    ----------
    scene : Scene
    boxes : dict of int to Box, optional
        What to keep of each background; all of those that are used when left out.
    """
    used, sprite = np.unique(scene.tracks.sprite, return_inverse=True)
    tracks = dataclasses.replace(scene.tracks, sprite=sprite.astype(np.int32))
    if boxes is None:
        boxes = {
            int(n): (0, 0, scene.textures[n].shape[1], scene.textures[n].shape[0])
            for layer in scene.layers
            for n in layer.textures[:, 0]
        }
    here = {int(n) for layer in scene.layers for n in layer.textures[:, 0]}
    numbers = {n: i for i, n in enumerate(sorted(here & boxes.keys()))}
    layers = []
    for layer in scene.layers:
        rows = [
            (numbers[n], x + boxes[n][0], y + boxes[n][1])
            for n, x, y in layer.textures.tolist()
            if n in numbers
        ]
        layers.append(Layer(layer.pan, np.array(rows, np.int32).reshape(-1, 3)))
    textures = [
        scene.textures[n][boxes[n][1] : boxes[n][3], boxes[n][0] : boxes[n][2]] for n in numbers
    ]
    return dataclasses.replace(
        scene,
        sprites=tuple(scene.sprites[i] for i in used.tolist()),
        textures=tuple(textures),
        layers=tuple(layers),
        tracks=tracks,
    )
