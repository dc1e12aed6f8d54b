"""Encoding through the library: every quality, every kind of source, and what is reported."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from video_makers import few_colours, kept_audio, make_video

import spritecodec as sc
from benchmarks.clips.drawn import true_scene
from spritecodec.clip import ArrayClip, Piece
from spritecodec.formats.spr.library import Library
from spritecodec.formats.video.video_in import open_clip
from spritecodec.metrics import psnr
from spritecodec.model.presets import PRESETS, Matching
from spritecodec.model.training import can_pay
from spritecodec.render import Renderer
from spritecodec.scene import Residual, Scene, Tracks
from spritecodec.segment_encoder import AUTO_PSNR, Quality

Frames = NDArray[np.uint8]


@cache
def drawn(name: str, first: int, count: int) -> Frames:
    """Some frames of a clip that the benchmarks draw."""
    frames = Renderer(true_scene(name)).frames()
    return np.stack([f.copy() for f in itertools.islice(frames, first, first + count)])


def recording(path: Path, frames: Frames, crf: int = 18) -> Path:
    """Frames as people record them: H.264, 4:2:0."""
    return make_video(
        path, frames, codec="libx264", pixel_format="yuv420p", options={"crf": str(crf)}
    )


def decoded(path: Path) -> Frames:
    with sc.open(path) as reader:
        return reader[:]


def check_report(report: sc.EncodeReport, path: Path, source: Frames) -> None:
    """What the report and the file's head say must be what the file shows."""
    shown = decoded(path)
    assert shown.shape == source.shape
    assert report.frames == len(source)
    assert report.size == path.stat().st_size == sum(report.breakdown.values())
    assert report.quality == pytest.approx(psnr(shown, source))
    lowest = min(psnr(a, b) for a, b in zip(shown, source, strict=True))
    assert report.lowest_quality == pytest.approx(lowest)
    assert report.lossless == bool((shown == source).all())
    assert report.bits_per_pixel == pytest.approx(8 * report.size / (source.size / 3))
    with sc.open(path) as reader:
        reader.verify()
        assert report.segments == len(reader.segments)
        assert report.sprites == len(reader.sprites)
        assert report.bitrate == pytest.approx(8 * report.size / reader.duration)
        assert reader.head.lossless == report.lossless
        if not report.lossless:
            assert reader.head.quality == pytest.approx(report.quality, abs=0.01)


@pytest.mark.parametrize("name", ["sprite-game-small", "platformer-small"])
def test_auto_keeps_exact_sources_exactly(tmp_path: Path, name: str) -> None:
    frames = drawn(name, 20, 24)
    report = sc.encode(frames, tmp_path / "a.spr", preset="fast")
    check_report(report, tmp_path / "a.spr", frames)
    assert report.lossless
    assert math.isinf(report.quality)
    assert math.isinf(report.lowest_quality)
    assert report.model_psnr is None
    assert report.steps == 0


@pytest.mark.parametrize(
    ("count", "height", "width"), [(1, 1, 1), (3, 1, 1), (4, 5, 7), (1, 20, 30)]
)
@pytest.mark.parametrize("quality", ["lossless", "base", 40.0])
def test_small_clips(tmp_path: Path, count: int, height: int, width: int, quality: Quality) -> None:
    frames = few_colours(count, height, width, seed=3)
    clip = ArrayClip(frames, pixel_exact=quality == "lossless")
    report = sc.encode(clip, tmp_path / "a.spr", preset="fast", quality=quality)
    check_report(report, tmp_path / "a.spr", frames)
    if isinstance(quality, float):
        assert report.quality >= quality
    if quality == "lossless":
        assert report.lossless


def test_the_base_alone_says_its_quality(tmp_path: Path) -> None:
    frames = drawn("platformer-small", 40, 20).copy()
    noise = np.random.default_rng(0).integers(0, 256, (48, 128, 3), np.uint8)
    frames[10, :48] = noise  # one flash that no sprite explains
    base = sc.encode(frames, tmp_path / "b.spr", preset="fast", quality="base")
    whole = sc.encode(frames, tmp_path / "w.spr", preset="fast", quality="lossless")
    check_report(base, tmp_path / "b.spr", frames)
    assert base.breakdown["residual"] < whole.breakdown["residual"]
    assert base.size < whole.size
    assert not base.lossless


