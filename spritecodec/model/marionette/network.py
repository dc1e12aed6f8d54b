"""The paper's network (MarioNette, sections 2.1 to 2.5), each part by its section.

Sizes: n frames a batch, l layers, m sprites of side k, codes of length d, pictures of h x w
pixels padded to multiples of k, and an anchor grid of gh x gw with gh = 2h/k, gw = 2w/k.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from spritecodec.model.marionette.compositing import background_shift, beta_prior, draw_sprites
from spritecodec.model.presets import ModelConfig

GROUPS = 8
"""Groups of every GroupNorm; the paper does not say how many."""
MAX_WIDTH = 128
ENCODER_WIDTH = 32
TRANSLATED_SHARE = 0.125
"""Share of the anchors that the gated translation network looks at."""


class PartialConv2d(nn.Conv2d):
    """3x3 convolution of stride 2 with partial-convolution padding (Liu et al. 2018, 2.2).

    Where the window hangs over the edge, the sum over the pixels inside is scaled up by
    9 / (number of pixels inside), so that padding does not darken the border.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to (n, out, ceil(h/2), ceil(w/2))."""
        y = functional.conv2d(x, self.weight, None, 2, 1)
        # Sizes are even here, so only the first row and column hang over.
        scale = y.new_ones(1, 1, *y.shape[2:])
        scale[..., 0, :] *= 1.5
        scale[..., :, 0] *= 1.5
        assert self.bias is not None
        return torch.addcmul(self.bias.to(y.dtype)[:, None, None], y, scale)


def downsampling(channels: int, first: int, k: int, out: int | None = None) -> nn.Sequential:
    """log2(k) - 1 blocks of partial convolution, GroupNorm and Leaky ReLU (2.2)."""
    count = int(math.log2(k)) - 1
    blocks: list[nn.Module] = []
    for i in range(count):
        width = min(MAX_WIDTH, first << i)
        if out is not None and i == count - 1:
            width = out
        blocks += [PartialConv2d(channels, width), nn.GroupNorm(GROUPS, width)]
        blocks.append(nn.LeakyReLU(0.01, inplace=True))
        channels = width
    return nn.Sequential(*blocks)


class Generator(nn.Module):
    """The dictionary's latent codes and the generator that decodes them (2.1)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        d, k = config.d, config.k
        self.config = config
        self.codes = nn.Parameter(torch.randn(config.m, d))
        self.hidden = nn.Linear(d, 8 * d)
        self.norm = nn.GroupNorm(GROUPS, 8 * d)
        self.out = nn.Linear(8 * d, 4 * k * k)

    def normal_codes(self) -> Tensor:
        """Codes after LayerNorm without affine, shape (m, d)."""
        if not self.config.layernorm:
            return self.codes
        return functional.layer_norm(self.codes, self.codes.shape[1:])

    def features(self) -> Tensor:
        """The hidden layer's output, shape (m, 8d)."""
        return functional.relu(self.norm(self.hidden(self.normal_codes())))

    def forward(self) -> Tensor:
        """The sprites, RGBA in [0, 1], shape (m, k, 4, k): rows, channels, columns."""
        k = self.config.k
        return torch.sigmoid(self.out(self.features())).reshape(-1, k, 4, k)

    @torch.no_grad()
    def imitate(self, sprites: Tensor) -> None:
        """Make the generator produce given sprites, shape (m, k, 4, k), at once.

        The hidden layer has more features (8d) than there are sprites, so the last layer is
        a least-squares problem with an exact solution.
        """
        small = 0.0015  # rounds to 0 in 8 bits
        wanted = torch.logit(sprites.reshape(len(sprites), -1).clamp(small, 1 - small))
        middle = wanted.mean(0)
        solution = torch.linalg.pinv(self.features().double()) @ (wanted - middle).double()
        self.out.weight.copy_(solution.T.to(wanted.dtype))
        self.out.bias.copy_(middle)


class Encoder(nn.Module):
    """Frame to l grids of anchor features and switches (2.2)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        d = config.d
        self.config = config
        wide = MAX_WIDTH if config.translation_channels >= MAX_WIDTH else ENCODER_WIDTH
        self.blocks = downsampling(3, wide, config.k, d * config.layers)
        self.switch_hidden = nn.Linear(d, d)
        self.switch_norm = nn.GroupNorm(GROUPS, d)
        self.switch_out = nn.Linear(d, 1)
        self.anchor = nn.Linear(d, d)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode frames, shape (n, 3, h, w).

        Returns
        -------
        anchors : tensor, shape (n, l, gh, gw, d)
        switches : tensor, shape (n, l, gh, gw)
            Logits of the probability that an anchor is active.
        features : tensor, shape (n, l d)
            Mean over the picture, from which the background's shift is read.
        """
        maps = self.blocks(frames)
        n, _, gh, gw = maps.shape
        layers, d = self.config.layers, self.config.d
        flat = maps.reshape(n, layers, d, gh, gw).permute(0, 1, 3, 4, 2).reshape(-1, d)
        if self.config.layernorm:
            flat = functional.layer_norm(flat, (d,))
        hidden = functional.leaky_relu(self.switch_norm(self.switch_hidden(flat)))
        anchors = self.anchor(flat)
        if self.config.layernorm:
            anchors = functional.layer_norm(anchors, (d,))
        grid = (n, layers, gh, gw)
        return anchors.reshape(*grid, d), self.switch_out(hidden).reshape(grid), maps.mean((2, 3))


