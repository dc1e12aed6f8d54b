"""The fast network against the plain reference, and what each part must do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from reference_model import loss as reference_loss

from spritecodec.clip import ArrayClip
from spritecodec.errors import SettingsError
from spritecodec.model.marionette.compositing import background_shift, place
from spritecodec.model.marionette.learn import Learner, pack_state, propose, unpack_state
from spritecodec.model.marionette.network import Decomposition, Generator, SpriteNetwork
from spritecodec.model.presets import PRESETS, Background, ModelConfig, Phase, Preset
from spritecodec.model.progress import Progress
from spritecodec.model.train import train

SMALL = ModelConfig(m=5, d=16, k=16, layers=2, gated_translation=False, background="solid")


def network(config: ModelConfig, h: int = 32, w: int = 48, spare: int = 5) -> SpriteNetwork:
    torch.manual_seed(0)
    learned = config.background in ("learned", "spatial-transformer")
    texture = torch.rand(3, h + 2, w + spare) if learned else torch.rand(3, 1, 1)
    return SpriteNetwork(config, texture, h, w)


@pytest.mark.parametrize(
    "config",
    [
        SMALL,
        replace(SMALL, background="learned"),
        replace(SMALL, layernorm=False),
        replace(SMALL, k=8, layers=1),
    ],
)
def test_loss_and_gradients_agree_with_the_reference(config: ModelConfig) -> None:
    net = network(config).double()
    frames = torch.rand(2, 3, 32, 48, dtype=torch.float64)
    order = net.random_order(torch.Generator().manual_seed(1))
    mask = torch.ones(32, 48)
    said = net(frames, order)
    fast, _ = net.loss(said, frames, mask, 0.1, 0.005)
    fast.backward()  # type: ignore[no-untyped-call]
    got = {name: p.grad for name, p in net.named_parameters()}
    net.zero_grad()
    plain, picture = reference_loss(net, frames, order, 0.1, 0.005)
    plain.backward()  # type: ignore[no-untyped-call]
    # Softmax, sigmoid and offsets are computed in float32 by the fast version on purpose.
    torch.testing.assert_close(said.picture, picture, rtol=0, atol=2e-6)
    torch.testing.assert_close(fast, plain, rtol=1e-5, atol=1e-8)
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            scale = max(float(parameter.grad.abs().max()), 1e-9)
            torch.testing.assert_close(
                got[name], parameter.grad, rtol=0, atol=1e-3 * scale, msg=name
            )


def test_shapes_of_the_paper() -> None:
    config = ModelConfig(background="solid")
    net = network(config, 64, 96)
    said = net(torch.rand(1, 3, 64, 96), net.fixed_order())
    assert said.picture.shape == (1, 3, 64, 96)
    assert said.scores.shape == (1, 2, 4, 6, 150)
    assert said.switches.shape == (1, 2, 4, 6)
    assert said.offsets.abs().max() <= 16
    torch.testing.assert_close(said.scores.sum(-1), torch.ones(1, 2, 4, 6))


def test_order_inside_a_layer_matters_only_where_sprites_overlap() -> None:
    net = network(SMALL)
    frames = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        one = net(frames, net.fixed_order()).picture
        two = net(frames, net.fixed_order().flip(1)).picture
        assert (one - two).abs().max() > 1e-4
        net.encoder.switch_out.bias.fill_(-50.0)
        one = net(frames, net.fixed_order()).picture
        two = net(frames, net.fixed_order().flip(1)).picture
    torch.testing.assert_close(one, two)


def test_placing_shifts_by_whole_pixels_exactly() -> None:
    sprites = torch.rand(1, 8, 4, 8)
    window = place(sprites, torch.tensor([[3.0, -2.0]]))
    torch.testing.assert_close(window[:, 2:10, :, 7:15], sprites)
    assert window.sum() == pytest.approx(float(sprites.sum()), rel=1e-5)


def test_a_certain_shift_crops_the_texture() -> None:
    texture = torch.rand(3, 12, 20)
    x, y = torch.zeros(1, 5), torch.zeros(1, 3)
    x[0, 4], y[0, 1] = 1, 1
    torch.testing.assert_close(background_shift(texture, x, y)[0], texture[:, 1:11, 4:20])


def test_the_generator_imitates_sprites_at_once() -> None:
    wanted = torch.randint(0, 2, (5, 16, 4, 16)).float()
    torch.manual_seed(0)
    generator = Generator(SMALL)
    generator.imitate(wanted)
    assert (generator() - wanted).abs().max() < 0.5 / 255  # the same 8-bit sprites


def test_padding_does_not_count_in_the_loss() -> None:
    net = network(SMALL)
    frames = torch.rand(1, 3, 32, 48)
    mask = torch.zeros(32, 48)
    mask[:20, :30] = 1
    said = net(frames, net.fixed_order())
    spoilt = frames.clone()
    spoilt[..., 20:, :] = 9.0
    spoilt[..., 30:] = 9.0
    one, _ = net.loss(said, frames, mask, 0.1, 0.1)
    two, _ = net.loss(said, spoilt, mask, 0.1, 0.1)
    assert float(one.detach()) == float(two.detach())


def test_straight_through_switches_are_binary_and_have_a_gradient() -> None:
    net = network(replace(SMALL, straight_through=True))
    frames = torch.rand(1, 3, 32, 48)
    said = net(frames, net.fixed_order())
    ((said.picture - frames) ** 2).sum().backward()
    gradient = net.encoder.switch_out.weight.grad
    assert gradient is not None
    assert gradient.abs().max() > 0


def test_gated_translation_leaves_the_other_sprites_at_their_anchors() -> None:
    net = network(replace(SMALL, gated_translation=True))
    said = net(torch.rand(2, 3, 32, 48), net.fixed_order())
    moved = (said.offsets != 0).any(-1)
    assert int(moved.sum()) == said.switches.numel() // 8


def test_proposals_draw_what_the_hard_network_drew() -> None:
    from spritecodec.model.marionette.learn import hard_sprites
    from spritecodec.model.matching import kernels

    net = network(SMALL)
    frame = np.random.default_rng(0).integers(0, 255, (32, 48, 3)).astype(np.uint8)
    placed, pan = propose(net, frame)
    assert pan == (0, 0)
    sprites = hard_sprites(net)
    drawn = np.empty_like(frame)
    colour = net.background.texture.detach().reshape(3) * 255
    drawn[:] = colour.round().byte().numpy()
    kernels.draw_all(drawn, sprites, kernels.boxes(sprites), placed)
    with torch.no_grad():
        inputs = torch.from_numpy(frame).permute(2, 0, 1)[None] / 255
        said: Decomposition = net(inputs, net.fixed_order(), hard=True)
    wanted = said.picture[0].permute(1, 2, 0) * 255
    assert len(placed) > 0
    assert np.abs(drawn - wanted.numpy()).max() < 8  # 8-bit rounding of many blends


def phases(steps: int) -> tuple[Phase, ...]:
    return (Phase(steps, batch=2, lr=1e-3, crop=24),)


def small_preset(steps: int, background: Background = "solid") -> Preset:
    return replace(
        PRESETS["paper"],
        model=replace(SMALL, k=8, d=8, background=background),
        phases=phases(steps),
    )


def frames_of_blocks() -> np.ndarray:
    rng = np.random.default_rng(0)
    frames = np.full((6, 40, 50, 3), 60, np.uint8)
    for frame in frames:
        x, y = rng.integers(0, 34), rng.integers(0, 24)
        frame[y : y + 12, x : x + 12] = (220, 40, 90)
    return frames


@pytest.mark.parametrize("background", ["solid", "learned", "none", "spatial-transformer"])
def test_training_lowers_the_loss_with_every_background(background: Background) -> None:
    seen: list[Progress] = []
    model = train(
        ArrayClip(frames_of_blocks()),
        small_preset(200, background),
        device="cpu",
        progress=seen.append,
    )
    network_steps = [p for p in seen if p.stage == "network"]
    assert len(network_steps) == 2
    assert network_steps[1].loss < network_steps[0].loss
    assert model.steps == 200
    found = model.discover(ArrayClip(frames_of_blocks()), [0, 3])
    assert np.isfinite(found.psnr)


def test_a_step_that_goes_wrong_is_undone_with_a_lower_rate() -> None:
    preset = small_preset(300)
    texture = np.full((1, 1, 3), 60, np.uint8)
    learner = Learner(preset, frames_of_blocks(), texture, torch.device("cpu"), 0)
    messages: list[str] = []
    poisoned = False

    def report(step: int, steps: int, loss: float, psnr: float, message: str) -> None:
        messages.append(message)
        nonlocal poisoned
        if step == 100 and not poisoned:
            poisoned = True
            with torch.no_grad():
                learner.network.generator.codes[0, 0] = float("nan")

    learner.run(report, lambda: None)
    assert any("back to step 100 with half the learning rate" in m for m in messages)
    assert learner.slower == 0.5
    assert bool(torch.isfinite(learner.network.generator.codes).all())


def test_a_learner_goes_on_where_its_packed_state_stopped() -> None:
    preset = small_preset(200)
    texture = np.full((1, 1, 3), 60, np.uint8)
    first = Learner(preset, frames_of_blocks(), texture, torch.device("cpu"), 0)
    kept = []

    def keep() -> None:
        if first.step == 100:
            arrays, about = pack_state(first.state())
            kept.append(({n: v.copy() for n, v in arrays.items()}, about))

    first.run(lambda *_: None, keep)
    second = Learner(preset, frames_of_blocks(), texture, torch.device("cpu"), 7)
    second.restore(unpack_state(*kept[0]))
    assert second.step == 100
    assert second.run(lambda *_: None, lambda: None) == 100


def test_the_slow_preset_trains_the_network_from_what_matching_found(tmp_path: Path) -> None:
    slow = PRESETS["slow"]
    preset = replace(
        slow, model=replace(SMALL, k=16), phases=phases(20), fit=None, matching=slow.matching
    )
    seen: list[Progress] = []
    model = train(
        ArrayClip(frames_of_blocks()),
        preset,
        device="cpu",
        workdir=tmp_path,
        progress=seen.append,
    )
    assert "sprites are" in seen[-1].message
    assert model.psnr > 40
    assert model.network is None


def test_matched_sprites_stay_until_the_encoder_knows_their_places() -> None:
    frames = frames_of_blocks()
    placed = [np.array([[1, 4, 4]], np.int32) for _ in frames]
    teacher = (placed, np.zeros((len(frames), 2), np.int32))
    texture = np.full((1, 1, 3), 60, np.uint8)
    learner = Learner(small_preset(200), frames, texture, torch.device("cpu"), 0, teacher)
    sprites = [learner.sprites()]
    learner.run(lambda *_: None, lambda: sprites.append(learner.sprites()))
    first, halfway, last = sprites
    assert (halfway == first).all()
    assert (last != halfway).any()


def test_presets_are_the_papers() -> None:
    paper = PRESETS["paper"]
    assert [(p.steps, p.lambda_beta) for p in paper.phases] == [(200_000, 0.002), (10_000, 0.1)]
    assert all(
        (p.batch, p.lr, p.lr_background, p.lambda_sparse) == (4, 1e-4, 1e-3, 0.005)
        for p in paper.phases
    )
    assert (paper.model.m, paper.model.d, paper.model.k, paper.model.layers) == (150, 128, 32, 2)
    assert paper.scaled(0.001).phases[0].steps == 200
    assert not PRESETS["fast"].trains


@pytest.mark.parametrize("wrong", [{"k": 12}, {"m": 0}, {"d": 20}])
def test_impossible_models_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingsError):
        ModelConfig(**wrong)  # type: ignore[arg-type]