@pytest.mark.parametrize("target", [34.0, 44.0])
def test_a_recording_keeps_the_quality_asked_for(tmp_path: Path, target: float) -> None:
    source = recording(tmp_path / "in.mp4", drawn("sprite-game-small", 0, 10))
    shown = np.concatenate([p.frames for p in open_clip(source).pieces()])
    report = sc.encode(source, tmp_path / "a.spr", preset="fast", quality=target)
    check_report(report, tmp_path / "a.spr", shown)
    assert target <= report.quality <= target + 1
    exact = sc.encode(source, tmp_path / "b.spr", preset="fast", quality="lossless")
    check_report(exact, tmp_path / "b.spr", shown)
    assert exact.lossless
    assert report.size < exact.size / 2


def test_auto_aims_at_its_figure_for_recordings(tmp_path: Path) -> None:
    source = recording(tmp_path / "in.mp4", drawn("platformer-small", 60, 12))
    shown = np.concatenate([p.frames for p in open_clip(source).pieces()])
    report = sc.encode(source, tmp_path / "a.spr", preset="fast")
    check_report(report, tmp_path / "a.spr", shown)
    assert AUTO_PSNR <= report.quality < math.inf
    base = sc.encode(source, tmp_path / "b.spr", preset="fast", quality="base")
    check_report(base, tmp_path / "b.spr", shown)
    assert base.size <= report.size


def test_a_target_that_only_exact_pixels_reach(tmp_path: Path) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (3, 24, 32, 3), np.uint8)
    report = sc.encode(frames, tmp_path / "a.spr", preset="fast", quality=90.0)
    check_report(report, tmp_path / "a.spr", frames)
    assert report.quality >= 90


def test_pixel_art_is_never_larger_at_a_psnr_than_exactly(tmp_path: Path) -> None:
    frames = drawn("sprite-game-small", 0, 20)
    exact = sc.encode(frames, tmp_path / "a.spr", preset="fast")
    for target in (40.0, 30.0):
        report = sc.encode(
            frames, tmp_path / "b.spr", preset="fast", quality=target, overwrite=True
        )
        check_report(report, tmp_path / "b.spr", frames)
        assert report.quality >= target
        assert report.size <= exact.size


def test_time_stamps_of_a_variable_frame_rate(tmp_path: Path) -> None:
    frames = drawn("sprite-game-small", 5, 8)
    pts = [0, 40, 80, 160, 170, 333, 334, 900]
    source = make_video(tmp_path / "in.mkv", frames, pts=pts)
    sc.encode(source, tmp_path / "a.spr", preset="fast")
    with sc.open(tmp_path / "a.spr") as reader:
        np.testing.assert_allclose(reader.timestamps, np.array(pts) / 1000)
        np.testing.assert_array_equal(reader[:], frames)


def test_audio_is_kept_as_it_is(tmp_path: Path) -> None:
    audio = kept_audio(tmp_path, "aac")
    clip = ArrayClip(few_colours(3, 8, 8), frame_rate=Fraction(25), audio=(audio,))
    report = sc.encode(clip, tmp_path / "a.spr", preset="fast")
    assert report.breakdown["audio"] > sum(map(len, audio.packets))
    with sc.open(tmp_path / "a.spr") as reader:
        (kept,) = reader.audio
    assert kept.packets == audio.packets
    assert kept.codec == "aac"
    np.testing.assert_array_equal(kept.pts, audio.pts)


