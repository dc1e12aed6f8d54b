"""MarioNette written plainly, sentence by sentence: what the fast network is compared with.

It takes the weights of a `SpriteNetwork` and computes the same function with nothing clever:
every mixture by broadcasting, the translation network at every anchor, a spatial transformer
for every sprite, compositing over the whole canvas one sub-grid at a time, the background as
an explicit sum over all shifts.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from spritecodec.model.marionette.network import PartialConv2d, SpriteNetwork


def partial_convolution(layer: PartialConv2d, x: Tensor) -> Tensor:
    """Liu et al. 2018: convolve, divide by the share of the window that is inside, add bias."""
    inside = torch.ones_like(x[:1, :1])
    window = torch.ones(1, 1, 3, 3, dtype=x.dtype)
    seen = functional.conv2d(inside, window, stride=2, padding=1)
    assert layer.bias is not None
    sums = functional.conv2d(x, layer.weight, stride=2, padding=1)
    return sums * (9 / seen) + layer.bias[:, None, None]


def blocks(network: torch.nn.Sequential, x: Tensor) -> Tensor:
    for layer in network:
        x = partial_convolution(layer, x) if isinstance(layer, PartialConv2d) else layer(x)
    return x


def generate(network: SpriteNetwork) -> tuple[Tensor, Tensor]:
    """Codes (m, d) and sprites (m, 4, k, k), section 2.1."""
    part = network.generator
    k = network.config.k
    codes: Tensor = part.codes
    if network.config.layernorm:
        codes = functional.layer_norm(codes, codes.shape[1:])
    hidden = functional.relu(part.norm(part.hidden(codes)))
    sprites = torch.sigmoid(part.out(hidden)).reshape(-1, k, 4, k).permute(0, 2, 1, 3)
    return codes, sprites


def background(network: SpriteNetwork, features: Tensor) -> Tensor:
    """Section 2.5: the mean of all crops, weighted by the softmax over x and over y."""
    part = network.background
    texture = part.texture.clamp(0, 1)
    if part.kind != "learned":
        return texture.expand(len(features), -1, part.height, part.width)
    across = part.shift_x(features).softmax(1)
    down = part.shift_y(features).softmax(1)
    out = torch.zeros(len(features), 3, part.height, part.width, dtype=texture.dtype)
    for x in range(across.shape[1]):
        for y in range(down.shape[1]):
            crop = texture[:, y : y + part.height, x : x + part.width]
            out = out + (across[:, x] * down[:, y])[:, None, None, None] * crop
    return out


def transform(sprites: Tensor, x: Tensor, y: Tensor, h: int, w: int) -> Tensor:
    """Spatial transformer (Jaderberg et al. 2015): sprites (a, 4, k, k) with their top left
    corners at the real-valued (x, y) of an h x w canvas, bilinear, clear outside."""
    k = sprites.shape[-1]
    columns = torch.arange(w, dtype=sprites.dtype) - x[:, None]
    rows = torch.arange(h, dtype=sprites.dtype) - y[:, None]
    grid = torch.stack(
        [
            ((2 * columns + 1) / k - 1)[:, None, :].expand(-1, h, -1),
            ((2 * rows + 1) / k - 1)[:, :, None].expand(-1, -1, w),
        ],
        dim=-1,
    )
    return functional.grid_sample(sprites, grid, align_corners=False, padding_mode="zeros")


def beta_density(x: Tensor) -> Tensor:
    """Beta(2, 2), section 2.6."""
    return 6 * x * (1 - x)


def loss(
    network: SpriteNetwork,
    frames: Tensor,
    order: Tensor,
    lambda_beta: float,
    lambda_sparse: float,
) -> tuple[Tensor, Tensor]:
    """Eq. 3 for frames (n, 3, h, w) whose sides are multiples of k; also the picture O."""
    config = network.config
    k, d, layers = config.k, config.d, config.layers
    n, _, h, w = frames.shape
    codes, sprites = generate(network)

    encoder = network.encoder
    maps = blocks(encoder.blocks, frames)
    gh, gw = maps.shape[2:]
    flat = maps.reshape(n, layers, d, gh, gw).permute(0, 1, 3, 4, 2).reshape(-1, d)
    if config.layernorm:
        flat = functional.layer_norm(flat, (d,))
    hidden = functional.leaky_relu(encoder.switch_norm(encoder.switch_hidden(flat)))
    switches = torch.sigmoid(encoder.switch_out(hidden))[:, 0]
    anchors = encoder.anchor(flat)
    if config.layernorm:
        anchors = functional.layer_norm(anchors, (d,))

    scores = ((anchors[:, None] * codes).sum(-1) / math.sqrt(d)).softmax(1)  # Eq. 1
    chosen = (scores[:, :, None, None, None] * sprites).sum(1)  # Eq. 2, without p

    reach = k // 4
    padded = functional.pad(frames, (reach, reach, reach, reach))
    crops = functional.unfold(padded, k, stride=k // 2)
    crops = crops.reshape(n, 1, 3 * k * k, gh * gw).expand(-1, layers, -1, -1)
    crops = crops.permute(0, 1, 3, 2).reshape(-1, 3, k, k)
    translation = network.translation
    seen = blocks(translation.blocks, torch.cat([crops, chosen], 1)).flatten(1)
    moved = functional.leaky_relu(translation.norm(translation.hidden(seen)))
    offsets = torch.tanh(translation.out(moved)) * (k / 2)

    alpha = chosen[:, 3:] * switches[:, None, None, None]
    premultiplied = torch.cat([chosen[:, :3] * alpha, alpha], 1)
    grid = (n, layers, gh, gw)
    premultiplied = premultiplied.reshape(*grid, 4, k, k)
    offsets = offsets.reshape(*grid, 2)
    canvas = background(network, maps.mean((2, 3)))
    for layer in range(layers):
        for index in order[layer].tolist():
            for j in range(index // 4, gh, 4):
                for i in range(index % 4, gw, 4):
                    x = i * (k // 2) - k // 4 + offsets[:, layer, j, i, 0]
                    y = j * (k // 2) - k // 4 + offsets[:, layer, j, i, 1]
                    drawn = transform(premultiplied[:, layer, j, i], x, y, h, w)
                    canvas = drawn[:, :3] + (1 - drawn[:, 3:]) * canvas

    error = ((canvas - frames) ** 2).sum() / (n * h * w)
    prior = lambda_beta * (beta_density(scores).mean(1) + beta_density(switches)).sum()
    sparse = lambda_sparse * switches.abs().sum()
    return error + k**2 / (4 * layers * w * h) * (prior + sparse) / n, canvas
