"""The benchmark clips' command: made once, checked by hash, never left half-made."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

import benchmarks
from benchmarks.clips.__main__ import main
from benchmarks.clips.registry import CLIPS, clip_file, spec_of
from benchmarks.clips.spec import ClipSpec
from benchmarks.clips.video import read_frames, write_video
from spritecodec.errors import InputError, SettingsError


def noise(frames: int, height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (frames, height, width, 3), np.uint8)


class Recipe:
    """A recipe that counts how often it is asked."""

    def __init__(self, frames: NDArray[np.uint8]) -> None:
        self.frames = frames
        self.calls = 0

    def __call__(self, cache: Path) -> Iterator[NDArray[np.uint8]]:
        self.calls += 1
        yield from self.frames

    def spec(self) -> ClipSpec:
        n, h, w, _ = self.frames.shape
        digest = hashlib.sha256(self.frames.tobytes()).hexdigest()
        return ClipSpec("tiny", self, n, w, h, 50, digest, "noise")


@pytest.mark.parametrize(("height", "width"), [(16, 16), (15, 21), (2, 1), (210, 160)])
def test_video_gives_back_every_pixel(tmp_path: Path, height: int, width: int) -> None:
    frames = noise(5, height, width)
    path = tmp_path / "clip.mp4"
    write_video(path, frames, width, height, 60)
    np.testing.assert_array_equal(np.stack(list(read_frames(path))), frames)


def test_video_has_exact_times(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, noise(100, 16, 16), 16, 16, 60)
    with av.open(path) as container:
        for t, frame in enumerate(container.decode(video=0)):
            assert frame.pts is not None
            assert frame.time_base is not None
            assert frame.pts * frame.time_base == Fraction(t, 60)
    assert t == 99


def test_clip_is_made_once(tmp_path: Path) -> None:
    recipe = Recipe(noise(4, 12, 20))
    path = clip_file(recipe.spec(), tmp_path / "out", tmp_path / "cache")
    assert path == tmp_path / "out" / "tiny.mp4"
    assert clip_file(recipe.spec(), tmp_path / "out", tmp_path / "cache") == path
    assert recipe.calls == 1


@pytest.mark.parametrize("damage", ["cut", "rubbish", "other frames"])
def test_damaged_file_is_made_again(tmp_path: Path, damage: str) -> None:
    recipe = Recipe(noise(4, 12, 20))
    path = clip_file(recipe.spec(), tmp_path, tmp_path)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-500])
    elif damage == "rubbish":
        path.write_bytes(b"not a video")
    else:
        write_video(path, noise(5, 12, 20), 20, 12, 50)
    clip_file(recipe.spec(), tmp_path, tmp_path)
    assert recipe.calls == 2
    np.testing.assert_array_equal(np.stack(list(read_frames(path))), recipe.frames)


def test_other_frames_than_registered_are_refused(tmp_path: Path) -> None:
    spec = Recipe(noise(4, 12, 20)).spec()
    for changed, message in (
        (replace(spec, sha256="0" * 64), f"gave 4 frames with SHA-256 {spec.sha256}"),
        (replace(spec, frames=5), "the registry says 5 frames"),
        (replace(spec, width=24), "frame 0 is 20x12, but the registry says 24x12"),
    ):
        with pytest.raises(InputError, match=message):
            clip_file(changed, tmp_path, tmp_path)
        assert list(tmp_path.iterdir()) == [], "nothing half-made stays"


def test_registry_entries_are_whole() -> None:
    wanted = {"mario-1-1", "space-invaders", "space-invaders-1500", "crafter", "sprite-game"}
    assert wanted | {"platformer"} <= set(CLIPS)
    for name, spec in CLIPS.items():
        assert spec.name == name
        assert len(bytes.fromhex(spec.sha256)) == 32
        assert min(spec.frames, spec.width, spec.height, spec.fps) > 0
    assert len({spec.sha256 for spec in CLIPS.values()}) == len(CLIPS)


def test_unknown_clip_is_said() -> None:
    with pytest.raises(SettingsError, match="no clip 'chess'; the clips are: mario-1-1"):
        spec_of("chess")
    result = CliRunner().invoke(main, ["chess"])
    assert result.exit_code == SettingsError.exit_code
    assert "no clip 'chess'" in result.output


def test_command_lists_and_makes(tmp_path: Path) -> None:
    listing = CliRunner().invoke(main, ["--list"]).output.splitlines()
    assert [line.split()[0] for line in listing] == list(CLIPS)
    result = CliRunner().invoke(main, ["sprite-game-small", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert [path.name for path in tmp_path.iterdir()] == ["sprite-game-small.mp4"]
    assert CliRunner().invoke(main, []).exit_code == 2
    assert CliRunner().invoke(main, ["--all", "crafter"]).exit_code == 2


def test_player_that_fails_is_quoted(tmp_path: Path) -> None:
    """An environment that lacks the game, here this very interpreter, stops the player."""
    assert benchmarks.__file__ is not None
    requirements = Path(benchmarks.__file__).with_name("requirements-games-atari.txt")
    folder = tmp_path / "env-atari"
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    stamp = hashlib.sha256(requirements.read_bytes()).hexdigest()
    (folder / "requirements.sha256").write_text(stamp)
    with pytest.raises(InputError, match=r"exit code 1; .*No module named 'ale_py'"):
        list(spec_of("pong").make(tmp_path))