@pytest.mark.parametrize("quality", ["lossless", 38.0])
def test_many_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quality: Quality) -> None:
    frames = drawn("platformer-small", 0, 20)
    source: Path | Frames = frames
    if quality != "lossless":
        source = recording(tmp_path / "in.mp4", frames)
        frames = np.concatenate([p.frames for p in open_clip(source).pieces()])
    monkeypatch.setattr("spritecodec.segment_encoder.SEGMENT_FRAMES", 7)
    report = sc.encode(source, tmp_path / "a.spr", preset="fast", quality=quality)
    check_report(report, tmp_path / "a.spr", frames)
    assert report.segments == 3
    assert report.lossless == (quality == "lossless")
    shown = decoded(tmp_path / "a.spr")
    with sc.open(tmp_path / "a.spr") as reader:
        for t in (19, 0, 8, 13):
            np.testing.assert_array_equal(reader[t], shown[t])


def test_noise_is_split_before_it_exceeds_what_readers_accept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = np.random.default_rng(2).integers(0, 256, (9, 20, 30, 3), np.uint8)
    limit = 3 * 20 * 30
    monkeypatch.setattr("spritecodec.mining.search.RESIDUAL_LIMIT", limit)
    monkeypatch.setattr("spritecodec.formats.spr.residual.RESIDUAL_LIMIT", limit)
    report = sc.encode(frames, tmp_path / "a.spr", preset="fast")
    check_report(report, tmp_path / "a.spr", frames)
    assert report.lossless
    assert report.segments > 1


def test_the_same_input_gives_the_same_file(tmp_path: Path) -> None:
    exact = drawn("platformer-small", 0, 10)
    lossy = recording(tmp_path / "in.mp4", exact)
    for source in (exact, lossy):
        for name in ("a", "b"):
            sc.encode(source, tmp_path / f"{name}.spr", preset="fast", overwrite=True)
        assert (tmp_path / "a.spr").read_bytes() == (tmp_path / "b.spr").read_bytes()


def test_progress_names_every_stage(tmp_path: Path) -> None:
    stages: list[str] = []
    sc.encode(
        few_colours(4, 16, 24),
        tmp_path / "a.spr",
        preset="fast",
        quality=30.0,
        progress=lambda stage, done, total, words: stages.append(stage),
    )
    order = list(dict.fromkeys(stages))
    assert order == ["Simplifying", "Reading", "Looking for the background", "Mining", "Verifying"]


def test_noise_is_mined_once_and_comes_back(tmp_path: Path) -> None:
    levels = np.random.default_rng(3).integers(0, 12, (40, 96, 96, 1), np.uint8)
    frames = np.repeat(20 * levels, 3, axis=3)
    minings: list[str] = []
    report = sc.encode(
        frames,
        tmp_path / "a.spr",
        preset="fast",
        progress=lambda stage, done, total, words: minings.extend([words] * (stage == "Mining")),
    )
    assert len(minings) == len(set(minings)) == 1
    assert (decoded(tmp_path / "a.spr") == frames).all()
    # A pixel of twelve levels is worth 3.6 bits.
    assert report.size < 4 / 8 * levels.size


def test_interrupted_training_stays_for_resuming(tmp_path: Path) -> None:
    def stop(stage: str, done: int, total: int, words: str) -> None:
        if stage == "Training" and done:
            raise KeyboardInterrupt

    frames = drawn("sprite-game-small", 0, 8)
    with pytest.raises(KeyboardInterrupt):
        sc.encode(frames, tmp_path / "a.spr", preset="slow", device="cpu", progress=stop)
    assert not (tmp_path / "a.spr").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a.spr.work"]
    assert any((tmp_path / "a.spr.work").iterdir())


@dataclass(frozen=True)
class CountedClip(ArrayClip):
    """Counts the frames that are read from it."""

    read: list[int] = field(default_factory=list)

    def pieces(self, size: int = 64) -> Iterator[Piece]:
        for piece in super().pieces(size):
            self.read.append(len(piece.frames))
            yield piece


@pytest.fixture
def small_preset(monkeypatch: pytest.MonkeyPatch) -> str:
    """A preset that trains a little, and always."""
    default = PRESETS["default"]
    model = replace(default.model, m=4, k=16)
    matching = Matching(frames=4, pixels=0, rounds=1)
    small = replace(default, model=model, matching=matching, fit=None, selective=False)
    monkeypatch.setitem(PRESETS, "small", small)
    return "small"


