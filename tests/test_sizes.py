"""The size gate: small clips take no more bytes than recorded, and decode to the same frames."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import spritecodec as sc
from benchmarks import sizes
from benchmarks.clips.gate import GATE
from benchmarks.sizes import Figures


def paths(scene: sc.Scene) -> int:
    """How many different ways layers move."""
    return len({layer.pan.tobytes() for layer in scene.layers})


def rooms(scene: sc.Scene) -> int:
    """Places that lie one below another on the canvas."""
    return len(np.unique(scene.layers[0].pan[:, 1] // scene.height))


def animated_in_place(scene: sc.Scene) -> int:
    """Tracks that show two sprites or more for long and stay where they are, but for trimming."""
    tracks, found = scene.tracks, 0
    for start, end in itertools.pairwise(tracks.first.tolist()):
        stays = max(np.ptp(tracks.x[start:end]), np.ptp(tracks.y[start:end])) < 6
        found += bool(stays and end - start > 60 and len(set(tracks.sprite[start:end])) > 1)
    return found


def translucent(scene: sc.Scene) -> bool:
    alpha = [s[..., 3] for s in scene.sprites]
    return any(((a > 0) & (a < 255)).any() for a in alpha)


# What each clip is drawn for must be in its scene, or it would not notice the loss of it.
HOLDS: dict[str, Callable[[sc.Scene], bool]] = {
    "animation": lambda s: paths(s) > 3 and animated_in_place(s) > 6 and translucent(s),
    "lossy": lambda s: paths(s) > 1 and len(s.tracks) < 10,
    "pan-rooms": lambda s: rooms(s) > 2 and paths(s) > 1 and len(s.tracks) > 0,
    "platformer-small": lambda s: paths(s) > 3 and translucent(s),
    "recolouring": lambda s: len(s.recolouring) > 10 and paths(s) > 1,
    "sprite-game-small": lambda s: len(s.tracks) > 0,
    "translucency": lambda s: paths(s) > 3 and translucent(s),
}


@pytest.mark.parametrize("name", list(GATE))
def test_a_clip_takes_the_recorded_bytes_and_gives_the_recorded_frames(
    name: str, tmp_path: Path
) -> None:
    file = tmp_path / "clip.spr"
    now, source, decoded = sizes.encode(name, file)
    if now.quality == "lossless":
        for shown, wanted in zip(decoded, source, strict=True):
            np.testing.assert_array_equal(shown, wanted)
    else:
        assert isinstance(now.quality, float)
        assert sc.psnr(decoded, source) >= now.quality
    assert not sizes.problems(now, sizes.read_record().get(name))
    with sc.open(file) as reader:
        assert HOLDS[name](reader.scene(0))


def test_the_record_is_of_these_clips_and_as_it_is_written() -> None:
    record = sizes.read_record()
    assert list(record) == sorted(GATE)
    assert sizes.RECORD.read_text() == sizes.record_text(record)


RECORDED = Figures(bytes=1000, frames=60, md5="d41d8cd98f00b204e9800998ecf8427e", quality=38.0)


@pytest.mark.parametrize("taken", [1, 980, 1000, 1010])
def test_fewer_bytes_pass_and_so_does_a_hundredth_more(taken: int) -> None:
    assert sizes.problems(dataclasses.replace(RECORDED, bytes=taken), RECORDED) == []


WORSE = [
    ({"bytes": 1011}, r"1,011 bytes are 11 \(1.1%\) more than the 1,000 recorded"),
    ({"bytes": 1020}, r"1,020 bytes are 20 \(2.0%\) more than the 1,000 recorded"),
    ({"md5": "0" * 32}, "MD5 of the frames: 0{32}, but d41d8cd98f00b204e9800998ecf8427e is"),
    ({"frames": 59}, "frames: 59, but 60 is recorded"),
    ({"quality": "lossless"}, "quality asked for: lossless, but 38.0 is recorded"),
]


@pytest.mark.parametrize(("changes", "message"), WORSE)
def test_what_is_worse_or_other_than_recorded_is_told(
    changes: dict[str, Any], message: str
) -> None:
    (told,) = sizes.problems(dataclasses.replace(RECORDED, **changes), RECORDED)
    assert re.match(message, told)
    assert "python -m benchmarks.sizes --update records it, and the commit says why" in told


def test_a_clip_that_was_never_recorded_is_told() -> None:
    (told,) = sizes.problems(RECORDED, None)
    assert told == "nothing is recorded; python -m benchmarks.sizes --update adds it"


def test_the_command_fails_until_the_record_is_updated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = np.zeros((60, 8, 8, 3), np.uint8)
    now = {"animation": RECORDED, "lossy": RECORDED}
    monkeypatch.setattr(sizes, "RECORD", tmp_path / "sizes.json")
    monkeypatch.setattr(sizes, "encode", lambda name, file: (now[name], frames, frames))

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(sizes.main, arguments)
        return result.exit_code, result.output

    code, output = run(*now)
    assert code == 1
    assert "Error: animation: nothing is recorded" in output
    assert run(*now, "--update")[0] == 0
    assert sizes.read_record() == now
    now["lossy"] = dataclasses.replace(RECORDED, bytes=1020)
    code, output = run(*now)
    assert code == 1
    assert re.search(r"^lossy +38 dB +60 +1,020 +1,000 +\+2\.00%", output, re.MULTILINE)
    assert "Error: lossy: 1,020 bytes are 20 (2.0%) more" in output
    assert run("animation")[0] == 0
    assert run("lossy", "--update")[0] == 0
    assert sizes.read_record() == now
    assert run(*now)[0] == 0
