"""Scenes that show numbers: drawn, they tell which thing each pixel of the screen shows."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import Longs
from spritecodec.scene import Recolouring, Residual, Scene


def number_scene(scene: Scene, sprites: list[Longs], textures: list[Longs], ground: Longs) -> Scene:
    """The scene with numbers as colours, 0xRRGGBB, where its pictures are not clear.

    Parameters
    ----------
    scene : Scene
    sprites, textures : list of ndarray, each shape (h, w), int64
        A number below 2^24 for each pixel of its pictures.
    ground : ndarray, shape (frames,), int64
        A number for each colour of the backdrop.
    """
    return dataclasses.replace(
        scene,
        sprites=tuple(_picture(n, s) for n, s in zip(sprites, scene.sprites, strict=True)),
        textures=tuple(_picture(n, t) for n, t in zip(textures, scene.textures, strict=True)),
        backdrop=_spelled(ground),
        residual=Residual.none(),
        recolouring=Recolouring.none(),
    )


def number_sprites(scene: Scene, numbers: list[Longs]) -> Scene:
    """The same with all but sprites black."""
    textures = [np.zeros(t.shape[:2], np.int64) for t in scene.textures]
    return number_scene(scene, numbers, textures, np.zeros(len(scene.backdrop), np.int64))


def _picture(numbers: Longs, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.dstack([_spelled(numbers), picture[..., 3]])


def _spelled(numbers: Longs) -> NDArray[np.uint8]:
    """Numbers below 2^24 as RGB, shape (..., 3)."""
    return np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], -1).astype(np.uint8)
