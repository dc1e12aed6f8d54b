"""Whether training the model can make a file smaller, and training it where it can.

The model gives mining other sprites to start from. What that can save is the residual, which is
what mining left unexplained. Where a clip shows a single view, without panning or a change of
rooms, it hardly ever saves anything; docs/model.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spritecodec.clip import Clip
from spritecodec.errors import MissingExtraError, OutputError
from spritecodec.formats.spr.library import Packed
from spritecodec.model.distributed import Ranks, pick_device
from spritecodec.model.presets import Preset

if TYPE_CHECKING:
    from spritecodec.model.progress import Progress
    from spritecodec.model.trained import TrainedModel

LIBRARIES = ("torch", "safetensors")
"""What only training needs."""
MIN_RESIDUAL_SHARE = 0.04
"""Share of the bytes of a mined segment that the residual takes where training can pay."""
MIN_SPRITE_SHARE = 0.05
"""Share that sprites and tracks take there; with less, the clip is not made of sprites."""


@dataclass(frozen=True)
class Settings:
    """How the model is trained; see also `spritecodec.model.train.train`.

    Attributes
    ----------
    preset : Preset
    device : str
    seed : int
    workdir : Path
    resume : bool
    overwrite : bool
        Replace the checkpoints of an earlier run.
    say : callable
        Called with the stage, the work done, the work in all, and a few words more.
    """

    preset: Preset
    device: str
    seed: int
    workdir: Path
    resume: bool
    overwrite: bool
    say: Callable[[str, int, int, str], None]


class Training:
    """Trains the model of one encode, at most once.

    Parameters
    ----------
    clip : Clip
    settings : Settings
        The preset trains: always, or where it may pay.

    Attributes
    ----------
    model : TrainedModel or None
        None where none was trained (yet).
    verdict : str
        Whether the model was trained and why; one sentence.
    missed : str or None
        What to install, where training may have paid and could not be done.

    Raises
    ------
    MissingExtraError
        torch is not installed, and the preset trains always.
    OutputError
        The folder has the checkpoints of an earlier run, which are neither resumed nor replaced.
    SettingsError
        The device does not exist here, or there are more processes than the preset can use.
    """

    def __init__(self, clip: Clip, settings: Settings) -> None:
        self.missed: str | None = None
        self._missing = missing_extra(settings.preset, settings.device)
        self.model: TrainedModel | None = None
        self.verdict = ""
        self._clip = clip
        self._settings = settings
        self._ranks = Ranks.here()
        if self._ranks.first and not (settings.resume or settings.overwrite):
            _check_unused(settings.workdir)
        if self._ranks.size > 1:
            self._ranks.join(pick_device(settings.device, self._ranks))
        if not settings.preset.selective:
            self._train("the preset trains always")
        elif not self._ranks.first and self._ranks.same(False):
            self._train("the first process asked for it")

    def after_mining(self, mined: Packed | None) -> TrainedModel | None:
        """The model for a segment, trained now where this is the first segment and it may pay.

        Parameters
        ----------
        mined : Packed or None
            What mining by itself made of the segment; None where it made nothing of it, which
            decides nothing.
        """
        if not self.verdict and mined is not None:
            pays, words = can_pay(mined)
            self._ranks.same(pays)
            if pays and self._missing:
                self.verdict = f"not trained, though {words}: {self._missing}"
                self.missed = f"training may have made the file smaller, but {self._missing}"
            elif pays:
                self._train(words)
            else:
                self.verdict = f"not trained: {words}"
        return self.model

    def settle(self) -> None:
        """Let the other processes go where no segment decided."""
        if not self.verdict:
            self._ranks.same(False)
            self.verdict = "not trained: no segment could be mined as a whole"

    def _train(self, words: str) -> None:
        from spritecodec.model.train import train

        settings = self._settings

        def tell(p: Progress) -> None:
            details = p.message or f"{p.stage}, loss {p.loss:.4g}, PSNR {p.psnr:.2f} dB"
            settings.say("Training", p.step, p.steps, details)

        self.verdict = f"trained: {words}"
        self.model = train(
            self._clip,
            settings.preset,
            device=settings.device,
            seed=settings.seed,
            workdir=settings.workdir,
            resume=settings.resume,
            progress=tell,
        )


def missing_extra(preset: Preset, device: str) -> MissingExtraError | None:
    """What a preset may train with is not installed, and it can do without; else None.

    Raises
    ------
    MissingExtraError
        It is not installed, and the preset trains always, or a device to train on was named.
    """
    missing = next((name for name in LIBRARIES if find_spec(name) is None), None)
    if missing is None or not preset.trains:
        return None
    if preset.selective and device in ("auto", "cpu"):
        return MissingExtraError(missing, "that", "train")
    raise MissingExtraError(missing, f"the preset {preset.name}", "train")


def _check_unused(workdir: Path) -> None:
    """Raise OutputError where training would replace what took hours, perhaps."""
    from spritecodec.model.checkpoint import NAME

    if (workdir / NAME).exists():
        raise OutputError(
            f"{workdir} holds the checkpoints of an earlier run; resume it, allow overwriting, or "
            "name another folder to keep them in"
        )


def can_pay(mined: Packed) -> tuple[bool, str]:
    """Whether the model may save something on a mined segment, and the reason in words."""
    if not any(bool(np.ptp(layer.pan, axis=0).any()) for layer in mined.scene.layers):
        return False, "the clip shows a single view, where training hardly ever pays"
    sprites = (mined.sizes["dictionary"] + mined.sizes["tracks"]) / mined.size
    if sprites < MIN_SPRITE_SHARE:
        return False, f"mining found hardly any sprites: {sprites:.1%} of the bytes"
    share = mined.sizes["residual"] / mined.size
    words = f"mining left {share:.1%} of the bytes to the residual"
    if share < MIN_RESIDUAL_SHARE:
        return False, f"{words}, less than {MIN_RESIDUAL_SHARE:.0%}"
    return True, words