@pytest.mark.parametrize("segment_frames", [3, 12])
def test_each_pass_reads_the_clip_once_however_many_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_preset: str, segment_frames: int
) -> None:
    monkeypatch.setattr("spritecodec.segment_encoder.SEGMENT_FRAMES", segment_frames)
    clip = CountedClip(drawn("sprite-game-small", 0, 12))
    report = sc.encode(clip, tmp_path / "a.spr", preset=small_preset, device="cpu")
    assert report.segments == 12 // segment_frames
    assert "model" in report.candidates
    assert report.training.startswith("trained")
    # A frame to look for a scale; all to sample for training, and to encode. Digests are compared,
    # and the model gets what is being encoded.
    assert sum(clip.read) == 1 + 2 * 12


def test_the_default_preset_says_why_it_did_not_train(tmp_path: Path) -> None:
    frames = drawn("sprite-game-small", 0, 8)
    stages: set[str] = set()
    report = sc.encode(
        frames,
        tmp_path / "a.spr",
        progress=lambda stage, done, total, words: stages.add(stage),
    )
    fast = sc.encode(frames, tmp_path / "b.spr", preset="fast")
    assert report.training.startswith("not trained: the clip shows a single view")
    assert fast.training == "not trained: the preset never does"
    assert "Training" not in stages
    assert list(report.candidates) == ["mining"]
    assert (tmp_path / "a.spr").read_bytes() == (tmp_path / "b.spr").read_bytes()


def patched(scene: Scene, side: int) -> Scene:
    """A scene whose every frame has a square patch of noise."""
    count = len(scene)
    ones = np.ones(count, np.int32)
    pixels = np.random.default_rng(0).integers(0, 256, (count * side * side, 4)).astype(np.uint8)
    pixels[:, 3] = 255
    residual = Residual(
        start=np.arange(count, dtype=np.int32),
        length=ones,
        layer=-ones,
        x=0 * ones,
        y=0 * ones,
        width=side * ones,
        height=side * ones,
        first=np.arange(count + 1) * side * side,
        pixels=pixels,
    )
    return replace(scene, residual=residual)


def test_training_can_pay_where_there_are_views_sprites_and_a_residual() -> None:
    scene = true_scene("platformer-small")
    still = replace(
        scene, layers=tuple(replace(layer, pan=0 * layer.pan) for layer in scene.layers)
    )
    for tried, pays, words in (
        (patched(scene, 4), True, "of the bytes to the residual"),
        (scene, False, "of the bytes to the residual, less than"),
        (patched(still, 4), False, "a single view"),
        (replace(patched(scene, 4), tracks=Tracks.none(), sprites=()), False, "any sprites"),
    ):
        verdict, reason = can_pay(Library().pack(tried))
        assert words in reason
        assert verdict == pays


def test_a_sprite_and_its_mirror_images_are_stored_once(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    arrow = rng.integers(100, 104, (9, 7, 1)).astype(np.uint8).repeat(3, axis=2)
    ways = (arrow, arrow[:, ::-1], arrow[::-1], arrow[::-1, ::-1])
    frames = np.repeat(rng.integers(0, 90, (1, 48, 96, 1)).astype(np.uint8), 80, 0).repeat(3, 3)
    for t, frame in enumerate(frames):
        frame[5 + t // 4 :, t:][:9, :7] = ways[t // 20]
    sc.encode(frames, tmp_path / "arrow.spr", preset="fast")
    with sc.open(tmp_path / "arrow.spr") as reader:
        assert [s.shape[:2] for s in reader.sprites] == [(9, 7)]
        assert set(reader.scene(0).tracks.flip.tolist()) == {0, 1, 2, 3}
    np.testing.assert_array_equal(decoded(tmp_path / "arrow.spr"), frames)


def test_torch_is_not_imported_where_nothing_is_trained(tmp_path: Path) -> None:
    np.save(tmp_path / "frames.npy", drawn("sprite-game-small", 0, 2))
    code = """
import sys
import numpy as np
import spritecodec as sc
folder = sys.argv[1]
sc.encode(np.load(folder + "/frames.npy"), folder + "/a.spr")
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-P", "-c", code, str(tmp_path)], check=True)
