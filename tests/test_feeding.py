"""Frames and sound from a program: the Encoder, iterables, file objects, raw pipes, Gymnasium."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from PIL import Image
from test_cli import PROGRAM
from test_sound import RATE, samples_of, tone
from video_makers import Frames, few_colours, make_video

import spritecodec as sc
from spritecodec import cli

FRAMES = few_colours(12, 16, 24)


def decoded(source: Any) -> Frames:
    with sc.open(source) as reader:
        return reader[:]


def test_the_encoder_takes_frames_and_sound_one_by_one(tmp_path: Path) -> None:
    target = tmp_path / "game.spr"
    with sc.Encoder(target, 24, 16, 30, sample_rate=RATE, preset="fast") as encoder:
        step = RATE // 30
        for t, frame in enumerate(FRAMES):
            shown = frame.copy()
            encoder.write(shown)
            shown[:] = 0  # the encoder has its own copy
            encoder.write_audio(tone()[t * step : (t + 1) * step])
    assert encoder.report is not None
    assert encoder.report.lossless
    assert encoder.report.size == target.stat().st_size
    np.testing.assert_array_equal(decoded(target), FRAMES)
    with sc.open(target) as reader:
        assert reader.frame_rate == 30
        assert reader.audio[0].codec == "flac"
    sc.decode(target, tmp_path / "game.wav")
    rate, samples = samples_of(tmp_path / "game.wav")
    assert rate == RATE
    np.testing.assert_array_equal(samples, tone()[: 12 * step])


def test_times_are_kept(tmp_path: Path) -> None:
    with sc.Encoder(tmp_path / "a.spr", time_base=Fraction(1, 1000), preset="fast") as encoder:
        for frame, pts in zip(FRAMES, [0, 20, None, 100, *[None] * 8], strict=True):
            encoder.write(frame, pts)
        with pytest.raises(sc.InputError, match="not later than"):
            encoder.write(FRAMES[0], 100)
    with sc.open(tmp_path / "a.spr") as reader:
        assert reader.pts[:5].tolist() == [0, 20, 37, 100, 117]


def test_an_error_in_the_block_leaves_nothing(tmp_path: Path) -> None:
    encoder = sc.Encoder(tmp_path / "a.spr")
    encoder.write(FRAMES[0])
    with pytest.raises(sc.InputError, match="is a str"), encoder:
        encoder.write("no frame")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(sc.OutputError, match="closed"):
        encoder.write(FRAMES[0])
    with pytest.raises(sc.InputError, match="no frames were written"), sc.Encoder(io.BytesIO()):
        pass


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ([[1, 2]], "is a list"),
        (FRAMES[0].astype(float), "is float64"),
        (FRAMES[0, ..., 0], r"of shape \(16, 24\)"),
        (FRAMES[0, :8], "must have one size"),
    ],
)
def test_what_is_no_frame(frame: Any, said: str) -> None:
    encoder = sc.Encoder(io.BytesIO())
    encoder.write(FRAMES[0])
    with pytest.raises(sc.InputError, match=said):
        encoder.write(frame)


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ([1, 2], "not list"),
        (np.zeros(4, np.int64), "not int64"),
        (np.zeros((4, 2, 2), np.int16), "shape"),
        (np.zeros((4, 2), np.int16), "must stay the same"),
    ],
)
def test_what_is_no_sound(samples: Any, said: str) -> None:
    encoder = sc.Encoder(io.BytesIO())
    encoder.write_audio(np.zeros(4, np.int16))
    with pytest.raises(sc.InputError, match=said):
        encoder.write_audio(samples)


def test_whatever_yields_frames_is_a_source(tmp_path: Path) -> None:
    def yielded() -> Iterator[Frames]:
        yield from FRAMES

    video = make_video(tmp_path / "in.mkv", FRAMES)
    with video.open("rb") as file:
        sources: list[Any] = [FRAMES, list(FRAMES), yielded(), file, video.read_bytes()]
        for source in sources:
            target = io.BytesIO()
            own = source is file or isinstance(source, bytes)
            rate = None if own else "30000/1001"
            report = sc.encode(source, target, preset="fast", frame_rate=rate)
            assert report.frames == len(FRAMES)
            assert report.size == len(target.getvalue())
            np.testing.assert_array_equal(decoded(target.getvalue()), FRAMES)
            with sc.open(target.getvalue()) as reader:
                assert reader.frame_rate == (25 if own else Fraction(30000, 1001))


def test_a_spr_file_is_a_source(tmp_path: Path) -> None:
    large = FRAMES.repeat(3, axis=1).repeat(3, axis=2)
    sc.encode(large, tmp_path / "a.spr", preset="fast")
    report = sc.encode(tmp_path / "a.spr", tmp_path / "b.spr", preset="fast")
    assert report.degradation is not None
    np.testing.assert_array_equal(decoded(tmp_path / "b.spr"), large)
    done = subprocess.run(
        [*PROGRAM, "encode", "-", str(tmp_path / "c.spr"), "--preset", "fast", "--to", "5f"],
        input=(tmp_path / "a.spr").read_bytes(),
        check=True,
        capture_output=True,
    )
    assert b"5 frames" in done.stdout
    np.testing.assert_array_equal(decoded(tmp_path / "c.spr"), large[:5])


def test_what_is_no_source(tmp_path: Path) -> None:
    sc.encode(FRAMES, tmp_path / "a.spr", preset="fast")
    with sc.open(tmp_path / "a.spr") as reader:
        scene = reader.scene(0)
    cases: list[tuple[Any, str]] = [
        (scene, "a Scene is no source"),
        (7, "a int holds no frames"),
        ([], "no frames to encode"),
        (["a", "b"], "frame 0 is a str"),
        (io.StringIO("text"), "binary mode"),
    ]
    for source, said in cases:
        with pytest.raises(sc.InputError, match=said):
            sc.encode(source, io.BytesIO(), preset="fast")
    with pytest.raises(sc.OutputError, match="cannot be written"):
        sc.encode(FRAMES, 7)  # type: ignore[arg-type]
    with pytest.raises(sc.InputError, match="open takes a path"):
        sc.open(7)  # type: ignore[arg-type]
    with pytest.raises(sc.SettingsError, match="a frame rate is a number"):
        sc.encode(FRAMES, io.BytesIO(), frame_rate="fast")
    with pytest.raises(sc.SettingsError, match="times of its own"):
        sc.encode(make_video(tmp_path / "in.mkv", FRAMES), io.BytesIO(), frame_rate=30)


def test_a_folder_has_the_rate_that_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for t, frame in enumerate(FRAMES):
        Image.fromarray(frame).save(folder / f"{t}.png")
    words = ["encode", str(folder), str(tmp_path / "a.spr"), "--preset", "fast", "--fps", "29.97"]
    assert cli.run(words) == 0
    with sc.open(tmp_path / "a.spr") as reader:
        assert reader.frame_rate == Fraction(2997, 100)


def test_bare_frames_come_through_a_pipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["encode", "-", str(tmp_path / "a.spr"), "--preset", "fast"]
    done = subprocess.run(
        [*PROGRAM, *words, "--raw", "24x16@50:rgb24"],
        input=FRAMES.tobytes(),
        check=True,
        capture_output=True,
    )
    assert b"lossless" in done.stdout
    np.testing.assert_array_equal(decoded(tmp_path / "a.spr"), FRAMES)
    with sc.open(tmp_path / "a.spr") as reader:
        assert reader.frame_rate == 50
    raw = tmp_path / "frames.rgb"
    raw.write_bytes(FRAMES.tobytes())
    for said, form in [
        ("WIDTHxHEIGHT@RATE:FORMAT", "24x16:rgb24"),
        ("WIDTHxHEIGHT@RATE:FORMAT", "24x16@60:rgb99"),
        ("no whole number of frames", "23x16@60:rgb24"),
    ]:
        assert cli.run(["encode", str(raw), str(tmp_path / "b.spr"), "--raw", form]) in (2, 3)
        assert said in capsys.readouterr().err


class Walk(gymnasium.Env[int, int]):
    """A dot that walks; ten steps an episode."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012
    observation_space = gymnasium.spaces.Discrete(64)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self._at = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed)
        self._at = 0
        return 0, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        self._at += 1
        return self._at, 0.0, self._at == 10, False, {}

    def render(self) -> Any:
        picture = np.zeros((16, 64, 3), np.uint8)
        picture[6:10, self._at * 4 : self._at * 4 + 4] = 250, 200, 20
        return picture


def test_gymnasium_episodes_are_recorded(tmp_path: Path) -> None:
    env = sc.gym.RecordSpr(Walk("rgb_array"), tmp_path / "run.spr", preset="fast")
    for episode in range(2):
        env.reset()
        ended = False
        while not ended:
            _, _, ended, _, _ = env.step(0)
        name = tmp_path / ("run.spr" if not episode else f"run-{episode}.spr")
        with sc.open(name) as reader:
            assert len(reader) == 11
            assert reader.frame_rate == 20
    env.close()
    with pytest.raises(sc.InputError, match="render_mode"):
        sc.gym.RecordSpr(Walk(), tmp_path / "x.spr")
