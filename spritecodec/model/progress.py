"""How far training is: for the caller, and for the log in the work directory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from spritecodec.model.checkpoint import Workdir


@dataclass(frozen=True)
class Progress:
    """Where training stands.

    Attributes
    ----------
    stage : str
        ``"matching"``, ``"fit"`` or ``"network"``.
    step, steps : int
        Done so far and planned in this stage.
    loss : float
        Mean squared error on the 0 to 255 scale; for the network, Eq. 3.
    psnr : float
        Decibels on the training frames.
    seconds_left : float
        Estimated for this stage.
    message : str
        What went wrong and what was done about it; empty otherwise.
    """

    stage: str
    step: int
    steps: int
    loss: float
    psnr: float
    seconds_left: float
    message: str = ""


@dataclass
class Reporter:
    """Reports progress to the caller and writes it to the log.

    Attributes
    ----------
    workdir : Workdir
    progress : callable or None
    begun : float
        Monotonic time when training began.
    """

    workdir: Workdir
    progress: Callable[[Progress], None] | None
    begun: float = field(default_factory=time.monotonic)
    _stage_begun: float = field(default_factory=time.monotonic)

    def say(
        self, stage: str, step: int, steps: int, loss: float, psnr: float, message: str = ""
    ) -> None:
        """Report one step; see `Progress` for the arguments."""
        now = time.monotonic()
        if step <= 1:
            self._stage_begun = now
        left = (now - self._stage_begun) / max(step, 1) * (steps - step)
        self.workdir.log(
            stage=stage,
            step=step,
            steps=steps,
            loss=round(loss, 6),
            psnr=None if psnr == float("inf") else round(psnr, 4),
            seconds=round(self.seconds(), 2),
            message=message,
        )
        if self.progress is not None:
            self.progress(Progress(stage, step, steps, loss, psnr, left, message))

    def seconds(self) -> float:
        """Wall-clock seconds since training began."""
        return time.monotonic() - self.begun