class Translation(nn.Module):
    """Offsets of sprites from their anchors (2.4)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.k = config.k
        self.blocks = downsampling(7, config.translation_channels, config.k)
        width = next(b.out_channels for b in reversed(self.blocks) if isinstance(b, PartialConv2d))
        self.hidden = nn.Linear(4 * width, config.d)
        self.norm = nn.GroupNorm(GROUPS, config.d)
        self.out = nn.Linear(config.d, 2)
        nn.init.zeros_(self.out.bias)
        with torch.no_grad():
            self.out.weight.mul_(0.1)

    def forward(self, crops: Tensor, sprites: Tensor) -> Tensor:
        """Offsets x, y in [-k/2, k/2], shape (a, 2).

        Parameters
        ----------
        crops : tensor, shape (a, 3, k, k)
            Of the frame, centred on the anchors.
        sprites : tensor, shape (a, 4, k, k)
        """
        both = torch.cat([crops, sprites], 1)
        hidden = functional.leaky_relu(self.norm(self.hidden(self.blocks(both).flatten(1))))
        return torch.tanh(self.out(hidden).float()) * (self.k / 2)


class Background(nn.Module):
    """A learned texture with a per-frame shift (2.5), or one colour."""

    def __init__(self, config: ModelConfig, texture: Tensor, height: int, width: int) -> None:
        """`texture` has shape (3, H, W); (3, 1, 1) for one colour."""
        super().__init__()
        self.kind = config.background
        self.height, self.width = height, width
        learned = self.kind in ("learned", "spatial-transformer")
        self.texture = nn.Parameter(texture.clone(), requires_grad=learned)
        features = config.d * config.layers
        spare_y, spare_x = texture.shape[1] - height + 1, texture.shape[2] - width + 1
        if self.kind == "learned":
            self.shift_x = nn.Linear(features, spare_x)
            self.shift_y = nn.Linear(features, spare_y)
        elif self.kind == "spatial-transformer":
            self.regress = nn.Linear(features, 2)

    def shifts(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the shift in x, shape (n, W - w + 1), and y, (n, H - h + 1)."""
        return self.shift_x(features), self.shift_y(features)

    @torch.no_grad()
    def hard_texture(self) -> NDArray[np.uint8]:
        """The texture in 8 bits, shape (H, W, 3)."""
        values = (self.texture.detach().clamp(0, 1).permute(1, 2, 0) * 255).round()
        pixels: NDArray[np.uint8] = values.to(torch.uint8).cpu().numpy()
        return pixels

    def forward(self, features: Tensor) -> Tensor:
        """The background behind each frame, shape (n, 3, h, w)."""
        n = len(features)
        texture = self.texture.clamp(0, 1)
        if self.kind == "learned":
            x, y = self.shifts(features)
            return background_shift(texture, x.float().softmax(1), y.float().softmax(1))
        if self.kind == "spatial-transformer":
            height, width = texture.shape[1:]
            scale_x, scale_y = self.width / width, self.height / height
            move = torch.tanh(self.regress(features).float())
            theta = move.new_zeros(n, 2, 3)
            theta[:, 0, 0], theta[:, 1, 1] = scale_x, scale_y
            theta[:, 0, 2] = move[:, 0] * (1 - scale_x)
            theta[:, 1, 2] = move[:, 1] * (1 - scale_y)
            grid = functional.affine_grid(
                theta, [n, 3, self.height, self.width], align_corners=False
            )
            return functional.grid_sample(texture.expand(n, -1, -1, -1), grid, align_corners=False)
        return texture.expand(n, -1, self.height, self.width)


@dataclass(frozen=True)
class Decomposition:
    """The network's output for a batch of frames.

    Attributes
    ----------
    picture : tensor, shape (n, 3, h, w)
        O of Eq. 3: background and sprites composited.
    scores : tensor, shape (n, l, gh, gw, m)
        s of Eq. 1, a probability over the dictionary.
    switches : tensor, shape (n, l, gh, gw)
        p, in [0, 1].
    offsets : tensor, shape (n, l, gh, gw, 2)
        x, y of each sprite from its anchor, in pixels.
    """

    picture: Tensor
    scores: Tensor
    switches: Tensor
    offsets: Tensor


