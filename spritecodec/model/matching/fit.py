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
from spritecodec.model.matching.match import Reconstruction
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
    reconstruction: Reconstruction,
    sprites: Image,
    background: Image | None,
    pan: NDArray[np.int32],
    settings: Fit,
    seed: int,
    report: Callable[[int, float], None],
    ranks: Ranks,
) -> tuple[Image, Image | None]:
    """Adam on sprites, alpha and background, the rate decaying to zero by a cosine.

    Parameters
    ----------
    reconstruction : Reconstruction
    sprites : ndarray, shape (m, k, k, 4), uint8
    background : ndarray, shape (H, W, 3), uint8, or None
    pan : ndarray, shape (f, 2), int32
        x, y of each picture in the background.
    settings : Fit
    seed : int
    report : callable
        Called with the step and its mean squared error (0 to 255 scale).
    ranks : Ranks
        Every process takes its share of each batch.

    Returns
    -------
    sprites, background
        As given, with fitted values.
    """
    fitting = _Fitting(reconstruction, sprites, background, pan)
    parameters = fitting.parameters()
    optimiser = torch.optim.Adam(parameters, settings.lr, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: 0.5 + 0.5 * math.cos(math.pi * step / settings.steps)
    )
    rng = np.random.default_rng(seed)
    count = len(reconstruction.frames)
    for step in range(settings.steps):
        chosen = rng.choice(count, min(settings.batch, count), False)
        loss = fitting.error(chosen[ranks.rank :: ranks.size]) / len(chosen)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        ranks.sum_gradients(parameters)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            for parameter in parameters:
                parameter.clamp_(0, 1)
        total = loss.detach()
        ranks.sum([total])
        report(step + 1, float(total) * 255.0**2)
    return fitting.rounded()


class _Fitting:
    """Reconstruction, and the sprites and background that are fitted to them."""

    def __init__(
        self,
        reconstruction: Reconstruction,
        sprites: Image,
        background: Image | None,
        pan: NDArray[np.int32],
    ) -> None:
        self.reconstruction = reconstruction
        self.pan = pan
        self.shape = sprites.shape
        self.box = kernels.boxes(sprites)
        self.rgba = self.tensor(sprites).reshape(-1, 4).requires_grad_()
        self.background = None if background is None else self.tensor(background).requires_grad_()

    def tensor(self, pixels: Image) -> torch.Tensor:
        """Levels as values in [0, 1]."""
        return torch.from_numpy(pixels.astype(np.float32) / 255).to(self.reconstruction.device)

    def parameters(self) -> list[torch.Tensor]:
        """What gradients change."""
        return [self.rgba] if self.background is None else [self.rgba, self.background]

    def error(self, chosen: NDArray[np.int64]) -> torch.Tensor:
        """The sum over some frames of their mean squared errors."""
        reconstruction, (m, k) = self.reconstruction, self.shape[:2]
        h, w = reconstruction.frames[0].shape[:2]
        clear = torch.zeros(1, 4, device=reconstruction.device)
        table = torch.cat([self.rgba, clear])
        loss = 0 * table.sum()  # has a gradient also where this process has no frame
        for i in chosen:
            maps = level_maps(reconstruction.placed[i], self.box, k, h, w, m * k * k)
            x, y = (int(v) for v in self.pan[i])
            if self.background is None:
                back = self.tensor(reconstruction.back[i])
            else:
                back = self.background[y : y + h, x : x + w]
            levels = torch.from_numpy(maps)[None].to(reconstruction.device)
            drawn = composite(back[None], table, levels)[0]
            loss = loss + ((drawn - self.tensor(reconstruction.frames[i])) ** 2).mean()
        return loss

    def rounded(self) -> tuple[Image, Image | None]:
        """Sprites and background in 8 bits."""
        values = self.rgba.detach().cpu().numpy().reshape(self.shape).copy()
        alpha = values[..., 3]
        alpha[alpha < SNAP] = 0
        alpha[alpha > 1 - SNAP] = 1
        values[alpha == 0] = 0
        sprites: Image = np.rint(values * 255).astype(np.uint8)
        if self.background is None:
            return sprites, None
        return sprites, np.rint(self.background.detach().cpu().numpy() * 255).astype(np.uint8)
