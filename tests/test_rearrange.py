"""Cutting and joining: every frame stays as it is, nothing is encoded again."""

from __future__ import annotations

import dataclasses
import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import spr_files
from test_sound import RATE, pcm, samples_of, tone
from video_makers import few_colours

import spritecodec as sc
from spritecodec import cli
from spritecodec.clip import ArrayClip
from spritecodec.render import Renderer
from spritecodec.scene import Residual
from spritecodec.scene_part import part_of, seen_boxes, without_unseen

COUNT = 30


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second at 30 frames a second with sound."""
    target = tmp_path_factory.mktemp("game") / "game.spr"
    frames = np.repeat(few_colours(COUNT // 3, 16, 24), 3, axis=0)
    sc.encode(ArrayClip(frames, Fraction(30), audio=(pcm(tone()),)), target, preset="fast")
    return target


def frames_of(path: Path) -> np.ndarray:
    with sc.open(path) as reader:
        reader.verify()
        return reader[:]


def sound_of(path: Path, folder: Path) -> np.ndarray:
    sc.decode(path, folder / "sound.wav", overwrite=True)
    return samples_of(folder / "sound.wav")[1]


@pytest.mark.parametrize("moving", [False, True])
def test_any_part_of_a_scene_is_drawn_as_before(moving: bool) -> None:
    with sc.open(io.BytesIO(spr_files.small_file())) as reader:
        scene = reader.scene(0)
    if moving:
        scene = _with_moving_patches(scene)
    whole = [Renderer(scene).frame(t).copy() for t in range(len(scene))]
    for a in range(len(scene)):
        for b in range(a + 1, len(scene) + 1):
            part = part_of(scene, a, b)
            part = without_unseen(part, seen_boxes([part]))
            assert len(part) == b - a
            for t in range(b - a):
                np.testing.assert_array_equal(Renderer(part).frame(t), whole[a + t])
            assert (np.diff(part.residual.start) >= 0).all()
            right = part.residual.x + part.residual.width
            assert (part.residual.x >= 0).all()
            assert (right <= scene.width).all()


def _with_moving_patches(scene: sc.Scene) -> sc.Scene:
    """Two patches that overlap and move out of the screen with a layer."""
    pan = np.zeros((len(scene), 2), np.int32)
    pan[:, 0] = 3 * np.arange(len(scene))
    layer = dataclasses.replace(scene.layers[0], pan=pan)
    pixels = np.zeros((32, 4), np.uint8)
    pixels[:16] = 200, 10, 10, 255
    pixels[16:] = 10, 200, 10, 255
    fours = np.array([4, 4], np.int32)
    residual = Residual(
        start=np.array([0, 1], np.int32),
        length=np.array([len(scene), len(scene) - 1], np.int32),
        layer=np.zeros(2, np.int32),
        x=np.array([8, 7], np.int32),
        y=np.array([2, 3], np.int32),
        width=fours,
        height=fours,
        first=np.array([0, 16, 32]),
        pixels=pixels,
    )
    return dataclasses.replace(scene, layers=(layer, *scene.layers[1:]), residual=residual)


def test_a_cut_has_the_frames_and_the_sound_of_its_time(game: Path, tmp_path: Path) -> None:
    target = tmp_path / "part.spr"
    report = sc.cut(game, target, "0.2", "27f")
    assert report.frames == 21
    assert report.size == target.stat().st_size
    np.testing.assert_array_equal(frames_of(target), frames_of(game)[6:27])
    with sc.open(target) as reader:
        assert reader.pts.tolist() == list(range(21))
        assert reader.head.lossless
    wanted = tone()[RATE * 6 // 30 : RATE * 27 // 30]
    np.testing.assert_array_equal(sound_of(target, tmp_path), wanted)


def test_what_was_cut_joins_to_what_it_was(
    game: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, both = (str(tmp_path / f"{name}.spr") for name in ("one", "two", "both"))
    assert cli.run(["cut", str(game), one, "--to", "0:00.4"]) == 0
    assert cli.run(["cut", str(game), two, "--from", "12f", "--json"]) == 0
    assert cli.run(["join", one, two, both]) == 0
    assert f"{COUNT} frames" in capsys.readouterr().out
    np.testing.assert_array_equal(frames_of(Path(both)), frames_of(game))
    with sc.open(both) as reader, sc.open(game) as old:
        np.testing.assert_array_equal(reader.timestamps, old.timestamps)
        assert len(reader.segments) == 2
    np.testing.assert_array_equal(sound_of(Path(both), tmp_path), tone())


def test_joined_files_share_their_pictures(game: Path, tmp_path: Path) -> None:
    sc.join([game] * 4, tmp_path / "four.spr", audio="none")
    with sc.open(tmp_path / "four.spr") as four, sc.open(game) as one:
        assert len(four) == 4 * COUNT
        assert four.breakdown()["dictionary"] == one.breakdown()["dictionary"]
        assert four.breakdown()["background"] == one.breakdown()["background"]
        assert not four.audio
        assert four.duration == pytest.approx(4 * one.duration)


def test_clocks_of_several_kinds_are_joined(tmp_path: Path) -> None:
    for name, rate in (("a", 25), ("b", 30)):
        clip = ArrayClip(few_colours(5, 16, 16), Fraction(rate))
        sc.encode(clip, tmp_path / f"{name}.spr", preset="fast")
    sc.join([tmp_path / "a.spr", tmp_path / "b.spr"], tmp_path / "c.spr")
    with sc.open(tmp_path / "c.spr") as reader:
        steps = np.diff(reader.timestamps)
    np.testing.assert_allclose(steps, [1 / 25] * 5 + [1 / 30] * 4)


def test_a_file_whose_quality_is_stated_states_none_for_a_part(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noisy = rng.integers(0, 8, (6, 24, 24, 3), dtype=np.uint8) + few_colours(1, 24, 24)
    sc.encode(noisy, tmp_path / "lossy.spr", preset="fast", quality=30.0)
    report = sc.cut(tmp_path / "lossy.spr", tmp_path / "part.spr", stop=3)
    assert "states no PSNR" in report.notes[0]
    with sc.open(tmp_path / "part.spr") as part, sc.open(tmp_path / "lossy.spr") as whole:
        assert part.head.quality is None
        np.testing.assert_array_equal(part[:], whole[:3])


def test_what_cannot_be_cut_or_joined(
    game: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sc.encode(few_colours(2, 8, 8), tmp_path / "small.spr", preset="fast")
    target = tmp_path / "out.spr"
    cases = [
        (["join", str(game), str(tmp_path / "small.spr"), str(target)], 3, "files of one size"),
        (["join", str(game), str(game)], 2, "is source and target"),
        (["cut", str(game), str(game), "--overwrite"], 2, "is source and target"),
        (["cut", str(game), str(target), "--from", "0:05"], 2, "is empty"),
        (["cut", str(game), str(tmp_path / "small.spr")], 4, "exists"),
    ]
    for words, code, said in cases:
        assert cli.run(words) == code
        assert said in capsys.readouterr().err
        assert not target.exists()
    with pytest.raises(sc.SettingsError, match="a list of"):
        sc.join(str(game), target)  # type: ignore[arg-type]


def test_sound_of_several_kinds_is_refused_or_converted(game: Path, tmp_path: Path) -> None:
    frames = few_colours(3, 16, 24)
    clip = ArrayClip(frames, Fraction(30), audio=(pcm(tone(0.1)),))
    sc.encode(clip, tmp_path / "opus.spr", preset="fast", audio="opus")
    both = [game, tmp_path / "opus.spr"]
    with pytest.raises(sc.InputError, match="convert it to one kind"):
        sc.join(both, tmp_path / "both.spr")
    sc.join(both, tmp_path / "both.spr", audio="opus")
    with sc.open(tmp_path / "both.spr") as reader:
        (stream,) = reader.audio
        assert stream.codec == "opus"
        assert (np.diff(stream.pts) > 0).all()
