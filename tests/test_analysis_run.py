"""Measuring codecs: rows, cache, interruption, failures, memory, tables."""

from __future__ import annotations

import json
import math
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spritecodec import ArrayClip
from spritecodec.analysis import PEERS, Row, Table, codec_names, rate_distortion
from spritecodec.analysis.coding import decode, encode
from spritecodec.analysis.peers import find_peer
from spritecodec.analysis.sources import open_source
from spritecodec.analysis.steps import encode as encode_step
from spritecodec.errors import InputError, SettingsError
from spritecodec.metrics import psnr


def scroller(frames: int = 6, height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """A tiled world that scrolls under a square that stands still."""
    rng = np.random.default_rng(1)
    tiles = rng.integers(0, 8, (height // 8, width // 4), dtype=np.uint8)
    colours = rng.integers(0, 256, (8, 3), dtype=np.uint8)
    world = colours[tiles].repeat(8, 0).repeat(8, 1)
    out = np.stack([world[:, t : t + width] for t in range(frames)])
    out[:, 20:28, 28:36] = (255, 0, 0)
    return out


def known(value: float | None) -> float:
    """A figure that a measured row must have."""
    assert value is not None
    return value


def write_clip(path: Path, frames: Iterable[NDArray[np.uint8]]) -> Path:
    """A lossless video file of the frames."""
    encode(find_peer("ffv1"), "lossless", frames, Fraction(60), path)
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mkv", scroller())


QUICK = ("x264-444", "zmbv-palette", "webp-lossless")
SLOW = ("x265", "aom", "svt")  # in encoding, or in being started


def test_rows_say_what_was_measured(clip: Path, tmp_path: Path) -> None:
    seen = []
    table = rate_distortion(
        clip,
        QUICK,
        {"x264-444": [12, 40]},
        cache=tmp_path / "cache",
        jobs=2,
        progress=lambda done, total, row: seen.append((done, total, row.label)),
    )
    assert [(r.codec, r.target) for r in table] == [
        ("x264-444", "12"),
        ("x264-444", "40"),
        ("zmbv-palette", "lossless"),
        ("webp-lossless", "lossless"),
    ]
    assert [(done, total) for done, total, _ in seen] == [(i + 1, 4) for i in range(4)]
    for row in table:
        assert row.status == "ok", row.note
        assert row.bytes == Path(row.file).stat().st_size
        assert (row.frames, row.width, row.height) == (6, 64, 48)
        assert row.bits_per_pixel == pytest.approx(known(row.bytes) * 8 / (6 * 64 * 48))
        assert row.kilobits_per_second == pytest.approx(known(row.bytes) * 8 / 1000 / (6 / 60))
        assert known(row.encode_peak_bytes) > 1e7
        assert known(row.encode_seconds) > 0
        assert row.ms_ssim_scales == 3
        assert len(row.frame_psnr) == 6
    fine, coarse = table.rows[:2]
    assert known(fine.bytes) > known(coarse.bytes)
    assert known(fine.psnr) > known(coarse.psnr)
    assert known(fine.ssim) > known(coarse.ssim)
    assert len(fine.frame_bytes) == 6
    assert sum(fine.frame_bytes) == known(fine.payload_bytes) < known(fine.bytes)
    for row in table.rows[2:]:
        assert row.lossless
        assert row.psnr == row.psnr_mean == math.inf
        assert row.exact_frames == 6


@pytest.mark.parametrize("name", [p.name for p in PEERS if not p.name.startswith(SLOW)])
def test_every_quick_peer_comes_back_whatever_the_sides(name: str, tmp_path: Path) -> None:
    frames = scroller(3, 40, 65)[:, :39]
    peer = find_peer(name)
    coded = tmp_path / f"coded.{peer.container}"
    encode(peer, peer.targets[0] if peer.targets else "lossless", frames, Fraction(60), coded)
    decoded = np.stack(list(decode(peer, coded, 39, 65)))
    assert decoded.shape == frames.shape
    assert peer.lossless == np.array_equal(decoded, frames)
    assert psnr(frames, decoded) > 15


@pytest.mark.parametrize("name", ["x265-444", "svt-av1-420", "aom-444"])
def test_slow_peers_come_back(name: str, tmp_path: Path) -> None:
    if name == "aom-444" and shutil.which("ffmpeg") is None:
        pytest.skip("there is no ffmpeg executable")
    clip = write_clip(tmp_path / "clip.mkv", scroller(2, 64, 64))
    (row,) = rate_distortion(clip, [name], {name: [30]}, cache=tmp_path / "cache")
    if row.status == "missing":
        pytest.skip(row.note)
    assert row.status == "ok", row.note
    assert 15 < known(row.psnr) < 60


def test_the_printed_command_gives_the_same_figures(clip: Path, tmp_path: Path) -> None:
    (row,) = rate_distortion(
        clip, ["x264-444"], {"x264-444": [20]}, frames=4, cache=tmp_path / "cache"
    )
    words = shlex.split(row.command)
    assert words[:3] == ["python", "-m", "spritecodec.analysis.measure"]
    out = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=True)
    again = Row.from_dict(json.loads(out.stdout))
    for name in ("frames", "bytes", "psnr", "psnr_mean", "psnr_y", "ssim", "ms_ssim", "settings"):
        assert getattr(again, name) == getattr(row, name), name
    assert again.command == row.command
    assert row.frames == 4


def test_the_ffmpeg_line_makes_a_file_of_the_same_pixels(clip: Path, tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("there is no ffmpeg executable")
    (row,) = rate_distortion(clip, ["ffv1"], cache=tmp_path / "cache")
    raw = scroller().tobytes()
    subprocess.run(shlex.split(row.ffmpeg), input=raw, cwd=tmp_path, check=True)
    assert np.array_equal(list(open_source(tmp_path / "out.nut")), scroller())


def test_finished_rows_are_not_measured_again(clip: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = rate_distortion(clip, ["zmbv", "x264-rgb"], cache=cache)
    times = {f: f.stat().st_mtime_ns for f in cache.iterdir()}
    moved = clip.rename(tmp_path / "moved.mkv")
    second = rate_distortion(moved, ["x264-rgb", "zmbv"], cache=cache)
    assert {f: f.stat().st_mtime_ns for f in cache.iterdir()} == times
    assert [r.bytes for r in second] == [r.bytes for r in first][::-1]
    assert "moved.mkv" in second.rows[0].command  # not the path of the first run
    # Other frames are another clip.
    rate_distortion(moved, ["zmbv"], frames=3, cache=cache)
    assert len(list(cache.iterdir())) == len(times) + 2


def test_an_interrupted_run_goes_on(clip: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    script = (
        "import sys; from spritecodec.analysis import rate_distortion as run\n"
        "def said(done, total, row): print(row.label, flush=True); sys.stdin.readline()\n"
        "run(sys.argv[1], ['zmbv', 'gif', 'ffv1'],"
        " cache=sys.argv[2], jobs=1, progress=said)"
    )
    words = [sys.executable, "-c", script, str(clip), str(cache)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout is not None  # the run waits to be interrupted once a row is done
    assert process.stdout.readline() == "zmbv lossless\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode != 0
    kept = {f: f.stat().st_mtime_ns for f in cache.glob("*.json")}
    assert 1 <= len(kept) < 3
    table = rate_distortion(clip, ["zmbv", "gif", "ffv1"], cache=cache, jobs=2)
    assert all(row.status == "ok" for row in table)
    assert {f: f.stat().st_mtime_ns for f in kept} == kept


def test_a_peer_that_is_missing_or_fails_is_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    noisy = rng.integers(0, 256, (2, 48, 48, 3), dtype=np.uint8)  # far more than 256 colours
    clip = write_clip(tmp_path / "noise.mkv", noisy)
    monkeypatch.setenv("PATH", str(tmp_path))  # no ffmpeg here
    table = rate_distortion(
        clip, ["gif", "aom-444", "zmbv"], {"aom-444": [30]}, cache=tmp_path / "cache"
    )
    gif, aom, zmbv = table
    assert gif.status == "failed"
    assert "256 colours" in gif.note
    assert aom.status == "missing"
    assert "no ffmpeg executable" in aom.note
    assert zmbv.lossless
    assert gif.bytes is None
    assert len(list((tmp_path / "cache").glob("*.json"))) == 1  # tried again next time


def test_rows_are_shown_while_others_run(clip: Path, tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def keep(table: Table) -> None:
        seen.append([row.status for row in table])

    options = {"cache": tmp_path / "cache", "jobs": 1}
    table = rate_distortion(clip, ["zmbv", "ffv1"], partial=keep, **options)  # type: ignore[arg-type]
    assert [row.status for row in table] == ["ok", "ok"]
    assert seen
    assert all("ok" in s or "running" in s for s in seen)
    assert all(set(s) & {"running", "waiting"} for s in seen)


def test_a_row_that_takes_too_long_is_given_up(clip: Path, tmp_path: Path) -> None:
    (row,) = rate_distortion(clip, ["zmbv"], cache=tmp_path / "cache", timeout=0.01)
    assert row.status == "failed"
    assert "stopped after" in row.note


def test_a_clip_in_memory_and_a_file_made_elsewhere(clip: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    table = rate_distortion(ArrayClip(scroller()), ["zmbv"], files=[clip], cache=cache)
    given, zmbv = table
    assert (given.codec, given.target, given.lossless) == ("clip.mkv", "as given", True)
    assert given.bytes == clip.stat().st_size
    assert given.encode_seconds is None
    assert zmbv.lossless
    shorter = write_clip(tmp_path / "short.mkv", scroller()[:4])
    (row,) = rate_distortion(clip, [], files=[shorter], cache=cache)
    assert row.status == "failed"
    assert "ends after 4 frames" in row.note


def test_the_package_finds_its_analysis() -> None:
    code = "import spritecodec as sc; print(sc.analysis.rate_distortion.__name__)"
    words = [sys.executable, "-P", "-c", code]
    out = subprocess.run(words, capture_output=True, text=True, check=True)
    assert out.stdout == "rate_distortion\n"


def test_wrong_wishes_are_refused(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no codec 'h266'"):
        rate_distortion(clip, ["h266"], cache=tmp_path)
    with pytest.raises(SettingsError, match="vp9-444, which is not among the codecs"):
        rate_distortion(clip, ["zmbv"], {"vp9-444": [30]}, cache=tmp_path)
    with pytest.raises(InputError):
        rate_distortion(tmp_path / "none.mkv", ["zmbv"], cache=tmp_path)
    assert codec_names()[0] == "spritecodec"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's VmHWM")
def test_memory_does_not_grow_with_the_length_of_the_clip(tmp_path: Path) -> None:
    """What a step holds levels off: 640 frames, 23 MB of pixels, more must not show."""
    loop = scroller(32, 96, 128)
    peaks = []
    for repeats in (10, 30):
        frames = (frame for _ in range(repeats) for frame in loop)
        clip = write_clip(tmp_path / f"{repeats}.mkv", frames)
        coded = str(tmp_path / f"{repeats}.nut")
        peaks.append(
            [peak_megabytes(step, str(clip), coded) for step in ("encode", "decode", "quality")]
        )
    growth = np.subtract(peaks[1], peaks[0])
    assert growth.max() < 10, f"MB more for a longer clip: {growth}"


def peak_megabytes(step: str, clip: str, coded: str) -> float:
    """The largest resident memory of a step, as Linux tells it at the end."""
    script = (
        "import sys; from spritecodec.analysis.steps import main\n"
        "status = main()\n"
        "text = open('/proc/self/status').read()\n"
        "print(text.split('VmHWM:')[1].split()[0]); sys.exit(status)"
    )
    words = [sys.executable, "-c", script, step, clip, "--codec", "zmbv", "--file", coded]
    out = subprocess.run(words, capture_output=True, text=True, check=True)
    return int(out.stdout.splitlines()[-1]) / 1024


def example_table() -> Table:
    """A table with a lossy, an exact and a failed row."""
    lossy = [
        Row("x264-444", str(crf), bytes=size, psnr=db, psnr_y=db + 1, ssim=0.9, lossless=False)
        for crf, size, db in ((10, 4000, 45.0), (20, 2000, 40.0), (30, 1000, 35.0))
    ]
    ours = [
        Row("spritecodec", "35", bytes=500, psnr=35.0, lossless=False),
        Row("spritecodec", "45", bytes=2000, psnr=45.0, lossless=False),
        Row("spritecodec", "lossless", bytes=2500, psnr=math.inf, lossless=True,
            frame_psnr=(math.inf, math.inf)),
    ]  # fmt: skip
    other = [
        Row("zmbv", "lossless", bytes=5000, psnr=math.inf, lossless=True),
        Row("gif", "lossless", "failed", "too many colours"),
    ]
    return Table("clip.mkv", "00", (*ours, *lossy, *other))


def test_a_table_survives_json_and_csv() -> None:
    table = example_table()
    assert Table.from_json(table.to_json()) == table
    short = Table.from_json(table.to_json(series=False))
    assert [row.bytes for row in short] == [row.bytes for row in table]
    assert short.find("spritecodec", "lossless").frame_psnr == ()
    json.loads(table.to_json(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    lines = table.to_csv().splitlines()
    assert len(lines) == len(table) + 1
    assert lines[0].startswith("codec,target,status,note")
    assert "frame_psnr" not in lines[0]


def test_a_table_for_pandas() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = example_table().to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == 8
    assert frame.psnr.max() == math.inf
    assert frame.bytes.isna().sum() == 1


def test_a_table_compares_codecs() -> None:
    table = example_table()
    assert table.bd_rate("x264-444", "spritecodec").value == pytest.approx(-50)
    assert table.bytes_at_quality("x264-444", 40.0) == pytest.approx(2000)
    assert table.find("x264-444", 20).bytes == 2000
    smallest = table.best_lossless(["zmbv", "gif"])
    assert smallest is not None
    assert smallest.codec == "zmbv"
    with pytest.raises(SettingsError, match="no row av2"):
        table.find("av2")


def test_our_own_encoder_is_measured_like_the_others(clip: Path, tmp_path: Path) -> None:
    coded = tmp_path / "own.spr"
    figures = encode_step(open_source(clip), "spritecodec", "lossless", "fast", coded)
    assert figures["encode_seconds"] > 0
    (row,) = rate_distortion(clip, [], files=[coded], cache=tmp_path / "cache")
    assert row.lossless, row.note
    assert sum(row.frame_bytes) == pytest.approx(row.bytes, abs=1)
