"""Differentiable drawing for the network: shifting, compositing, the background's softmax."""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from spritecodec.model.marionette.drawing import DrawSprites

Slices = tuple[EllipsisType, slice, slice]


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


def sub_grids(windows: Tensor) -> Tensor:
    """One layer's windows as 16 pictures, of which no two windows of one overlap.

    Windows are 2k wide and anchors k/2 apart, so every fourth anchor's windows lie side by
    side: a sub-grid is a picture by reshaping alone.

    Parameters
    ----------
    windows : tensor, shape (n, gh, gw, 2k, 4, 2k)

    Returns
    -------
    tensor, shape (16, n, 4, rows 2k, columns 2k)
        Picture 4 j + i holds the anchors whose row is j and whose column is i modulo 4.
    """
    n, gh, gw, size, _, _ = windows.shape
    rows, columns = -(-gh // 4), -(-gw // 4)
    spare = (4 * columns - gw, 4 * rows - gh)
    if any(spare):
        windows = functional.pad(windows, (0, 0, 0, 0, 0, 0, 0, spare[0], 0, spare[1]))
    return (
        windows.reshape(n, rows, 4, columns, 4, size, 4, size)
        .permute(2, 4, 0, 6, 1, 5, 3, 7)
        .reshape(16, n, 4, rows * size, columns * size)
    )


def overlap(index: int, k: int, picture: torch.Size, canvas: torch.Size) -> tuple[Slices, Slices]:
    """Where a sub-grid's picture and the canvas meet, in each one's own coordinates."""
    sides = []
    for number, have, want in zip(divmod(index, 4), picture[-2:], canvas[-2:], strict=True):
        start = number * k // 2 + k // 4 - k  # of the first anchor's window
        low, high = max(0, start), min(want, start + have)
        sides.append((slice(low - start, high - start), slice(low, high)))
    (y_in, y_out), (x_in, x_out) = sides
    return (..., y_in, x_in), (..., y_out, x_out)


class CompositeLayer(torch.autograd.Function):
    """A layer's sub-grids over an opaque picture, in order (Porter and Duff's over, 2.5).

    A random order of the sub-grids is a random order of any sprites that overlap. Written
    out with its gradient, because autograd would copy every picture several times.
    """

    @staticmethod
    def forward(ctx: Any, under: Tensor, pictures: Tensor, order: Tensor, k: int) -> Tensor:
        """(n, 3, h, w) under premultiplied (16, n, 4, rows, columns); order (16,)."""
        stages = under.new_empty(17, *under.shape)
        stages[0] = under
        for step, index in enumerate(order.tolist()):
            inner, outer = overlap(index, k, pictures.shape, under.shape)
            picture = pictures[index][inner]
            stages[step + 1] = stages[step]
            area = stages[step + 1][outer]
            area *= 1 - picture[:, 3:].to(under.dtype)
            area += picture[:, :3]
        ctx.save_for_backward(stages, pictures)
        ctx.order, ctx.k = order.tolist(), k
        return stages[16].clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        stages, pictures = ctx.saved_tensors
        gradient = gradients[0].clone()
        to_pictures = torch.zeros_like(pictures)
        for step in range(15, -1, -1):
            index = ctx.order[step]
            inner, outer = overlap(index, ctx.k, pictures.shape, gradient.shape)
            area = gradient[outer]
            target = to_pictures[index][inner]
            target[:, :3] = area
            target[:, 3] = -(area * stages[step][outer]).sum(1)
            area *= 1 - pictures[index][inner][:, 3:].to(area.dtype)
        return gradient, to_pictures, None, None


def composite(under: Tensor, windows: Tensor, order: Tensor) -> Tensor:
    """One layer of sprites over an opaque picture.

    Parameters
    ----------
    under : tensor, shape (n, 3, h, w)
    windows : tensor, shape (n, gh, gw, 2k, 4, 2k)
        Premultiplied (`place`).
    order : tensor, shape (16,), int64
        Drawing order of the sub-grids.

    Returns
    -------
    tensor, shape (n, 3, h, w)
    """
    k = windows.shape[3] // 2
    out: Tensor = CompositeLayer.apply(under, sub_grids(windows), order, k)  # type: ignore[no-untyped-call]
    return out


def draw_sprites(
    under: Tensor, sprites: Tensor, switches: Tensor, offsets: Tensor, order: Tensor
) -> Tensor:
    """All layers of sprites over an opaque picture (2.5).

    Parameters
    ----------
    under : tensor, shape (n, 3, h, w)
    sprites : tensor, shape (n, l, gh, gw, k, 4, k)
        RGBA: rows, channels, columns.
    switches : tensor, shape (n, l, gh, gw)
        Multiplied with the sprites' alpha.
    offsets : tensor, shape (n, l, gh, gw, 2)
        x, y from the anchors, in pixels.
    order : tensor, shape (l, 16), int64
        Drawing order of each layer's sub-grids.

    Returns
    -------
    tensor, shape (n, 3, h, w)
    """
    if under.device.type == "cpu":
        drawn: Tensor = DrawSprites.apply(under, sprites, switches, offsets, order)  # type: ignore[no-untyped-call]
        return drawn
    k = sprites.shape[-1]
    colour, alpha = torch.split(sprites.reshape(-1, k, 4, k), [3, 1], 2)
    alpha = alpha * switches.reshape(-1, 1, 1, 1).to(alpha.dtype)
    moved = place(torch.cat([colour * alpha, alpha], 2), offsets.reshape(-1, 2))
    by_layer = moved.reshape(*switches.shape, 2 * k, 4, 2 * k).unbind(1)
    for layer, steps in zip(by_layer, order, strict=True):
        under = composite(under, layer, steps)
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
