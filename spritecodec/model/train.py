"""Training the sprite model on one clip: from frames to a dictionary and a background.

The clip is sampled within a memory bound; its pan and canvas give the background (2.5); the
matching engine cuts and places sprites; sprites, alpha and background are fitted through the
differentiable renderer; and where the preset says so, the network of the paper is trained
from what matching found.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spritecodec.clip import ArrayClip, Clip
from spritecodec.errors import SettingsError
from spritecodec.metrics import psnr_from_mse
from spritecodec.model.background import Canvas, discover_background, solid_colour
from spritecodec.model.checkpoint import Arrays, Workdir, sheet
from spritecodec.model.decompose import backdrop, decompose
from spritecodec.model.discovery import Discovery
from spritecodec.model.distributed import Ranks
from spritecodec.model.marionette.learn import Learner, pack_state, unpack_state
from spritecodec.model.marionette.network import SpriteNetwork
from spritecodec.model.matching.cut import mine_round
from spritecodec.model.matching.fit import fit
from spritecodec.model.matching.kernels import Image, Rows
from spritecodec.model.matching.match import Dictionary, Pictures
from spritecodec.model.matching.parts import Sightings
from spritecodec.model.presets import Matching, Preset
from spritecodec.model.sample import sample_frames


@dataclass(frozen=True)
class Progress:
    """Where training stands.

    Attributes
    ----------
    stage : str
        ``"background"``, ``"matching"``, ``"fit"`` or ``"network"``.
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
class TrainedModel:
    """A dictionary and a background learnt from a clip.

    Attributes
    ----------
    preset : Preset
    sprites : ndarray, shape (m, k, k, 4), uint8
    codes : ndarray, shape (m, d), float32
    canvas : Canvas or None
    colour : ndarray, shape (3,), uint8
    device : torch.device
    steps : int
        Gradient steps taken.
    seconds : float
        Wall time of training.
    psnr : float
        Decibels of the hard reconstruction of the training frames.
    found : dict of int to (ndarray (p, 3) int32, (int, int))
        Placements (sprite, x, y) and pan of the training frames, by their number in the clip.
    network : SpriteNetwork or None
        Proposes the placements, where the preset trains the network alone.
    """

    preset: Preset
    sprites: Image
    codes: NDArray[np.float32]
    canvas: Canvas | None
    colour: NDArray[np.uint8]
    device: torch.device
    steps: int
    seconds: float
    psnr: float
    found: dict[int, tuple[Rows, tuple[int, int]]]
    network: SpriteNetwork | None = None

    def discover(
        self, clip: Clip, frames: Sequence[int] | NDArray[np.int64] | None = None
    ) -> Discovery:
        """Decompose frames of `clip` with hard selections, switches and whole pixels (2.3).

        Parameters
        ----------
        frames : sequence of int, optional
            Indices of the frames; None means all.

        Raises
        ------
        InputError
            A frame that the clip does not have is asked for.
        """
        return decompose(
            clip,
            frames,
            sprites=self.sprites,
            codes=self.codes,
            canvas=self.canvas,
            colour=self.colour,
            price=self.preset.model.price,
            layers=self.preset.model.layers,
            device=self.device,
            found=self.found,
            network=self.network,
            steps=self.steps,
            seconds=self.seconds,
        )


