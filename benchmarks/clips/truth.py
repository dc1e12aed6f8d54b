"""Ground truth of a drawn clip: which sprite shows at each pixel of each frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spritecodec.scene import FLIP_HORIZONTAL, FLIP_VERTICAL, Scene


def label_frame(scene: Scene, t: int) -> NDArray[np.int32]:
    """The sprite that a person would see at each pixel of frame t.

    That is the front one whose alpha there is at least 128; fainter ones (a glow, a
    ghost's hem) are ignored. A texture hides what lies behind it.

    Returns
    -------
    ndarray, shape (h, w), int32
        Index into ``scene.sprites``; -1 where the backdrop or a texture shows.
    """
    labels = np.full((scene.height, scene.width), -1, np.int32)
    tracks = scene.tracks
    alive = np.flatnonzero((tracks.start <= t) & (t < tracks.start + tracks.length))
    for number, layer in enumerate(scene.layers):
        pan_x, pan_y = (int(v) for v in layer.pan[t])
        for texture, x, y in layer.textures.tolist():
            _cover(labels, scene.textures[texture][..., 3], x - pan_x, y - pan_y, -1)
        here = alive[tracks.layer[alive] == number]
        for track in here[np.argsort(tracks.z[here], kind="stable")]:
            at = int(tracks.first[track] + t - tracks.start[track])
            sprite = int(tracks.sprite[at])
            alpha = scene.sprites[sprite][..., 3]
            if tracks.flip[at] & FLIP_HORIZONTAL:
                alpha = alpha[:, ::-1]
            if tracks.flip[at] & FLIP_VERTICAL:
                alpha = alpha[::-1]
            _cover(labels, alpha, int(tracks.x[at]) - pan_x, int(tracks.y[at]) - pan_y, sprite)
    return labels


def _cover(labels: NDArray[np.int32], alpha: NDArray[np.uint8], x: int, y: int, label: int) -> None:
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + alpha.shape[1], labels.shape[1]), min(y + alpha.shape[0], labels.shape[0])
    if x0 < x1 and y0 < y1:
        labels[y0:y1, x0:x1][alpha[y0 - y : y1 - y, x0 - x : x1 - x] >= 128] = label
