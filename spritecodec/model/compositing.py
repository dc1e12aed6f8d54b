"""Differentiable drawing for the network: shifting, compositing, the background's softmax."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def place(sprites: Tensor, offsets: Tensor) -> Tensor:
    """Shift sprites inside windows of twice their size, bilinearly (2.4).

    A translation is separable, so the spatial transformer is two batched matrix products
    with banded interpolation matrices. Channels lie between rows and columns, so that
    neither product has to copy.

    Parameters
    ----------
    sprites : tensor, shape (a, k, 4, k)
        Premultiplied.
    offsets : tensor, shape (a, 2)
        x, y in [-k/2, k/2].

    Returns
    -------
    tensor, shape (a, 2k, 4, 2k)
        The sprite's centre is at the window's centre plus the offset.
    """
    count, k = sprites.shape[:2]
    at = torch.arange(2 * k, device=sprites.device, dtype=torch.float32)
    of = torch.arange(k, device=sprites.device, dtype=torch.float32)
    away = at[:, None] - of - k / 2
    weights = (1 - (away - offsets.float()[:, :, None, None]).abs()).clamp_min(0)
    across, down = weights.to(sprites.dtype).unbind(1)
    lowered = torch.bmm(down, sprites.reshape(count, k, 4 * k))
    moved = torch.bmm(lowered.reshape(count, 8 * k, k), across.transpose(1, 2))
    return moved.reshape(count, 2 * k, 4, 2 * k)


def layer_passes(windows: Tensor, order: Tensor, h: int, w: int) -> list[Tensor]:
    """One layer's windows as 16 full pictures, in drawing order (2.5).

    Windows are 2k wide and anchors k/2 apart, so every fourth anchor's windows lie side by
    side: a sub-grid is a picture by reshaping alone, and a random order of the 16 sub-grids
    is a random order of any sprites that overlap.

    Parameters
    ----------
    windows : tensor, shape (n, gh, gw, 2k, 4, 2k)
    order : tensor, shape (16,)

    Returns
    -------
    list of 16 tensors, shape (n, 4, h, w)
    """
    n, gh, gw, size, _, _ = windows.shape
    k = size // 2
    rows, columns = -(-gh // 4), -(-gw // 4)
    spare = (4 * columns - gw, 4 * rows - gh)
    if any(spare):
        windows = functional.pad(windows, (0, 0, 0, 0, 0, 0, 0, spare[0], 0, spare[1]))
    pictures = (
        windows.reshape(n, rows, 4, columns, 4, size, 4, size)
        .permute(2, 4, 0, 6, 1, 5, 3, 7)
        .reshape(16, n, 4, rows * size, columns * size)
        .unbind(0)
    )
    passes = []
    for index in order.tolist():
        # The window of anchor (j, i) starts at j k/2 + k/4 - k, likewise in x.
        top, left = index // 4 * k // 2 + k // 4 - k, index % 4 * k // 2 + k // 4 - k
        bottom, right = h - top - rows * size, w - left - columns * size
        # Negative padding crops.
        passes.append(functional.pad(pictures[index], (left, right, top, bottom)))
    return passes


def composite(under: Tensor, passes: list[Tensor]) -> Tensor:
    """Premultiplied pictures over an opaque one, in order (Porter and Duff's over).

    Parameters
    ----------
    under : tensor, shape (n, 3, h, w)
    passes : list of tensors, shape (n, 4, h, w)

    Returns
    -------
    tensor, shape (n, 3, h, w)
    """
    for picture in passes:
        colour, alpha = torch.split(picture, [3, 1], 1)
        under = torch.addcmul(under + colour, under, alpha.to(under.dtype), value=-1)
    return under


def background_shift(texture: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The mean of all crops of a texture, weighted by probabilities of their shifts (2.5).

    Independent in x and y, so two correlations, done by FFT.

    Parameters
    ----------
    texture : tensor, shape (3, H, W)
    x : tensor, shape (n, W - w + 1)
    y : tensor, shape (n, H - h + 1)

    Returns
    -------
    tensor, shape (n, 3, h, w)
    """
    height, width = texture.shape[1:]
    w, h = width - x.shape[1] + 1, height - y.shape[1] + 1
    rows = torch.fft.rfft(texture, n=width) * torch.fft.rfft(x, n=width).conj()[:, None, None]
    shifted: Tensor = torch.fft.irfft(rows, n=width)[..., :w]
    if y.shape[1] == 1:
        return shifted
    columns = torch.fft.rfft(shifted, n=height, dim=2)
    columns = columns * torch.fft.rfft(y, n=height).conj()[:, None, :, None]
    moved: Tensor = torch.fft.irfft(columns, n=height, dim=2)[:, :, :h]
    return moved


def beta_prior(x: Tensor) -> Tensor:
    """Density of Beta(2, 2), 6 x (1 - x): favours values near 0 and 1 (2.6)."""
    return 6 * x * (1 - x)
