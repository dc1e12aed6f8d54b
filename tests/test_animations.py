"""GIF, APNG and WebP: even times, how often they are played, how large they will be."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import spr_files
from PIL import Image
from video_makers import few_colours, read_all

import spritecodec as sc
from spritecodec import cli
from spritecodec.formats.spr.chunks import pack_head, pack_pictures, pack_segment
from spritecodec.formats.spr.pictures import Palette
from spritecodec.formats.video.timing import even_rate, output_rate, sample_times
from spritecodec.scene import Layer, Residual, Scene, Tracks

FRAMES = 90


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 60 frames a second in which each frame can be told by its colour."""
    backdrop = np.zeros((FRAMES, 3), np.uint8)
    backdrop[:, 0] = np.arange(FRAMES)
    picture = np.full((4, 4, 4), 255, np.uint8)
    picture[..., :3] = few_colours(1, 4, 4)[0]
    still = np.zeros((FRAMES, 2), np.int32)
    scene = Scene(
        width=24,
        height=16,
        pts=np.arange(FRAMES),
        time_base=Fraction(1, 60),
        backdrop=backdrop,
        sprites=(),
        textures=(picture,),
        layers=(Layer(still, np.array([[0, 4, 4]], np.int32)),),
        tracks=Tracks.none(),
        residual=Residual.none(),
    )
    palette = Palette()
    head = spr_files.head(width=24, height=16, frames=FRAMES, frame_rate=Fraction(60))
    parts = [
        ("HEAD", pack_head(head), 0),
        ("TEXT", pack_pictures((picture,), palette), 0),
        ("SEGM", pack_segment(scene, palette), FRAMES),
    ]
    path = tmp_path_factory.mktemp("animations") / "clip.spr"
    path.write_bytes(spr_files.join(parts))
    return path


def durations(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(p.duration * p.time_base) for p in container.demux(video=0) if p.duration]


def shown(path: Path) -> list[int]:
    """Which frame of the clip each frame shows."""
    return [int(n) for n in read_all(path)[1][:, 0, 0, 0]]


def test_a_fast_gif_gets_even_times_at_the_right_speed(clip: Path, tmp_path: Path) -> None:
    report = sc.decode(clip, tmp_path / "a.gif")
    assert report.notes[0].startswith("60 frames a second became 50")
    assert durations(tmp_path / "a.gif") == pytest.approx([0.02] * 75)
    assert shown(tmp_path / "a.gif") == [k * 60 // 50 for k in range(75)]
    assert report.frames == 75


@pytest.mark.parametrize(
    ("name", "fps", "rate", "count"),
    [("gif", 30, Fraction(100, 3), 50), ("webp", 60, Fraction(1000, 17), 88),
     ("apng", 24, Fraction(24), 36), ("mkv", 20, Fraction(20), 30),
     ("gif", 1000, Fraction(50), 75)],
)  # fmt: skip
def test_rates_that_are_asked_for(
    clip: Path, tmp_path: Path, name: str, fps: float, rate: Fraction, count: int
) -> None:
    target = tmp_path / f"a.{name}"
    report = sc.decode(clip, target, fps=fps, lossless=name == "mkv")
    assert even_rate(name, Fraction(fps)) == rate
    assert report.frames == count
    assert (rate == fps) == (not report.notes)
    expected = [int(k * 60 / rate) for k in range(count)]
    assert shown(target) == expected
    pts = np.array(read_all(target)[2])
    assert len(np.unique(np.diff(pts))) == 1


def test_slower_clips_keep_their_own_times() -> None:
    assert output_rate("gif", None, Fraction(30)) is None
    assert output_rate("apng", None, Fraction(60)) is None
    pts = np.array([0, 10, 11, 40])
    got = sample_times(pts, Fraction(1, 60), Fraction(41, 60), Fraction(60))
    assert got.tolist() == [0] * 10 + [1] + [2] * 29 + [3]


def loops(path: Path) -> int | None:
    with Image.open(path) as image:
        found = image.info.get("loop")
        return None if found is None else int(found)


@pytest.mark.parametrize(("plays", "gif"), [(0, 0), (1, None), (3, 2)])
def test_how_often_it_is_played(clip: Path, tmp_path: Path, plays: int, gif: int | None) -> None:
    for name in ("gif", "apng", "webp"):
        sc.decode(clip, tmp_path / f"a.{name}", loop=plays, stop=4)
    assert loops(tmp_path / "a.gif") == gif
    assert loops(tmp_path / "a.apng") == plays
    assert loops(tmp_path / "a.webp") == plays


@pytest.mark.parametrize("name", ["gif", "apng", "webp"])
def test_the_estimate_is_near(clip: Path, tmp_path: Path, name: str) -> None:
    about = sc.estimate_size(clip, name, scale=2)
    sc.decode(clip, tmp_path / f"a.{name}", scale=2)
    size = (tmp_path / f"a.{name}").stat().st_size
    assert 0.7 * size < about < 1.4 * size
    assert sc.estimate_size(clip, name, stop=5) < about / 3


def test_the_command_says_how_large_it_will_be(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "a.gif"
    assert cli.run(["decode", str(clip), str(target), "--estimate", "--json"]) == 0
    about = json.loads(capsys.readouterr().out)["estimated_size"]
    assert not target.exists()
    assert cli.run(["decode", str(clip), str(target), "--fps", "25", "--loop", "2"]) == 0
    said = capsys.readouterr()
    assert "a.gif will take about" in said.err
    assert "38 frames" in said.out or "37 frames" in said.out
    assert target.stat().st_size < about


@pytest.mark.parametrize(
    "words",
    [["a.mp4", "--loop", "2"], ["a.gif", "--fps", "fast"], ["a.gif", "--fps", "0"],
     ["a.mkv", "--estimate"], ["a.gif", "--loop", "-1"]],
)  # fmt: skip
def test_what_cannot_be(
    clip: Path, tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["decode", str(clip), str(tmp_path / words[0]), *words[1:]]) == 2
    assert "Error: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
