"""The trained model: the sprites and the background that were learnt from a clip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from spritecodec.clip import Clip
from spritecodec.model.background import Pan, WideBackground
from spritecodec.model.decompose import Numbered, decompose, frames_of
from spritecodec.model.discovery import Discovery
from spritecodec.model.matching.kernels import Image, Rows
from spritecodec.model.presets import Preset

if TYPE_CHECKING:
    from spritecodec.model.marionette.network import SpriteNetwork


@dataclass(frozen=True)
class TrainedModel:
    """A dictionary and a background learnt from a clip.

    Attributes
    ----------
    preset : Preset
    sprites : ndarray, shape (m, k, k, 4), uint8
        RGBA, straight alpha.
    background : WideBackground or None
        None where the background is one colour.
    colour : ndarray, shape (3,), uint8
        RGB, shown where the background has nothing.
    device : torch.device
    steps : int
        Gradient steps taken.
    seconds : float
        Wall-clock seconds of training.
    psnr : float
        Decibels of the hard reconstruction of the training frames.
    found : dict of int to (ndarray (p, 3) int32, (int, int))
        Placements (sprite, x, y) and pan of the training frames, by their index in the clip.
    network : SpriteNetwork or None
        Proposes the placements, where the preset trains the network alone.
    """

    preset: Preset
    sprites: Image
    background: WideBackground | None
    colour: NDArray[np.uint8]
    device: torch.device
    steps: int
    seconds: float
    psnr: float
    found: dict[int, tuple[Rows, Pan]]
    network: SpriteNetwork | None = None

    def discover(
        self, clip: Clip, frames: Sequence[int] | NDArray[np.int64] | None = None
    ) -> Discovery:
        """Decompose frames of `clip` with hard selections, switches and whole pixels (2.3).

        Reads the clip from its first frame to the last one asked for.

        Parameters
        ----------
        clip : Clip
        frames : sequence of int, optional
            Indices of the frames; None means all.

        Raises
        ------
        InputError
            No frame is asked for, or one that the clip does not have.
        """
        return decompose(self, frames_of(clip, frames))

    def discover_frames(self, frames: Iterable[Numbered]) -> Discovery:
        """Decompose frames that are at hand, as `discover` does; see `decompose`."""
        return decompose(self, frames)
