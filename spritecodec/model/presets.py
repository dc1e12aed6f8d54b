"""How much effort goes into discovering sprites: the presets, as frozen dataclasses.

A preset says what the model is (`ModelConfig`), how the matching engine looks for sprites
(`Matching`), how sprites are fitted through the renderer (`Fit`) and in which phases the
network is trained (`Phase`). The preset ``paper`` holds the values of MarioNette
(Smirnov et al., NeurIPS 2021), section by section.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from spritecodec.errors import SettingsError

Background = Literal["learned", "solid", "none", "spatial-transformer"]

MAX_SAMPLE_FRAMES = 600
"""Frames of a clip that training holds in memory, evenly spaced, as uint8."""

MAX_SAMPLE_BYTES = 256 << 20
"""Bytes that those frames may take; large pictures mean fewer frames."""


@dataclass(frozen=True)
class ModelConfig:
    """The sprite model's shape (MarioNette, section 2).

    Attributes
    ----------
    m : int
        Sprites in the dictionary (2.1), at least 1.
    d : int
        Length of a latent code and of an anchor's feature vector (2.1).
    k : int
        Side of a sprite in pixels, a power of two from 8 to 64 (2.1).
    layers : int
        Depth layers of anchors (2.2), at least 1.
    background : str
        ``"learned"`` (a texture with a per-frame softmax over discrete shifts), ``"solid"``
        (one colour, 5-means over 100 frames), ``"none"`` (black), or the ablation
        ``"spatial-transformer"`` (a texture whose shift is regressed), all of section 2.5.
    layernorm : bool
        LayerNorm of codes and anchor features; False is the ablation of Fig. 10.
    straight_through : bool
        Binary switches with a straight-through gradient in lieu of the Beta prior on them,
        the ablation of Fig. 10.
    translation_channels : int
        Channels of the translation network's first block (2.4).
    gated_translation : bool
        Run the translation network only at anchors whose switch may be on. A speed-up
        that the paper does not have.
    """

    m: int = 150
    d: int = 128
    k: int = 32
    layers: int = 2
    background: Background = "learned"
    layernorm: bool = True
    straight_through: bool = False
    translation_channels: int = 32
    gated_translation: bool = True

    def __post_init__(self) -> None:
        if self.k not in (8, 16, 32, 64):
            raise SettingsError(f"sprite size k must be 8, 16, 32 or 64, not {self.k}")
        if min(self.m, self.d, self.layers, self.translation_channels) < 1:
            raise SettingsError("m, d, layers and translation_channels must be at least 1")
        if self.d % 8:
            raise SettingsError(f"d must be a multiple of 8 for GroupNorm, not {self.d}")

    @property
    def price(self) -> float:
        """Squared error (0 to 255 scale) that a placement must save to be worth having.

        The sparse term of Eq. 3, lambda_sparse k^2 / (4 l), at the paper's 0.005.
        """
        return 0.005 * self.k**2 / (4 * self.layers) * 255.0**2


@dataclass(frozen=True)
class Matching:
    """The matching engine: sprites cut from the clip and matched at every offset.

    Attributes
    ----------
    frames, pixels : int
        It explains so many training frames, evenly spaced in the sample; more of small
        frames, as many as have `pixels` pixels together.
    rounds : int
        Rounds of cutting new sprites from badly explained places.
    """

    frames: int = 96
    pixels: int = 5_000_000
    rounds: int = 10


@dataclass(frozen=True)
class Fit:
    """Gradient descent on sprites, alpha and background through the renderer.

    Attributes
    ----------
    steps, batch : int
        Adam steps, and frames in each.
    lr : float
        Learning rate on the 0 to 1 colour scale, decayed to 0 by a cosine.
    """

    steps: int = 120
    batch: int = 4
    lr: float = 0.02


@dataclass(frozen=True)
class Phase:
    """One phase of training the network (2.6).

    Attributes
    ----------
    steps, batch : int
    lr, lr_background : float
        AdamW's learning rates, for everything and for the background.
    lambda_beta, lambda_sparse : float
        Weights of the regularisers in Eq. 3.
    crop : int or None
        Side of a random square crop in pixels, rounded up to a multiple of k; None trains
        on whole frames.
    decay : bool
        Learning rates fall to zero by a cosine; the paper keeps them.
    """

    steps: int
    batch: int = 4
    lr: float = 1e-4
    lr_background: float = 1e-3
    lambda_beta: float = 0.002
    lambda_sparse: float = 0.005
    crop: int | None = None
    decay: bool = False


@dataclass(frozen=True)
class Preset:
    """A named amount of effort.

    Attributes
    ----------
    name : str
    model : ModelConfig
    matching : Matching or None
        None: start from noise, as the paper does.
    fit : Fit or None
    phases : tuple of Phase
        Training of the network; empty: matching alone proposes the placements.
    patience : int
        Stop a phase after so many measurements (one every 100 steps) without gain.
    selective : bool
        Encoding trains only where mining leaves something that the model may explain; see
        `spritecodec.model.training`.
    """

    name: str
    model: ModelConfig = field(default_factory=ModelConfig)
    matching: Matching | None = field(default_factory=Matching)
    fit: Fit | None = field(default_factory=Fit)
    phases: tuple[Phase, ...] = ()
    patience: int = 10
    selective: bool = False

    @property
    def trains(self) -> bool:
        """False for presets that leave discovery to mining alone."""
        return self.matching is not None or bool(self.phases)

    def scaled(self, factor: float) -> Preset:
        """The same preset with its network phases `factor` times as long, at least one step."""
        phases = tuple(replace(p, steps=max(1, round(p.steps * factor))) for p in self.phases)
        return replace(self, phases=phases)


PAPER_PHASES = (Phase(200_000), Phase(10_000, lambda_beta=0.1))

PRESETS: dict[str, Preset] = {
    "fast": Preset("fast", matching=None, fit=None),
    "default": Preset("default", selective=True),
    "slow": Preset(
        "slow",
        matching=Matching(frames=192, pixels=10_000_000, rounds=16),
        fit=Fit(steps=600),
        phases=(
            Phase(3_000, lr=3e-4, crop=128, decay=True),
            Phase(500, lr=1e-4, crop=128, lambda_beta=0.1, decay=True),
        ),
    ),
    "paper": Preset(
        "paper",
        model=ModelConfig(background="solid", translation_channels=128, gated_translation=False),
        matching=None,
        fit=None,
        phases=PAPER_PHASES,
        patience=1_000_000,
    ),
}
"""``fast`` trains nothing; ``default`` matches and fits where that can pay; ``slow`` always does,
and trains the network from what matching found; ``paper`` is the paper's recipe (2.6) with the
solid background that it uses for Mario, from noise."""
