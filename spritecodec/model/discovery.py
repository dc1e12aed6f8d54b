"""What the model finds in some frames: a hard decomposition, as plain numpy arrays (no torch)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Discovery:
    """Sprites, background and the placements of some frames.

    A frame is drawn back to front: the colour, the background cropped at ``pan``, then the
    frame's placements in the order in which they are listed.

    Attributes
    ----------
    sprites : ndarray, shape (m, k, k, 4), uint8
        RGBA, straight alpha.
    background : ndarray, shape (H, W, 3), uint8, or None
        At least as large as a frame; None where the background is one colour.
    colour : ndarray, shape (3,), uint8
        Shown where the background has nothing.
    frames : ndarray, shape (f,), int64
        Indices of the decomposed frames in the clip, increasing.
    pan : ndarray, shape (f, 2), int32
        x, y of the screen's top left corner in the background.
    frame_index : ndarray, shape (placements,), int32
        Index into `frames`, never decreasing.
    sprite : ndarray, shape (placements,), int32
        Index into `sprites`.
    x, y : ndarray, shape (placements,), int32
        Screen coordinates of the sprite's top left corner; may be negative.
    psnr : float
        Decibels of this hard reconstruction over the decomposed frames.
    """

    sprites: NDArray[np.uint8]
    background: NDArray[np.uint8] | None
    colour: NDArray[np.uint8]
    frames: NDArray[np.int64]
    pan: NDArray[np.int32]
    frame_index: NDArray[np.int32]
    sprite: NDArray[np.int32]
    x: NDArray[np.int32]
    y: NDArray[np.int32]
    psnr: float

    def used(self) -> NDArray[np.int64]:
        """Indices of the sprites that at least one placement shows, increasing."""
        return np.unique(self.sprite).astype(np.int64)
