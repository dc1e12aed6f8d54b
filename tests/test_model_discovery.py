"""Discovery end to end on small drawn clips: train, decompose, harden, render."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from spritecodec.clip import ArrayClip
from spritecodec.errors import InputError, SettingsError, TrainingError
from spritecodec.harden import harden
from spritecodec.metrics import psnr
from spritecodec.model.checkpoint import Workdir
from spritecodec.model.matching.match import Dictionary, Reconstruction
from spritecodec.model.presets import PRESETS, Background, Matching, Preset
from spritecodec.model.progress import Progress
from spritecodec.model.train import train
from spritecodec.model.trained import TrainedModel
from spritecodec.render import Renderer

SKY = (90, 140, 250)


def preset(background: Background, k: int = 16, m: int = 12) -> Preset:
    default = PRESETS["default"]
    model = replace(default.model, m=m, k=k, background=background)
    return replace(default, model=model, matching=Matching(frames=16, pixels=0, rounds=5))


def things(rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Three round sprites, shape (12, 12, 4), each of its own colours."""
    rows, columns = np.indices((12, 12)) - 5.5
    found = []
    for _ in range(3):
        sprite = np.zeros((12, 12, 4), np.uint8)
        sprite[..., :3] = rng.integers(0, 2, (12, 12, 1)) * 30 + rng.integers(0, 130, 3)
        sprite[..., 3] = np.where(np.hypot(rows, columns) < 6, 255, 0)
        found.append(sprite)
    return found


def game(count: int, pan: int, seed: int = 3) -> NDArray[np.uint8]:
    """Three sprites in motion; over the sky (pan 0) or over blocks panning by `pan`."""
    rng = np.random.default_rng(seed)
    h, w = 48, 64
    world = np.empty((h, w + 2 * count * pan, 3), np.uint8)
    world[:] = SKY
    if pan:
        for x in range(0, world.shape[1], 7):
            for y in range(0, h, 6):
                world[y : y + 5, x : x + 6] = rng.integers(0, 255, 3)
    sprites = things(rng)
    frames = np.empty((count, h, w, 3), np.uint8)
    for t in range(count):
        frames[t] = world[:, t * pan : t * pan + w]
        for i, sprite in enumerate(sprites):
            x, y = (5 + 13 * i + (i + 1) * t) % (w - 12), (4 + 15 * i + t) % (h - 12)
            area = frames[t, y : y + 12, x : x + 12]
            area[sprite[..., 3] > 0] = sprite[sprite[..., 3] > 0][:, :3]
    return frames


@pytest.fixture(scope="module")
def plain() -> tuple[NDArray[np.uint8], TrainedModel]:
    frames = game(24, 0)
    return frames, train(ArrayClip(frames), preset("solid"), device="cpu")


def test_sprites_over_a_solid_colour_are_found(
    plain: tuple[NDArray[np.uint8], TrainedModel],
) -> None:
    frames, model = plain
    found = model.discover(ArrayClip(frames))
    assert tuple(found.colour) == SKY
    assert found.background is None
    assert found.psnr > 40
    assert len(found.sprite) < 6 * len(frames)
    assert found.sprites.shape == (12, 16, 16, 4)


def test_frames_known_from_training_start_from_its_placements(
    plain: tuple[NDArray[np.uint8], TrainedModel],
) -> None:
    frames, model = plain
    known = sorted(model.found)
    alone = [model.discover(ArrayClip(frames), [t]) for t in known]
    assert np.mean([10 ** (-f.psnr / 10) for f in alone]) <= 1.001 * 10 ** (-model.psnr / 10)
    # Of another clip they are no help, and must do no harm.
    other = model.discover(ArrayClip(frames[::-1]), known)
    assert other.psnr > 40


def test_the_scene_draws_what_was_discovered(
    plain: tuple[NDArray[np.uint8], TrainedModel],
) -> None:
    frames, model = plain
    clip = ArrayClip(frames, Fraction(30))
    found = model.discover(clip)
    scene = harden(found, width=64, height=48, pts=np.arange(len(frames)), time_base=clip.time_base)
    drawn = np.stack(list(Renderer(scene).frames()))
    assert psnr(drawn, frames) == pytest.approx(found.psnr, abs=1e-6)
    assert len(scene.tracks) < len(scene.tracks.x) / 4
    assert all(s[0, :, 3].any() and s[:, 0, 3].any() for s in scene.sprites)


