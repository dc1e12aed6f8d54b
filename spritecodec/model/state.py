"""What is trained, and what training has reached: the content of a checkpoint."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from spritecodec.errors import SettingsError, TrainingError
from spritecodec.model.background import (
    WideBackground,
    discover_background,
    draw_background,
    solid_colour,
)
from spritecodec.model.checkpoint import Arrays, Workdir
from spritecodec.model.distributed import Ranks
from spritecodec.model.matching.kernels import Image
from spritecodec.model.matching.match import Dictionary, Reconstruction
from spritecodec.model.presets import Matching, Preset
from spritecodec.model.progress import Reporter
from spritecodec.model.sample import Sample

if TYPE_CHECKING:
    from spritecodec.model.marionette.learn import Learner


@dataclass(frozen=True)
class Task:
    """What does not change while a model is trained.

    Attributes
    ----------
    preset : Preset
    device : torch.device
    seed : int
    ranks : Ranks
    sample : Sample
        Of the clip's frames.
    workdir : Workdir
    reporter : Reporter
    """

    preset: Preset
    device: torch.device
    seed: int
    ranks: Ranks
    sample: Sample
    workdir: Workdir
    reporter: Reporter

    def training(self) -> Sample:
        """The frames that matching explains, evenly spaced in the sample."""
        matching = self.preset.matching or Matching()
        height, width = self.sample.frames.shape[1:3]
        return self.sample.thin(max(matching.frames, matching.pixels // (height * width)))

    def settings(self) -> dict[str, Any]:
        """What a checkpoint must agree with, as JSON values."""
        return {
            "preset": json.loads(json.dumps(dataclasses.asdict(self.preset))),
            "seed": self.seed,
            "frame": list(self.sample.frames.shape[1:3]),
            "sampled": self.sample.index.tolist(),
        }


@dataclass
class State:
    """What training has reached.

    Attributes
    ----------
    colour : ndarray, shape (3,), uint8
        Of the background where nothing else is known.
    background : WideBackground or None
        None where the background is one colour.
    pan : ndarray, shape (f, 2), int32
        x, y of the training frames in the background.
    sprites : ndarray, shape (m, k, k, 4), uint8
        Clear ones are free slots.
    reconstruction : Reconstruction
        The training frames and the placements that explain them.
    round : int
        Rounds of matching done.
    fitted : bool
        Whether sprites and background have been fitted.
    steps : int
        Gradient steps taken.
    seconds : float
        Wall-clock seconds of the runs before this one.
    learner : Learner or None
        The network in training.
    saved_learner : tuple of (arrays, JSON values) or None
        The network's state in the checkpoint.
    """

    colour: NDArray[np.uint8]
    background: WideBackground | None
    pan: NDArray[np.int32]
    sprites: Image
    reconstruction: Reconstruction
    round: int = 0
    fitted: bool = False
    steps: int = 0
    seconds: float = 0.0
    learner: Learner | None = None
    saved_learner: tuple[Arrays, dict[str, Any]] | None = None

    @staticmethod
    def begin(task: Task) -> State:
        """Nothing learnt but the background's first state, from the sample (2.5)."""
        config = task.preset.model
        colour, background = np.zeros(3, np.uint8), None
        pan = np.zeros((len(task.sample.index), 2), np.int32)
        if config.background != "none":
            colour = solid_colour(task.sample, np.random.default_rng(task.seed))
        if config.background in ("learned", "spatial-transformer"):
            background, pan = discover_background(task.sample, task.seed)
        chosen = np.searchsorted(task.sample.index, task.training().index)
        return State(
            colour=colour,
            background=background,
            pan=pan[chosen],
            sprites=np.zeros((config.m, config.k, config.k, 4), np.uint8),
            reconstruction=start_reconstruction(task, colour, background, pan[chosen]),
        )

    @staticmethod
    def resume(task: Task, arrays: Arrays, about: dict[str, Any]) -> State:
        """The state of a checkpoint.

        Raises
        ------
        SettingsError
            The checkpoint is of another clip, preset or seed.
        TrainingError
            It lacks something.
        """
        facts = {"settings", "round", "fitted", "steps", "seconds"} - about.keys()
        lacks = facts | {"colour", "pan", "sprites", "placed", "lengths"} - arrays.keys()
        if lacks:
            raise TrainingError(
                f"the checkpoint in {task.workdir.path} is damaged: it lacks "
                f"{', '.join(sorted(lacks))}; delete it to start anew"
            )
        if about["settings"] != task.settings():
            raise SettingsError(
                f"the checkpoint in {task.workdir.path} is of another clip, preset or seed; "
                "use another directory or start anew"
            )
        background = None
        if "background" in arrays:
            height, width = task.sample.frames.shape[1:3]
            background = WideBackground(arrays["background"], arrays["known"], height, width)
        reconstruction = start_reconstruction(task, arrays["colour"], background, arrays["pan"])
        ends = np.cumsum(arrays["lengths"])[:-1]
        reconstruction.placed = [p.copy() for p in np.split(arrays["placed"], ends)]
        reconstruction.prune(Dictionary(arrays["sprites"], task.device))
        return State(
            colour=arrays["colour"],
            background=background,
            pan=arrays["pan"],
            sprites=arrays["sprites"],
            reconstruction=reconstruction,
            round=about["round"],
            fitted=about["fitted"],
            steps=about["steps"],
            seconds=about["seconds"],
            saved_learner=(arrays, about["learner"]) if "learner" in about else None,
        )

    def save(self, task: Task) -> None:
        """Write a checkpoint."""
        arrays: Arrays = {
            "colour": self.colour,
            "pan": self.pan,
            "sprites": self.sprites,
            "placed": np.concatenate(self.reconstruction.placed),
            "lengths": np.array([len(p) for p in self.reconstruction.placed], dtype=np.int64),
        }
        if self.background is not None:
            arrays["background"] = self.background.pixels
            arrays["known"] = self.background.known
        about: dict[str, Any] = {
            "settings": task.settings(),
            "round": self.round,
            "fitted": self.fitted,
            "steps": self.steps,
            "seconds": self.seconds + task.reporter.seconds(),
        }
        if self.learner is not None:
            values, about["learner"] = self.learner.packed()
            arrays |= values
        task.workdir.save(arrays, about)

    def save_if_due(self, task: Task) -> None:
        """Write a checkpoint where the last one is old enough."""
        if task.workdir.due():
            self.save(task)

    def pruned(self, task: Task, sprites: Image) -> Reconstruction:
        """The placements with other sprites, those that do not pay with them dropped."""
        reconstruction = start_reconstruction(task, self.colour, self.background, self.pan)
        reconstruction.placed = [p.copy() for p in self.reconstruction.placed]
        reconstruction.prune(Dictionary(sprites, task.device))
        return reconstruction


def start_reconstruction(
    task: Task,
    colour: NDArray[np.uint8],
    background: WideBackground | None,
    pan: NDArray[np.int32],
) -> Reconstruction:
    """The training frames over their backgrounds, nothing placed yet."""
    frames = task.training().frames
    back = [draw_background(frames.shape[1:], colour, background, (x, y)) for x, y in pan.tolist()]
    config = task.preset.model
    return Reconstruction(list(frames), back, config.k, config.price, task.device)
