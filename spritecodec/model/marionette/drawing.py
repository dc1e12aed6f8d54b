"""Drawing sprites for the network on the CPU: shift, switch and composite in one pass.

The same function as `compositing.place` and `compositing.composite`, with its gradient written
out: each sprite is shifted into a small buffer and drawn at once, so that nothing of the size
of all windows is ever in memory. Sprites are (k, 4, k): rows, channels, columns.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spritecodec.model.matching.match import parallel

Floats = NDArray[np.floating[Any]]

# Fast arithmetic, but with NaN: training must notice it.
_jit: Any = numba.njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})


class Cells(NamedTuple):
    """What stands at the anchors of one frame, or the gradient of it.

    Attributes
    ----------
    sprites : ndarray, shape (l, gh, gw, k, 4, k)
        RGBA, not premultiplied.
    switches : ndarray, shape (l, gh, gw)
    offsets : ndarray, shape (l, gh, gw, 2)
        x, y in pixels.
    """

    sprites: Floats
    switches: Floats
    offsets: Floats


@_jit  # type: ignore[untyped-decorator]
def _shift(sprite: Floats, switch: float, ty: float, tx: float, out: Floats) -> None:
    """Premultiplied, switched and moved by (ty, tx) in [0, 1), bilinearly: (k + 1, 4, k + 1)."""
    k = sprite.shape[0]
    one = np.float32(1)
    row = np.zeros((4, k + 2), sprite.dtype)
    out[k] = 0
    for y in range(k):
        for c in range(4):
            for x in range(k):
                alpha = sprite[y, 3, x] * switch
                row[c, x + 1] = alpha if c == 3 else sprite[y, c, x] * alpha
        for c in range(4):
            for x in range(k + 1):
                moved = (one - tx) * row[c, x + 1] + tx * row[c, x]
                if y == 0:
                    out[y, c, x] = (one - ty) * moved
                else:
                    out[y, c, x] += (one - ty) * moved
                out[y + 1, c, x] = ty * moved


@_jit  # type: ignore[untyped-decorator]
def _split(offset: float, fraction: Floats) -> int:
    """The whole part of an offset; its fraction is written to `fraction`, in that type.

    NaN stays NaN in the fraction, so that the picture shows it and nothing is read amiss.
    """
    whole = np.floor(offset) if np.isfinite(offset) else 0.0
    fraction[0] = offset - whole
    return int(whole)


@_jit  # type: ignore[untyped-decorator]
def draw(picture: Floats, cells: Cells, order: NDArray[np.int64], below: Floats) -> None:
    """Draw one frame's sprites, layer by layer, sub-grid by sub-grid (2.5).

    Parameters
    ----------
    picture : ndarray, shape (3, h, w)
        The background; drawn over.
    cells : Cells
    order : ndarray, shape (l, 16)
    below : ndarray, shape (l, gh, gw, k + 1, 3, k + 1)
        Written: what lies below each sprite.
    """
    sprites, switches, offsets = cells
    layers, gh, gw, k = sprites.shape[:4]
    h, w = picture.shape[1:]
    moved = np.empty((k + 1, 4, k + 1), sprites.dtype)
    tx, ty = np.empty(1, sprites.dtype), np.empty(1, sprites.dtype)
    for layer in range(layers):
        for index in order[layer]:
            for j in range(index // 4, gh, 4):
                for i in range(index % 4, gw, 4):
                    left = _split(offsets[layer, j, i, 0], tx) + i * (k // 2) - k // 4
                    top = _split(offsets[layer, j, i, 1], ty) + j * (k // 2) - k // 4
                    _shift(sprites[layer, j, i], switches[layer, j, i], ty[0], tx[0], moved)
                    under = below[layer, j, i]
                    x0, x1 = max(0, -left), min(k + 1, w - left)
                    for y in range(max(0, -top), min(k + 1, h - top)):
                        for c in range(3):
                            line = picture[c, top + y]
                            for x in range(x0, x1):
                                before = line[left + x]
                                under[y, c, x] = before
                                line[left + x] = moved[y, c, x] + before * (
                                    np.float32(1) - moved[y, 3, x]
                                )


@_jit  # type: ignore[untyped-decorator]
def draw_back(
    gradient: Floats, cells: Cells, order: NDArray[np.int64], below: Floats, to_cells: Cells
) -> None:
    """The gradient of `draw`.

    Parameters
    ----------
    gradient : ndarray, shape (3, h, w)
        The picture's; becomes the background's.
    cells, order, below
        As `draw` got and left them.
    to_cells : Cells
        Written: the gradients of the cells.
    """
    sprites, switches, offsets = cells
    to_sprites, to_switches, to_offsets = to_cells
    layers, gh, gw, k = sprites.shape[:4]
    h, w = gradient.shape[1:]
    one = np.float32(1)
    moved = np.empty((k + 1, 4, k + 1), sprites.dtype)
    tx, ty = np.empty(1, sprites.dtype), np.empty(1, sprites.dtype)
    to_moved = np.zeros((k + 1, 4, k + 1), sprites.dtype)
    for layer in range(layers - 1, -1, -1):
        for index in order[layer][::-1]:
            for j in range(index // 4, gh, 4):
                for i in range(index % 4, gw, 4):
                    left = _split(offsets[layer, j, i, 0], tx) + i * (k // 2) - k // 4
                    top = _split(offsets[layer, j, i, 1], ty) + j * (k // 2) - k // 4
                    sprite, switch = sprites[layer, j, i], switches[layer, j, i]
                    _shift(sprite, switch, ty[0], tx[0], moved)
                    to_moved[:] = 0
                    under = below[layer, j, i]
                    x0, x1 = max(0, -left), min(k + 1, w - left)
                    for y in range(max(0, -top), min(k + 1, h - top)):
                        for c in range(3):
                            line = gradient[c, top + y]
                            for x in range(x0, x1):
                                g = line[left + x]
                                to_moved[y, c, x] = g
                                to_moved[y, 3, x] -= g * under[y, c, x]
                                line[left + x] = g * (one - moved[y, 3, x])
                    _shift_back(
                        to_moved,
                        sprite,
                        switch,
                        ty[0],
                        tx[0],
                        to_sprites[layer, j, i],
                        to_switches[layer, j, i : i + 1],
                        to_offsets[layer, j, i],
                    )


@_jit  # type: ignore[untyped-decorator]
def _shift_back(
    to_moved: Floats,
    sprite: Floats,
    switch: float,
    ty: float,
    tx: float,
    to_sprite: Floats,
    to_switch: Floats,
    to_offset: Floats,
) -> None:
    """The gradient of `_shift`, of the switch and of the offset (x, y)."""
    k = sprite.shape[0]
    one = np.float32(1)
    zero = np.float32(0)
    row = np.empty((4, k), sprite.dtype)
    by_switch, by_x, by_y = zero, zero, zero
    for y in range(k):
        for c in range(4):
            for x in range(k):
                here, right = to_moved[y, c, x], to_moved[y, c, x + 1]
                low, low_right = to_moved[y + 1, c, x], to_moved[y + 1, c, x + 1]
                alpha = sprite[y, 3, x] * switch
                value = alpha if c == 3 else sprite[y, c, x] * alpha
                by_x += value * ((one - ty) * (right - here) + ty * (low_right - low))
                by_y += value * ((one - tx) * (low - here) + tx * (low_right - right))
                row[c, x] = (one - ty) * ((one - tx) * here + tx * right) + ty * (
                    (one - tx) * low + tx * low_right
                )
        for x in range(k):
            colour = (
                row[0, x] * sprite[y, 0, x]
                + row[1, x] * sprite[y, 1, x]
                + row[2, x] * sprite[y, 2, x]
                + row[3, x]
            )
            by_switch += colour * sprite[y, 3, x]
            to_sprite[y, 3, x] = colour * switch
        for c in range(3):
            for x in range(k):
                to_sprite[y, c, x] = row[c, x] * sprite[y, 3, x] * switch
    to_switch[0] = by_switch
    to_offset[0], to_offset[1] = by_x, by_y


class DrawSprites(torch.autograd.Function):
    """`draw` for a batch, with `draw_back` as its gradient."""

    @staticmethod
    def forward(
        ctx: Any, under: Tensor, sprites: Tensor, switches: Tensor, offsets: Tensor, order: Tensor
    ) -> Tensor:
        """As `draw`, all with the batch in front; in float32, or float64 where `under` is."""
        exact = torch.float64 if under.dtype == torch.float64 else torch.float32
        picture = under.detach().to(exact).contiguous().clone()
        values = [t.detach().to(exact).contiguous() for t in (sprites, switches, offsets)]
        k = sprites.shape[4]
        below = picture.new_empty(*switches.shape, k + 1, 3, k + 1)
        cells, pictures, under_each = [t.numpy() for t in values], picture.numpy(), below.numpy()
        steps = order.numpy()
        parallel(
            lambda i: draw(pictures[i], Cells(*(c[i] for c in cells)), steps, under_each[i]),
            len(picture),
        )
        ctx.save_for_backward(*values, below, order)
        ctx.types = [t.dtype for t in (under, sprites, switches, offsets)]
        return picture

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        sprites, switches, offsets, below, order = ctx.saved_tensors
        gradient = gradients[0].to(sprites.dtype).contiguous().clone()
        to = [torch.empty_like(t) for t in (sprites, switches, offsets)]
        cells = [t.numpy() for t in (sprites, switches, offsets)]
        to_cells = [t.numpy() for t in to]
        gradients_of, under_each, steps = gradient.numpy(), below.numpy(), order.numpy()

        def one(i: int) -> None:
            draw_back(
                gradients_of[i],
                Cells(*(c[i] for c in cells)),
                steps,
                under_each[i],
                Cells(*(c[i] for c in to_cells)),
            )

        parallel(one, len(gradient))
        found = [g.to(kind) for g, kind in zip([gradient, *to], ctx.types, strict=True)]
        return found[0], found[1], found[2], found[3], None
