"""The hard decomposition of frames into sprites that are known already (2.3).

Each frame starts from the placements of the previous frame, standing or moved with the pan,
or from those that training found in this frame. Only what stays badly explained is searched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import Clip
from spritecodec.errors import InputError
from spritecodec.metrics import psnr_from_mse, squared_error
from spritecodec.model.background import Pan, draw_background
from spritecodec.model.discovery import Discovery
from spritecodec.model.matching import kernels
from spritecodec.model.matching.kernels import Image, Rows
from spritecodec.model.matching.match import Dictionary, Reconstruction

if TYPE_CHECKING:
    from spritecodec.model.trained import TrainedModel

MAX_ERROR_RATIO = 1.5
"""A frame whose error is more than so many times the previous frame's is searched afresh."""

Numbered = tuple[int, Image]
"""A frame's index in the clip, and the frame, shape (h, w, 3), uint8."""


def decompose(model: TrainedModel, frames: Iterable[Numbered]) -> Discovery:
    """Explain frames with the sprites of a model over its background.

    Parameters
    ----------
    model : TrainedModel
    frames : iterable of (int, ndarray of shape (h, w, 3), uint8)
        At least one frame, each with its index in the clip, in increasing order. Neighbours
        in the clip are the cheapest, because a frame starts from the previous one.
    """
    decomposer = Decomposer(model)
    for number, frame in frames:
        decomposer.add(number, frame)
    return decomposer.discovery()


def frames_of(clip: Clip, wanted: Sequence[int] | NDArray[np.int64] | None) -> Iterator[Numbered]:
    """Frames of a clip with their indices, read in one pass that ends with the last one wanted.

    Raises
    ------
    InputError
        No frame is wanted, or one that the clip does not have.
    """
    indices = None if wanted is None else np.unique(np.asarray(wanted, dtype=np.int64))
    if indices is not None and not len(indices):
        raise InputError("there are no frames to decompose; name at least one")
    waiting = None if indices is None else set(indices.tolist())
    number = 0
    for piece in clip.pieces():
        for frame in piece.frames:
            if waiting is None or number in waiting:
                yield number, frame
            number += 1
        if indices is not None and number > indices[-1]:
            break
    if indices is not None and (indices[0] < 0 or number <= indices[-1]):
        wrong = int(indices[0] if indices[0] < 0 else indices[-1])
        raise InputError(f"{clip.name} has {number} frames, so frame {wrong} cannot be decomposed")


class Explained(NamedTuple):
    """One decomposed frame.

    Attributes
    ----------
    number : int
        The frame's index in the clip.
    pan : tuple of int
        x, y of the frame in the background.
    placed : ndarray, shape (p, 3), int32
        Rows (sprite, x, y) in drawing order.
    """

    number: int
    pan: Pan
    placed: Rows


class Decomposer:
    """Decomposes frames one after another."""

    def __init__(self, model: TrainedModel) -> None:
        self._model = model
        self._dictionary = Dictionary(model.sprites, model.device)
        self._live = np.flatnonzero(self._dictionary.box[:, 1] > 0)
        # A copy: each decomposition locates its frames from the same start.
        self._background = None if model.background is None else replace(model.background)
        self._random = np.random.default_rng(0)
        self._done: list[Explained] = []
        self._usual_error = 0.0
        self._squared_error = 0
        self._values = 0

    def add(self, number: int, frame: Image) -> None:
        """Decompose the frame of index `number`, shape (h, w, 3), uint8."""
        if self._model.network is None:
            shown, pan = self._match(number, frame)
        else:
            shown, pan = self._propose(frame)
        placed = shown.placed[0]
        level = kernels.levels(placed, self._dictionary.box)
        # Overlapping placements take the model's layers in turn, as many as there are.
        order = np.argsort(np.minimum(level, self._model.preset.model.layers - 1), kind="stable")
        self._done.append(Explained(number, pan, placed[order]))
        self._squared_error += squared_error(frame, shown.drawn[0])
        self._values += frame.size

    def discovery(self) -> Discovery:
        """All frames decomposed so far, at least one."""
        rows = np.concatenate([e.placed for e in self._done])
        model, wide = self._model, self._background
        lengths = [len(e.placed) for e in self._done]
        return Discovery(
            sprites=model.sprites,
            background=None
            if wide is None
            else draw_background(wide.pixels.shape, model.colour, wide, (0, 0)),
            colour=model.colour,
            frames=np.array([e.number for e in self._done], dtype=np.int64),
            pan=np.array([e.pan for e in self._done], dtype=np.int32),
            frame_index=np.repeat(np.arange(len(self._done), dtype=np.int32), lengths),
            sprite=rows[:, 0].copy(),
            x=rows[:, 1].copy(),
            y=rows[:, 2].copy(),
            psnr=psnr_from_mse(self._squared_error / self._values),
        )

    def _propose(self, frame: Image) -> tuple[Reconstruction, Pan]:
        """What the network places on a frame."""
        from spritecodec.model.marionette.learn import propose

        assert self._model.network is not None
        placed, pan = propose(self._model.network, frame)
        shown = self._empty(frame, pan)
        shown.placed[0] = placed
        dictionary = self._dictionary
        kernels.draw_all(shown.drawn[0], dictionary.sprites, dictionary.box, placed)
        return shown, pan

    def _match(self, number: int, frame: Image) -> tuple[Reconstruction, Pan]:
        """What matching places on a frame, from the best start."""
        pan = self._locate(frame)
        shown = self._empty(frame, pan)
        if self._done:
            previous = self._done[-1]
            shift = _minus(previous.pan, pan)
            shown.follow(0, self._dictionary, previous.placed, shift)
        if number in self._model.found:
            placed, trained_pan = self._model.found[number]
            trained = self._empty(frame, trained_pan)
            trained.placed[0] = placed
            trained.prune(self._dictionary)
            if trained.error() < shown.error():
                shown, pan = trained, trained_pan
        shown.explain(self._dictionary, self._live)
        if shown.error() > MAX_ERROR_RATIO * self._usual_error + 1:
            anew = self._empty(frame, pan)
            anew.explain(self._dictionary, self._live)
            if anew.error() < shown.error():
                shown = anew
        self._usual_error = shown.error()
        return shown, pan

    def _locate(self, frame: Image) -> Pan:
        """The frame's pan; that of the previous frame where the frame is not recognised."""
        pan = self._done[-1].pan if self._done else (0, 0)
        wide = self._background
        if wide is None:
            return pan
        wide.pan = pan
        moving = len(self._done) > 1
        wide.speed = _minus(pan, self._done[-2].pan) if moving else (0, 0)
        return wide.locate(frame, self._random) or pan

    def _empty(self, frame: Image, pan: Pan) -> Reconstruction:
        """One frame over its background, nothing placed yet."""
        model = self._model
        back = draw_background(frame.shape, model.colour, self._background, pan)
        config = model.preset.model
        return Reconstruction([frame], [back], config.k, config.price, model.device)


def _minus(a: Pan, b: Pan) -> Pan:
    return a[0] - b[0], a[1] - b[1]