def pick_device(name: str, ranks: Ranks) -> torch.device:
    """``"auto"`` is the first of cuda, mps and cpu that works; other names as torch's.

    Of several processes, each takes a GPU of its own.

    Raises
    ------
    SettingsError
        The device does not exist here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return pick_device("cuda", ranks)
        alone = ranks.size == 1
        return torch.device("mps" if alone and torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        if name == "cuda" and ranks.size > 1:
            device = torch.device("cuda", ranks.local)
            torch.cuda.set_device(device)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(
            f"the device {name!r} cannot be used here; try --device auto or cpu"
        ) from error
    return device


def principal_codes(sprites: Image, d: int) -> NDArray[np.float32]:
    """Codes of length `d` in which sprites that look alike lie close, shape (m, d).

    The principal components of the premultiplied pixels, for dictionaries that no generator
    stands behind.
    """
    alpha = sprites[..., 3:].astype(np.float32) / 255
    flat = np.concatenate([sprites[..., :3] / 255 * alpha, alpha], axis=-1).reshape(
        len(sprites), -1
    )
    flat = flat - flat.mean(0)
    values, vectors = np.linalg.eigh(flat @ flat.T)
    kept = np.argsort(-values)[:d]
    codes = np.zeros((len(sprites), d), np.float32)
    codes[:, : len(kept)] = vectors[:, kept] * np.sqrt(np.maximum(values[kept], 0))
    return codes


def train(
    clip: Clip,
    preset: Preset,
    *,
    device: str = "auto",
    seed: int = 0,
    workdir: Path | None = None,
    resume: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> TrainedModel:
    """Learn sprites and background from a clip.

    Parameters
    ----------
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``, ...
    seed : int
        The same seed, clip and machine give the same model.
    workdir : Path, optional
        Keeps checkpoints, ``log.jsonl`` and pictures of dictionary and reconstruction.
    resume : bool
        Go on from the checkpoint in `workdir`, if there is one.

    Returns
    -------
    TrainedModel
        Where torchrun started several processes, they share every batch, and each returns
        the same model; only the first one reports progress and writes.

    Raises
    ------
    SettingsError
        The preset trains nothing, the device is missing, or the checkpoint is of other
        settings.
    InputError
        The clip has no frames.
    TrainingError
        The checkpoint is damaged, or training failed beyond repair.
    """
    if not preset.trains:
        raise SettingsError(f"the preset {preset.name!r} trains no model; choose another")
    ranks = Ranks.here()
    chosen = pick_device(device, ranks)
    ranks.join(chosen)
    return _Run(clip, preset, chosen, seed, Workdir(workdir), progress, ranks).go(resume)


class _Run:
    """One run of `train`, stage by stage."""

    def __init__(
        self,
        clip: Clip,
        preset: Preset,
        device: torch.device,
        seed: int,
        workdir: Workdir,
        progress: Callable[[Progress], None] | None,
        ranks: Ranks,
    ) -> None:
        torch.manual_seed(seed)
        self.begun = time.monotonic()
        self.preset = preset
        self.device = device
        self.seed = seed
        self.workdir = workdir
        self.progress = progress if ranks.first else None
        self.ranks = ranks
        self.stage_begun = self.begun
        self.sample = sample_frames(clip)
        self.settings = {
            "preset": json.loads(json.dumps(dataclasses.asdict(preset))),
            "seed": seed,
            "frame": list(self.sample.frames.shape[1:3]),
            "sampled": self.sample.index.tolist(),
        }
        self.colour = np.zeros(3, np.uint8)
        self.canvas: Canvas | None = None
        self.pan = np.zeros((len(self.sample.index), 2), np.int32)
        config = preset.model
        self.sprites: Image = np.zeros((config.m, config.k, config.k, 4), np.uint8)
        self.round = 0
        self.steps = 0
        self.earlier = 0.0
        self.fitted = False
        self.learner: Learner | None = None
        self.restored: tuple[Arrays, dict[str, Any]] | None = None

    def go(self, resume: bool) -> TrainedModel:
        self.restored = self.workdir.load() if resume else None
        if self.restored is None:
            self.background()
        else:
            self.restore(*self.restored)
        pictures = self.pictures()
        if self.restored is not None:
            self.restore_placements(pictures, self.restored[0])
        if not self.ranks.first:
            self.workdir = Workdir(None)
        try:
            if self.preset.matching is not None:
                if self.ranks.first:
                    self.match(pictures)
                self.agree(pictures)
            if self.preset.fit is not None and not self.fitted:
                self.fit(pictures)
            if self.preset.phases:
                self.learn(pictures)
        except KeyboardInterrupt:
            self.save(pictures)
            raise
        self.save(pictures)
        model = TrainedModel(
            preset=self.preset,
            sprites=self.sprites,
            codes=principal_codes(self.sprites, self.preset.model.d),
            canvas=self.canvas,
            colour=self.colour,
            device=self.device,
            steps=self.steps,
            seconds=0.0,
            psnr=psnr_from_mse(pictures.error()),
            found={
                t: (rows, (x, y))
                for t, rows, (x, y) in zip(
                    self.training.index.tolist(),
                    pictures.placed,
                    self.training_pan.tolist(),
                    strict=True,
                )
            },
        )
        if self.learner is not None:
            with torch.no_grad():
                model.codes = self.learner.network.generator.normal_codes().float().cpu().numpy()
            if self.preset.matching is None:
                model.network = self.learner.network
                some = self.sample.thin(32).frames
                model.psnr = model.discover(ArrayClip(some)).psnr
        model.seconds = self.earlier + time.monotonic() - self.begun
        return model

    def say(
        self, stage: str, step: int, steps: int, loss: float, psnr: float, message: str = ""
    ) -> None:
        """Report progress and log it."""
        now = time.monotonic()
        if step <= 1:
            self.stage_begun = now
        left = (now - self.stage_begun) / max(step, 1) * (steps - step)
        self.workdir.log(
            stage=stage,
            step=step,
            steps=steps,
            loss=round(loss, 6),
            psnr=None if psnr == float("inf") else round(psnr, 4),
            seconds=round(now - self.begun, 2),
            message=message,
        )
        if self.progress is not None:
            self.progress(Progress(stage, step, steps, loss, psnr, left, message))

    def background(self) -> None:
        """The background's first state, from the clip (2.5)."""
        model = self.preset.model
        if model.background != "none":
            self.colour = solid_colour(self.sample, np.random.default_rng(self.seed))
        if model.background in ("learned", "spatial-transformer"):
            self.canvas, self.pan = discover_background(self.sample, self.seed)

    def pictures(self) -> Pictures:
        """The training frames over their backgrounds, nothing placed yet."""
        wanted = self.preset.matching or Matching()
        h, w = self.sample.frames.shape[1:3]
        self.training = self.sample.thin(max(wanted.frames, wanted.pixels // (h * w)))
        rows = np.searchsorted(self.sample.index, self.training.index)
        self.training_pan = self.pan[rows]
        return self.over_background()

    def over_background(self) -> Pictures:
        """Training frames over the background as it is now."""
        shape = self.sample.frames.shape[1:]
        back = [
            backdrop(shape, self.colour, self.canvas, (int(x), int(y)))
            for x, y in self.training_pan
        ]
        return Pictures(
            list(self.training.frames),
            back,
            self.preset.model.k,
            self.preset.model.price,
            self.device,
        )

    def match(self, pictures: Pictures) -> None:
        """Rounds of the matching engine, until nothing pays or no round gains any more."""
        assert self.preset.matching is not None
        rounds, m = self.preset.matching.rounds, self.preset.model.m
        if self.round >= rounds:  # resumed after the last one
            return
        sightings = Sightings.of(self.sample.frames)
        best = pictures.error()
        stale = 0
        while self.round < rounds and stale < 2:
            self.sprites, added = mine_round(
                pictures, sightings, self.sprites, max(8, 2 * m // rounds)
            )
            self.round += 1
            error = pictures.error()
            stale = 0 if error < 0.98 * best else stale + 1
            best = min(best, error)
            self.say("matching", self.round, rounds, error, psnr_from_mse(error))
            self.keep_pictures(pictures, f"matching-{self.round:02d}")
            if self.workdir.due():
                self.save(pictures)
            if not added or error == 0:
                break
        self.round = rounds
        # The rounds searched for new sprites only; older ones may explain more by now.
        dictionary = Dictionary(self.sprites, self.device)
        pictures.explain(dictionary, np.flatnonzero(dictionary.box[:, 1] > 0))

    def agree(self, pictures: Pictures) -> None:
        """Go on from what the first process found."""
        if self.ranks.size > 1:
            names = ("back", "placed", "drawn", "worth")
            found = self.sprites, self.round, [getattr(pictures, name) for name in names]
            self.sprites, self.round, values = self.ranks.same(found)
            for name, value in zip(names, values, strict=True):
                setattr(pictures, name, value)

    def fit(self, pictures: Pictures) -> None:
        """Sprites, alpha and texture by gradient; kept where the hard pictures gain."""
        settings = self.preset.fit
        assert settings is not None
        error = pictures.error()
        if error > 0:

            def report(step: int, mse: float) -> None:
                if step % 20 == 0 or step == settings.steps:
                    self.say("fit", step, settings.steps, mse, psnr_from_mse(mse))

            texture = None if self.canvas is None else self.canvas.pixels
            sprites, texture = fit(
                pictures,
                self.sprites,
                texture,
                self.training_pan,
                settings,
                self.seed,
                report,
                self.ranks,
            )
            self.steps += settings.steps
            before = self.sprites, self.canvas
            if self.canvas is not None and texture is not None:
                self.canvas = replace(self.canvas, pixels=texture)
            fitted = self.over_background()
            fitted.placed = [p.copy() for p in pictures.placed]
            fitted.prune(Dictionary(sprites, self.device))
            if fitted.error() < 0.99 * error:
                self.sprites = sprites
                for name in ("back", "placed", "drawn", "worth"):
                    setattr(pictures, name, getattr(fitted, name))
            else:
                self.sprites, self.canvas = before
        self.fitted = True

    def learn(self, pictures: Pictures) -> None:
        """Train the network, from what matching found where there is that."""
        matched = self.preset.matching is not None
        texture = self.colour.reshape(1, 1, 3)
        if self.canvas is not None:
            texture = self.canvas.pixels if matched else np.full_like(self.canvas.pixels, 128)
        teacher = (pictures.placed, self.training_pan) if matched else None
        frames = self.training.frames if matched else self.sample.frames
        self.learner = Learner(
            self.preset, frames, texture, self.device, self.seed, teacher, self.ranks
        )
        if matched:
            wanted = torch.from_numpy(self.sprites.astype(np.float32) / 255).to(self.device)
            self.learner.network.generator.imitate(wanted.permute(0, 1, 3, 2))
        if self.restored is not None and "learner" in self.restored[1]:
            arrays, about = self.restored
            self.learner.restore(unpack_state(arrays, about["learner"]))

        def report(step: int, steps: int, loss: float, psnr: float, message: str) -> None:
            self.say("network", step, steps, loss, psnr, message)
            self.workdir.picture(f"dictionary-network-{step:06d}", sheet(self.learnt_sprites()))

        def keep() -> None:
            if self.workdir.due():
                self.save(pictures)

        self.steps += self.learner.run(report, keep)
        learnt = self.learnt_sprites()
        if not matched:
            self.sprites = learnt
            if self.canvas is not None:
                values = self.learner.network.background.texture.detach().clamp(0, 1)
                pixels = (values.permute(1, 2, 0) * 255).round().to(torch.uint8).cpu().numpy()
                self.canvas = replace(self.canvas, pixels=pixels)
            return
        tried = self.over_background()
        tried.placed = [p.copy() for p in pictures.placed]
        tried.prune(Dictionary(learnt, self.device))
        error, before = tried.error(), pictures.error()
        if error < before:
            self.sprites = learnt
            for name in ("placed", "drawn", "worth"):
                setattr(pictures, name, getattr(tried, name))
        verdict = "kept" if error < before else "left: matching's are better"
        message = f"the network's sprites are {verdict}"
        self.say("network", 1, 1, error, psnr_from_mse(error), message)

    def learnt_sprites(self) -> Image:
        """The network's dictionary, 8-bit."""
        assert self.learner is not None
        return self.learner.sprites()

    def keep_pictures(self, pictures: Pictures, name: str) -> None:
        """Dictionary and a reconstruction beside its frame, in the workdir."""
        middle = len(pictures.frames) // 2
        self.workdir.picture(f"dictionary-{name}", sheet(self.sprites))
        both = np.hstack([pictures.frames[middle], pictures.drawn[middle]])
        self.workdir.picture(f"reconstruction-{name}", both)

    def save(self, pictures: Pictures) -> None:
        """Write a checkpoint."""
        arrays: Arrays = {
            "colour": self.colour,
            "pan": self.pan,
            "sprites": self.sprites,
            "placed": np.concatenate(pictures.placed),
            "lengths": np.array([len(p) for p in pictures.placed], dtype=np.int64),
        }
        if self.canvas is not None:
            arrays["canvas"] = self.canvas.pixels
            arrays["known"] = self.canvas.known
        about: dict[str, Any] = {
            "settings": self.settings,
            "round": self.round,
            "fitted": self.fitted,
            "steps": self.steps,
            "seconds": self.earlier + time.monotonic() - self.begun,
        }
        if self.learner is not None:
            values, about["learner"] = pack_state(self.learner.state())
            arrays |= values
        self.workdir.save(arrays, about)

    def restore(self, arrays: Arrays, about: dict[str, Any]) -> None:
        """Take the state of a checkpoint, all but the placements."""
        if about["settings"] != self.settings:
            raise SettingsError(
                f"the checkpoint in {self.workdir.path} is of another clip, preset or seed; "
                "use another directory or start anew"
            )
        self.colour, self.pan, self.sprites = arrays["colour"], arrays["pan"], arrays["sprites"]
        if "canvas" in arrays:
            h, w = self.sample.frames.shape[1:3]
            self.canvas = Canvas(arrays["canvas"], arrays["known"], h, w)
        self.round, self.steps = about["round"], about["steps"]
        self.fitted = about["fitted"]
        self.earlier = about["seconds"]

    def restore_placements(self, pictures: Pictures, arrays: Arrays) -> None:
        """Put a checkpoint's placements back."""
        ends = np.cumsum(arrays["lengths"])[:-1]
        pictures.placed = [p.copy() for p in np.split(arrays["placed"], ends)]
        pictures.prune(Dictionary(self.sprites, self.device))
