"""The hard decomposition of frames with sprites that are known already.

Each frame starts from the placements of the frame before, standing or moved with the pan, or
from those that training found in it, and only what stays badly explained is searched.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from spritecodec.clip import Clip
from spritecodec.errors import InputError
from spritecodec.metrics import psnr_from_mse
from spritecodec.model.background import Canvas
from spritecodec.model.discovery import Discovery
from spritecodec.model.marionette.learn import propose
from spritecodec.model.marionette.network import SpriteNetwork
from spritecodec.model.matching import kernels
from spritecodec.model.matching.kernels import Image, Rows
from spritecodec.model.matching.match import Dictionary, Pictures

WORSE = 1.5
"""A frame whose error grows by more than this factor is searched afresh."""


def backdrop(
    shape: tuple[int, ...], colour: NDArray[np.uint8], canvas: Canvas | None, pan: tuple[int, int]
) -> Image:
    """The picture behind all sprites, shape (h, w, 3), uint8.

    Parameters
    ----------
    shape : tuple of int
        (h, w, 3).
    pan : tuple of int
        x, y of the frame in the canvas; parts that hang over its edge show `colour`.
    """
    picture = np.empty(shape, np.uint8)
    picture[:] = colour
    if canvas is not None:
        x, y = pan
        height, width = canvas.known.shape
        y0, y1 = max(0, -y), min(shape[0], height - y)
        x0, x1 = max(0, -x), min(shape[1], width - x)
        if y1 > y0 and x1 > x0:
            area = np.s_[y + y0 : y + y1, x + x0 : x + x1]
            known = canvas.known[area][..., None] > 0
            inside = picture[y0:y1, x0:x1]
            np.copyto(inside, canvas.pixels[area], where=known)
    return picture


def layers_of(placed: Rows, box: Rows, layers: int) -> NDArray[np.int32]:
    """Depth layer of each placement: above what it overlaps, as far as there are layers."""
    depth: NDArray[np.int32] = kernels.levels(placed, box)
    return np.minimum(depth, layers - 1)


def decompose(
    clip: Clip,
    frames: Sequence[int] | NDArray[np.int64] | None,
    *,
    sprites: Image,
    codes: NDArray[np.float32],
    canvas: Canvas | None,
    colour: NDArray[np.uint8],
    price: float,
    layers: int,
    device: torch.device,
    found: Mapping[int, tuple[Rows, tuple[int, int]]],
    network: SpriteNetwork | None = None,
    steps: int = 0,
    seconds: float = 0.0,
) -> Discovery:
    """Explain frames of `clip` with given sprites over a given background.

    Parameters
    ----------
    frames : sequence of int, optional
        Indices of the frames to decompose; None means all of them.
    found : mapping
        Placements (rows sprite, x, y, in drawing order) and pan that training found, by frame.
        A frame starts from them where they explain it better than the frame before does.
    network : SpriteNetwork, optional
        Proposes placements and pan in place of matching.
    seconds : float
        Time spent on training, which the result's ``seconds`` includes.

    Raises
    ------
    InputError
        `frames` names a frame that the clip does not have, or none at all.
    """
    begun = time.monotonic()
    wanted = None if frames is None else np.unique(np.asarray(frames, dtype=np.int64))
    if wanted is not None and not len(wanted):
        raise InputError("there are no frames to decompose; name at least one")
    among = set() if wanted is None else set(wanted.tolist())
    dictionary = Dictionary(sprites, device)
    live = np.flatnonzero(dictionary.box[:, 1] > 0)
    k = sprites.shape[1]
    rng = np.random.default_rng(0)
    done: list[int] = []
    pans: list[tuple[int, int]] = []
    placed: list[Rows] = []
    depth: list[NDArray[np.int32]] = []
    error = 0
    size = 0
    pan = (0, 0)
    usual = 0.0
    number = 0
    for piece in clip.pieces():
        for frame in piece.frames:
            number += 1
            if wanted is not None and number - 1 not in among:
                continue
            old = pan
            proposed = None
            if network is not None:
                proposed, pan = propose(network, frame)
            elif canvas is not None:
                canvas.pan = pan
                canvas.speed = (0, 0) if len(pans) < 2 else _minus(pans[-1], pans[-2])
                pan = canvas.locate(frame, rng) or pan
            back = backdrop(frame.shape, colour, canvas, pan)
            picture = Pictures([frame], [back], k, price, device)
            if proposed is not None:
                picture.placed[0] = proposed
                kernels.draw_all(picture.drawn[0], sprites, dictionary.box, proposed)
            elif placed:
                picture.follow(0, dictionary, placed[-1], _minus(old, pan))
            if proposed is None:
                if number - 1 in found:
                    trained = _start(frame, colour, canvas, *found[number - 1], dictionary, price)
                    if trained.error() < picture.error():
                        picture, pan = trained, found[number - 1][1]
                picture.explain(dictionary, live)
                if picture.error() > WORSE * usual + 1:
                    anew = Pictures([frame], picture.back, k, price, device)
                    anew.explain(dictionary, live)
                    if anew.error() < picture.error():
                        picture = anew
                usual = picture.error()
            result = picture.placed[0]
            level = layers_of(result, dictionary.box, layers)
            order = np.argsort(level, kind="stable")
            done.append(number - 1)
            pans.append(pan)
            placed.append(result[order])
            depth.append(level[order])
            error += int(((frame.astype(np.int32) - picture.drawn[0]) ** 2).sum())
            size += frame.size
        if wanted is not None and len(done) == len(wanted):
            break
    if wanted is not None and len(done) != len(wanted):
        raise InputError(
            f"{clip.name} has {number} frames, so frame {int(wanted[-1])} cannot be decomposed"
        )
    rows = np.concatenate(placed)
    lengths = [len(p) for p in placed]
    return Discovery(
        sprites=sprites,
        codes=codes,
        background=None if canvas is None else backdrop_texture(canvas, colour),
        colour=colour,
        frames=np.array(done, dtype=np.int64),
        pan=np.array(pans, dtype=np.int32).reshape(-1, 2),
        frame_index=np.repeat(np.arange(len(done), dtype=np.int32), lengths),
        sprite=rows[:, 0].copy(),
        layer=np.concatenate(depth),
        x=rows[:, 1].copy(),
        y=rows[:, 2].copy(),
        psnr=psnr_from_mse(error / size),
        steps=steps,
        seconds=seconds + time.monotonic() - begun,
    )


def _start(
    frame: Image,
    colour: NDArray[np.uint8],
    canvas: Canvas | None,
    placed: Rows,
    pan: tuple[int, int],
    dictionary: Dictionary,
    price: float,
) -> Pictures:
    """One frame with given placements, as far as they pay."""
    back = backdrop(frame.shape, colour, canvas, pan)
    picture = Pictures([frame], [back], dictionary.sprites.shape[1], price, dictionary.device)
    picture.placed[0] = placed
    picture.prune(dictionary)
    return picture


def backdrop_texture(canvas: Canvas, colour: NDArray[np.uint8]) -> Image:
    """The canvas with `colour` where nothing is known, shape (H, W, 3), uint8."""
    return backdrop(canvas.pixels.shape, colour, canvas, (0, 0))


def _minus(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return a[0] - b[0], a[1] - b[1]
