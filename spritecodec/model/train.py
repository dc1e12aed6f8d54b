"""Training the sprite model on one clip: from frames to a dictionary and a background.

    sample -> background (2.5) -> match -> fit -> learn -> TrainedModel

The clip is sampled within a memory bound. The matching engine cuts and places sprites. Sprites,
alpha and background are fitted through the differentiable renderer. Where the preset says so,
the network of the paper is trained from what matching found. After each stage a run can be
interrupted and resumed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from spritecodec.clip import ArrayClip, Clip
from spritecodec.errors import SettingsError
from spritecodec.metrics import psnr_from_mse
from spritecodec.model.checkpoint import Workdir, sheet
from spritecodec.model.distributed import Ranks, pick_device
from spritecodec.model.matching.cut import mine_round
from spritecodec.model.matching.fit import fit
from spritecodec.model.matching.match import Dictionary
from spritecodec.model.matching.parts import Sightings
from spritecodec.model.presets import Preset
from spritecodec.model.progress import Progress, Reporter
from spritecodec.model.sample import sample_frames
from spritecodec.model.state import State, Task
from spritecodec.model.trained import TrainedModel

MIN_ROUND_GAIN = 0.02
"""Share of the error that a round of matching must take away to count as progress."""
PATIENCE = 2
"""Matching stops after so many rounds in a row without progress."""
MIN_FIT_GAIN = 0.01
"""Share of the error that the fit must take away to be kept."""
FIT_REPORT_PERIOD = 20
"""Steps of the fit between reports."""
NETWORK_TEST_FRAMES = 32
"""Frames on which a network that proposes placements itself is measured."""
UNKNOWN_GREY = 128
"""Level of a background that the network learns from nothing."""


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
    clip : Clip
        Read once.
    preset : Preset
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``, ...
    seed : int
        The same seed, clip and machine give the same model.
    workdir : Path, optional
        Keeps checkpoints, ``log.jsonl`` and pictures of dictionary and reconstruction.
    resume : bool
        Continue from the checkpoint in `workdir`, if there is one.
    progress : callable, optional
        Called with a `Progress` after each step that is reported.

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
    torch.manual_seed(seed)
    folder = Workdir(workdir)
    saved = folder.load() if resume else None
    if not ranks.first:
        folder, progress = Workdir(None), None
    reporter = Reporter(folder, progress)
    task = Task(preset, chosen, seed, ranks, sample_frames(clip), folder, reporter)
    state = State.begin(task) if saved is None else State.resume(task, *saved)
    try:
        for stage in (match, fit_sprites, learn):
            stage(task, state)
    except KeyboardInterrupt:
        state.save(task)
        raise
    state.save(task)
    return finish(task, state)


def match(task: Task, state: State) -> None:
    """Rounds of matching, until nothing pays or no round makes progress any more.

    The first process alone matches; the others take over what it found.
    """
    if task.preset.matching is None:
        return
    if task.ranks.first and state.round < task.preset.matching.rounds:
        match_rounds(task, state, task.preset.matching.rounds)
    reconstruction = state.reconstruction
    found = (
        state.sprites,
        state.round,
        reconstruction.placed,
        reconstruction.drawn,
        reconstruction.worth,
    )
    (
        state.sprites,
        state.round,
        reconstruction.placed,
        reconstruction.drawn,
        reconstruction.worth,
    ) = task.ranks.same(found)


def match_rounds(task: Task, state: State, rounds: int) -> None:
    """At most `rounds` rounds in all; then a search with the whole dictionary."""
    reconstruction = state.reconstruction
    sightings = Sightings.of(task.sample.frames)
    most_new = max(8, 2 * task.preset.model.m // rounds)
    best = reconstruction.error()
    stale = 0
    while state.round < rounds and stale < PATIENCE:
        state.sprites, added = mine_round(reconstruction, sightings, state.sprites, most_new)
        state.round += 1
        error = reconstruction.error()
        stale = 0 if error < (1 - MIN_ROUND_GAIN) * best else stale + 1
        best = min(best, error)
        task.reporter.say("matching", state.round, rounds, error, psnr_from_mse(error))
        keep_pictures(task, state, f"matching-{state.round:02d}")
        state.save_if_due(task)
        if not added or error == 0:
            break
    state.round = rounds
    # The rounds searched for new sprites only; older ones may explain more by now.
    dictionary = Dictionary(state.sprites, task.device)
    reconstruction.explain(dictionary, np.flatnonzero(dictionary.box[:, 1] > 0))


def fit_sprites(task: Task, state: State) -> None:
    """Sprites, alpha and background by gradient; kept where the hard reconstruction gains."""
    settings = task.preset.fit
    if settings is None or state.fitted:
        return
    state.fitted = True
    error = state.reconstruction.error()
    if error == 0:
        return
    steps = settings.steps

    def report(step: int, mse: float) -> None:
        if step % FIT_REPORT_PERIOD == 0 or step == steps:
            task.reporter.say("fit", step, steps, mse, psnr_from_mse(mse))

    background = state.background
    pixels = None if background is None else background.pixels
    sprites, pixels = fit(
        state.reconstruction,
        state.sprites,
        pixels,
        state.pan,
        settings,
        task.seed,
        report,
        task.ranks,
    )
    state.steps += steps
    if background is not None and pixels is not None:
        state.background = replace(background, pixels=pixels)
    fitted = state.pruned(task, sprites)
    if fitted.error() < (1 - MIN_FIT_GAIN) * error:
        state.sprites, state.reconstruction = sprites, fitted
    else:
        state.background = background


def learn(task: Task, state: State) -> None:
    """Train the network, from what matching found where there is that."""
    if not task.preset.phases:
        return
    from spritecodec.model.marionette.learn import Learner, unpack_state

    matched = task.preset.matching is not None
    texture = state.colour.reshape(1, 1, 3)
    if state.background is not None:
        pixels = state.background.pixels
        texture = pixels if matched else np.full_like(pixels, UNKNOWN_GREY)
    teacher = (state.reconstruction.placed, state.pan) if matched else None
    frames = task.training().frames if matched else task.sample.frames
    learner = Learner(task.preset, frames, texture, task.device, task.seed, teacher, task.ranks)
    if matched:
        wanted = torch.from_numpy(state.sprites.astype(np.float32) / 255).to(task.device)
        learner.network.generator.imitate(wanted.permute(0, 1, 3, 2))
    if state.saved_learner is not None:
        learner.restore(unpack_state(*state.saved_learner))
    state.learner = learner

    def report(step: int, steps: int, loss: float, psnr: float, message: str) -> None:
        task.reporter.say("network", step, steps, loss, psnr, message)
        task.workdir.picture(f"dictionary-network-{step:06d}", sheet(learner.sprites()))

    state.steps += learner.run(report, lambda: state.save_if_due(task))
    if matched:
        take_if_better(task, state, learner.sprites())
        return
    state.sprites = learner.sprites()
    if state.background is not None:
        learnt = learner.network.background.hard_texture()
        state.background = replace(state.background, pixels=learnt)


def take_if_better(task: Task, state: State, sprites: np.ndarray) -> None:
    """Take the network's sprites where they explain the frames better than matching's."""
    tried = state.pruned(task, sprites)
    error = tried.error()
    better = error < state.reconstruction.error()
    if better:
        state.sprites, state.reconstruction = sprites, tried
    verdict = "kept" if better else "left: matching's are better"
    message = f"the network's sprites are {verdict}"
    task.reporter.say("network", 1, 1, error, psnr_from_mse(error), message)


def keep_pictures(task: Task, state: State, name: str) -> None:
    """Write the dictionary, and a frame beside its reconstruction, to the work directory."""
    reconstruction = state.reconstruction
    middle = len(reconstruction.frames) // 2
    task.workdir.picture(f"dictionary-{name}", sheet(state.sprites))
    both = np.hstack([reconstruction.frames[middle], reconstruction.drawn[middle]])
    task.workdir.picture(f"reconstruction-{name}", both)


def finish(task: Task, state: State) -> TrainedModel:
    """What was learnt, for decomposing frames."""
    pan = [(x, y) for x, y in state.pan.tolist()]
    found = zip(task.training().index.tolist(), state.reconstruction.placed, pan, strict=True)
    model = TrainedModel(
        preset=task.preset,
        sprites=state.sprites,
        background=state.background,
        colour=state.colour,
        device=task.device,
        steps=state.steps,
        seconds=state.seconds + task.reporter.seconds(),
        psnr=psnr_from_mse(state.reconstruction.error()),
        found={t: (placed, pan) for t, placed, pan in found},
    )
    if state.learner is None or task.preset.matching is not None:
        return model
    model = replace(model, network=state.learner.network)
    some = ArrayClip(task.sample.thin(NETWORK_TEST_FRAMES).frames)
    psnr = model.discover(some).psnr
    return replace(model, psnr=psnr, seconds=state.seconds + task.reporter.seconds())
