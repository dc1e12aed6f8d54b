"""Sprites, alpha and background fitted by gradient through the differentiable renderer.

Placements stay where they are. Each picture is composited back to front (2.5); placements
that do not overlap share a level, so that a picture is a handful of gathers from one table
of sprite pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from spritecodec.model.distributed import Ranks
from spritecodec.model.matching import kernels
from spritecodec.model.matching.kernels import Image, Rows
from spritecodec.model.matching.match import Pictures
from spritecodec.model.presets import Fit

MAX_LEVELS = 8
SNAP = 0.06
"""Alpha nearer than this to 0 or 1 is rounded there: pixel art has hard edges."""


def composite(back: torch.Tensor, table: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Composite levels of sprites over a background.

    Parameters
    ----------
    back : tensor, shape (n, h, w, 3)
        Colours in [0, 1].
    table : tensor, shape (rows + 1, 4)
        RGBA of every sprite pixel; the last row is clear.
    maps : tensor, shape (n, levels, h, w), int64
        Row of the table that each pixel of each level shows.

    Returns
    -------
    tensor, shape (n, h, w, 3)
    """
    out = back
    for level in range(maps.shape[1]):
        rgba = table[maps[:, level]]
        alpha = rgba[..., 3:]
        out = out + alpha * (rgba[..., :3] - out)
    return out


def level_maps(placed: Rows, box: Rows, k: int, h: int, w: int, clear: int) -> NDArray[np.int64]:
    """The levels of one picture as rows of the sprite table, shape (levels, h, w), int64."""
    level = np.minimum(kernels.levels(placed, box), MAX_LEVELS - 1)
    maps = np.full((int(level.max(initial=-1)) + 1, h, w), clear, np.int64)
    kernels.index_maps(placed, box, k, level, maps)
    return maps


def fit(
    pictures: Pictures,
    sprites: Image,
    texture: Image | None,
    pan: NDArray[np.int32],
    settings: Fit,
    seed: int,
    report: Callable[[int, float], None],
    ranks: Ranks,
) -> tuple[Image, Image | None]:
    """Adam on sprites, alpha and texture, the rate decaying to zero by a cosine.

    Parameters
    ----------
    sprites : ndarray, shape (m, k, k, 4), uint8
    texture : ndarray, shape (H, W, 3), uint8, or None
    pan : ndarray, shape (f, 2), int32
    report : callable
        Told the step and its mean squared error (0 to 255 scale).
    ranks : Ranks
        Every process takes its share of each batch.

    Returns
    -------
    sprites, texture
        As given, with fitted values.
    """
    device = pictures.device
    m, k = sprites.shape[:2]
    h, w = pictures.frames[0].shape[:2]
    clear = m * k * k
    box = kernels.boxes(sprites)
    rgba = torch.from_numpy(sprites.astype(np.float32) / 255).reshape(-1, 4).to(device)
    rgba.requires_grad_()
    parameters = [rgba]
    canvas = None
    if texture is not None:
        canvas = torch.from_numpy(texture.astype(np.float32) / 255).to(device).requires_grad_()
        parameters.append(canvas)
    optimiser = torch.optim.Adam(parameters, settings.lr, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: 0.5 + 0.5 * math.cos(math.pi * step / settings.steps)
    )
    rng = np.random.default_rng(seed)
    dummy = torch.zeros(1, 4, device=device)
    for step in range(settings.steps):
        chosen = rng.choice(len(pictures.frames), min(settings.batch, len(pictures.frames)), False)
        table = torch.cat([rgba, dummy])
        loss = 0 * table.sum()  # has a gradient also where this process has no frame
        for i in chosen[ranks.rank :: ranks.size]:
            maps = level_maps(pictures.placed[i], box, k, h, w, clear)
            x, y = (int(v) for v in pan[i])
            back = (
                torch.from_numpy(pictures.back[i].astype(np.float32) / 255).to(device)
                if canvas is None
                else canvas[y : y + h, x : x + w]
            )
            out = composite(back[None], table, torch.from_numpy(maps)[None].to(device))
            frame = torch.from_numpy(pictures.frames[i].astype(np.float32) / 255).to(device)
            loss = loss + ((out[0] - frame) ** 2).mean() / len(chosen)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        ranks.sum_gradients(parameters)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            rgba.clamp_(0, 1)
            if canvas is not None:
                canvas.clamp_(0, 1)
        total = loss.detach()
        ranks.sum([total])
        report(step + 1, float(total) * 255.0**2)
    values = rgba.detach().cpu().numpy().reshape(m, k, k, 4).copy()
    alpha = values[..., 3]
    alpha[alpha < SNAP] = 0
    alpha[alpha > 1 - SNAP] = 1
    values[alpha == 0] = 0
    fitted: Image = np.rint(values * 255).astype(np.uint8)
    if canvas is None:
        return fitted, None
    return fitted, np.rint(canvas.detach().cpu().numpy() * 255).astype(np.uint8)