class SpriteNetwork(nn.Module):
    """MarioNette, whole."""

    def __init__(self, config: ModelConfig, texture: Tensor, height: int, width: int) -> None:
        """`height` and `width` are of the frames; `texture` is `Background`'s."""
        super().__init__()
        self.config = config
        self.generator = Generator(config)
        self.encoder = Encoder(config)
        self.translation = Translation(config)
        self.background = Background(config, texture, height, width)

    def random_order(self, generator: torch.Generator | None = None) -> Tensor:
        """A random drawing order inside each layer (2.5), shape (l, 16)."""
        rows = [torch.randperm(16, generator=generator) for _ in range(self.config.layers)]
        return torch.stack(rows)

    def fixed_order(self) -> Tensor:
        """The drawing order in use, shape (l, 16)."""
        return torch.arange(16).expand(self.config.layers, -1)

    def crops(self, frames: Tensor) -> Tensor:
        """k x k crops centred on the anchors, shape (n, gh, gw, 3, k, k); zero outside."""
        k = self.config.k
        quarter = k // 4
        # Anchors are the centres of the k/2 cells; a crop reaches k/4 beyond its cell.
        padded = functional.pad(frames, (quarter, quarter, quarter, quarter))
        return padded.unfold(2, k, k // 2).unfold(3, k, k // 2).permute(0, 2, 3, 1, 4, 5)

    def forward(
        self, frames: Tensor, order: Tensor, *, hard: bool = False, corner: Tensor | None = None
    ) -> Decomposition:
        """Decompose and draw frames, shape (n, 3, h, w) in [0, 1].

        Parameters
        ----------
        order : tensor, shape (l, 16), int64
            In which order each layer's interleaved sub-grids are drawn.
        hard : bool
            Argmax selections, binary switches and whole-pixel offsets (2.3).
        corner : tensor, shape (2,), optional
            y, x of the crop that `frames` are, in the whole frame, for the background.
        """
        config = self.config
        k = config.k
        h, w = frames.shape[2:]
        anchors, logits, features = self.encoder(frames)
        sprites = self.generator()
        codes = self.generator.normal_codes()
        similar = anchors @ codes.T / math.sqrt(config.d)
        scores = similar.float().softmax(-1)
        switches = torch.sigmoid(logits.float())
        chosen, active = scores, switches
        if hard:
            chosen = functional.one_hot(scores.argmax(-1), config.m).to(scores.dtype)
        if hard or config.straight_through:
            active = (switches > 0.5).float()
            if not hard:
                active = active + switches - switches.detach()
        flat = sprites.flatten(1)
        mixture = (chosen.reshape(-1, config.m).to(flat.dtype) @ flat).reshape(-1, k, 4, k)
        back = self.background(features)
        if corner is not None:
            top, left = int(corner[0]), int(corner[1])
            back = back[..., top : top + h, left : left + w]
        back = functional.pad(back, (0, w - back.shape[3], 0, h - back.shape[2]))
        offsets = self.offsets(frames, back, mixture, active.reshape(-1))
        if hard:
            offsets = offsets.round()
        grid = switches.shape
        cells = mixture.reshape(*grid, k, 4, k)
        moves = offsets.reshape(*grid, 2)
        canvas = draw_sprites(back, cells, active, moves, order)
        return Decomposition(canvas, scores, switches, moves)

    def offsets(self, frames: Tensor, back: Tensor, sprites: Tensor, active: Tensor) -> Tensor:
        """Offsets from the translation network, shape (n l gh gw, 2).

        `sprites` has shape (n l gh gw, k, 4, k).

        When gated, it looks only at the anchors that are likely to be active where the
        background explains the frame badly; the other sprites stay at their anchors.
        """
        config = self.config
        crops = self.crops(frames)
        n, gh, gw = crops.shape[:3]
        count = n * config.layers * gh * gw
        if not config.gated_translation:
            every = crops[:, None].expand(-1, config.layers, -1, -1, -1, -1, -1)
            every = every.reshape(count, 3, config.k, config.k)
            found: Tensor = self.translation(every, sprites.transpose(1, 2))
            return found
        with torch.no_grad():
            unlike = functional.avg_pool2d(
                (frames - back).abs().sum(1, keepdim=True), config.k // 2
            )
            worth = active.reshape(n, config.layers, gh, gw) * unlike
            chosen = worth.flatten().topk(max(1, int(TRANSLATED_SHARE * count))).indices
            frame = chosen // (config.layers * gh * gw)
            cell = chosen % (gh * gw)
        picked = crops[frame, cell // gw, cell % gw]
        moves = self.translation(picked, sprites[chosen].transpose(1, 2))
        none: Tensor = moves.new_zeros(count, 2)
        filled: Tensor = none.index_copy(0, chosen, moves)
        return filled

    def loss(
        self,
        said: Decomposition,
        frames: Tensor,
        mask: Tensor,
        lambda_beta: float,
        lambda_sparse: float,
    ) -> tuple[Tensor, Tensor]:
        """Eq. 3, averaged over the batch, and its squared-error term alone.

        Parameters
        ----------
        mask : tensor, shape (h, w)
            1 on the picture, 0 on the padding, which does not count.
        """
        config = self.config
        pixels = mask.sum()
        n = len(frames)
        error = ((said.picture - frames) ** 2 * mask).sum() / (n * pixels)
        scale = config.k**2 / (4 * config.layers * pixels)
        prior = beta_prior(said.scores).mean(-1).sum()
        if not config.straight_through:  # which is there in lieu of it (3.3)
            prior = prior + beta_prior(said.switches).sum()
        penalty = lambda_beta * prior + lambda_sparse * said.switches.abs().sum()
        return error + scale * penalty / n, error