def test_a_panning_background_becomes_one_texture() -> None:
    frames = game(24, 3)
    model = train(ArrayClip(frames), preset("learned"), device="cpu")
    found = model.discover(ArrayClip(frames), range(4, 20))
    assert found.frames.tolist() == list(range(4, 20))
    assert np.diff(found.pan[:, 0]).tolist() == [3] * 15
    assert np.ptp(found.pan[:, 1]) == 0
    assert found.background is not None
    assert found.background.shape[1] == 64 + 23 * 3
    assert found.psnr > 30
    scene = harden(found, width=64, height=48, pts=np.arange(16), time_base=Fraction(1, 60))
    drawn = np.stack(list(Renderer(scene).frames()))
    assert psnr(drawn, frames[4:20]) == pytest.approx(found.psnr, abs=1e-6)


def test_the_same_seed_gives_the_same_model(
    plain: tuple[NDArray[np.uint8], TrainedModel],
) -> None:
    frames, model = plain
    again = train(ArrayClip(frames), preset("solid"), device="cpu")
    assert np.array_equal(model.sprites, again.sprites)


def test_an_interrupted_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    frames = game(24, 2)
    wanted = preset("learned")

    def interrupt(progress: Progress) -> None:
        if progress.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(ArrayClip(frames), wanted, device="cpu", workdir=tmp_path, progress=interrupt)
    steps: list[int] = []
    train(
        ArrayClip(frames),
        wanted,
        device="cpu",
        workdir=tmp_path,
        resume=True,
        progress=lambda p: steps.append(p.step),
    )
    assert min(steps) == 3
    assert (tmp_path / "dictionary-matching-01.png").exists()
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2 + len(steps)


def test_a_checkpoint_of_another_seed_is_refused(tmp_path: Path) -> None:
    frames = game(6, 0)
    train(ArrayClip(frames), preset("solid"), device="cpu", workdir=tmp_path)
    with pytest.raises(SettingsError, match="another clip, preset or seed"):
        train(
            ArrayClip(frames), preset("solid"), device="cpu", seed=1, workdir=tmp_path, resume=True
        )


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.safetensors").write_bytes(b"not a checkpoint")
    with pytest.raises(TrainingError, match="damaged"):
        train(ArrayClip(game(6, 0)), preset("solid"), device="cpu", workdir=tmp_path, resume=True)


@pytest.mark.parametrize("about", [{}, {"settings": "?", "round": 1}])
def test_a_checkpoint_without_its_facts_is_refused(tmp_path: Path, about: dict[str, Any]) -> None:
    Workdir(tmp_path).save({"colour": np.zeros(3, np.uint8)}, about)
    with pytest.raises(TrainingError, match=r"it lacks fitted, lengths, .*; delete it to start"):
        train(ArrayClip(game(6, 0)), preset("solid"), device="cpu", workdir=tmp_path, resume=True)
    save_file({"colour": np.zeros(3, np.uint8)}, tmp_path / "checkpoint.safetensors")
    with pytest.raises(TrainingError, match="is damaged; delete it to start"):
        train(ArrayClip(game(6, 0)), preset("solid"), device="cpu", workdir=tmp_path, resume=True)


def test_a_clip_from_which_no_sprite_is_cut() -> None:
    frames = [*np.random.default_rng(3).integers(0, 256, (2, 3, 3, 3), np.uint8)]
    device = torch.device("cpu")
    nothing = Dictionary(np.zeros((4, 32, 32, 4), np.uint8), device)
    reconstruction = Reconstruction(frames, [np.zeros_like(f) for f in frames], 32, 1.0, device)
    before = reconstruction.error()
    reconstruction.explain(nothing, np.zeros(0, np.int64))
    assert reconstruction.error() == before > 0
    assert [len(p) for p in reconstruction.placed] == [0, 0]


def test_what_cannot_be_asked_for() -> None:
    clip = ArrayClip(game(6, 0))
    with pytest.raises(SettingsError, match="trains no model"):
        train(clip, PRESETS["fast"])
    with pytest.raises(SettingsError, match="device"):
        train(clip, preset("solid"), device="nonsense")
    model = train(clip, preset("solid"), device="cpu")
    with pytest.raises(InputError, match="has 6 frames"):
        model.discover(clip, [2, 6])


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (5, 40)])
def test_odd_and_tiny_pictures(shape: tuple[int, int]) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (3, *shape, 3)).astype(np.uint8)
    model = train(ArrayClip(frames), preset("learned"), device="cpu")
    found = model.discover(ArrayClip(frames))
    scene = harden(
        found, width=shape[1], height=shape[0], pts=np.arange(3), time_base=Fraction(1, 60)
    )
    drawn = np.stack(list(Renderer(scene).frames()))
    assert psnr(drawn, frames) == pytest.approx(found.psnr, abs=1e-6)
