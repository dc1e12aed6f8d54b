"""Encoding from the command line: strange sources, bad sources, bad targets, options."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import spr_files
from numpy.typing import NDArray
from PIL import Image
from video_makers import few_colours, make_video

import spritecodec as sc
from spritecodec import cli
from spritecodec.cli.encode import PRESETS

FAST = ("--preset", "fast")


def encode(source: Path, target: Path, *more: str) -> int:
    return cli.run(["encode", str(source), str(target), *FAST, *more])


def refused(
    capsys: pytest.CaptureFixture[str], code: int, source: Path, target: Path, *more: str
) -> str:
    """Encoding must fail with `code`, one sentence, and nothing at or beside the target."""
    before = sorted(target.parent.iterdir()) if target.parent.is_dir() else []
    assert encode(source, target, *more) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    assert said.err.count("Error: ") == 1
    assert (sorted(target.parent.iterdir()) if target.parent.is_dir() else []) == before
    return said.err


def moving(count: int, height: int, width: int) -> NDArray[np.uint8]:
    """A square that crosses a still picture."""
    frames = np.repeat(few_colours(1, height, width), count, axis=0)
    for t, frame in enumerate(frames):
        frame[height // 3 : height // 3 + 4, t % width : t % width + 4] = (250, 240, 10)
    return frames


@pytest.mark.parametrize(
    ("count", "height", "width"), [(1, 1, 1), (4, 1, 1), (5, 5, 7), (1, 16, 24), (12, 16, 24)]
)
def test_small_and_odd_videos_come_back_exactly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], count: int, height: int, width: int
) -> None:
    frames = moving(count, height, width)
    source = make_video(tmp_path / "in.mkv", frames)
    target = tmp_path / "out.spr"
    assert encode(source, target) == 0
    said = capsys.readouterr()
    assert said.err == ""
    (line,) = said.out.splitlines()
    for part in (f"{count} frames in", "fps", "bytes", "kbit/s", "bits/pixel", "lossless"):
        assert part in line
    with sc.open(target) as reader:
        np.testing.assert_array_equal(reader[:], frames)
        assert reader.head.lossless
    assert cli.run(["verify", str(target), "--against", str(source)]) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mkv", "out.spr"]


def test_json_agrees_with_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_video(tmp_path / "in.mkv", moving(6, 16, 24))
    assert encode(source, tmp_path / "out.spr", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["size"] == (tmp_path / "out.spr").stat().st_size
    assert sum(facts["breakdown"].values()) == facts["size"]
    assert facts["lossless"] is True


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    frames = moving(5, 16, 24)
    folder = tmp_path / "in"
    folder.mkdir()
    for t, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{t}.png")
    assert encode(folder, tmp_path / "out.spr") == 0
    with sc.open(tmp_path / "out.spr") as reader:
        np.testing.assert_array_equal(reader[:], frames)


def test_pipes_at_both_ends(tmp_path: Path) -> None:
    frames = moving(5, 16, 24)
    source = make_video(tmp_path / "in.mkv", frames)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "spritecodec.cli", "encode", "-", "-", *FAST],
        input=source.read_bytes(),
        capture_output=True,
        check=True,
    )
    (tmp_path / "out.spr").write_bytes(done.stdout)
    with sc.open(tmp_path / "out.spr") as reader:
        np.testing.assert_array_equal(reader[:], frames)
    assert b"5 frames" in done.stderr


def test_a_spr_file_can_be_encoded_again(tmp_path: Path) -> None:
    first, second = tmp_path / "a.spr", tmp_path / "b.spr"
    first.write_bytes(spr_files.small_file())
    with sc.open(first) as reader:
        sc.encode(reader, second, preset="fast")
    with sc.open(second) as reader:
        np.testing.assert_array_equal(reader[:], spr_files.frames())
        np.testing.assert_array_equal(reader.pts, spr_files.pts())


def test_bad_sources_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out" / "out.spr"
    target.parent.mkdir()
    text = tmp_path / "text.mp4"
    text.write_text("this is not a video " * 50)
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    folder = tmp_path / "folder"
    folder.mkdir()
    for source in (tmp_path / "none.mp4", text, empty, folder):
        said = refused(capsys, 3, source, target)
        assert source.name in said


def test_a_truncated_mp4_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = tmp_path / "whole.mp4"
    make_video(whole, few_colours(30, 48, 64), codec="libx264", pixel_format="yuv420p")
    for part in (0.5, 0.9):
        cut = tmp_path / "cut.mp4"
        cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * part)])
        refused(capsys, 3, cut, tmp_path / "out.spr")


def test_a_frame_size_that_changes_midway_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for t, size in enumerate([(24, 16), (24, 16), (20, 16)]):
        Image.new("RGB", size, (t, 0, 0)).save(folder / f"{t}.png")
    refused(capsys, 3, folder, tmp_path / "out.spr")


def test_bad_targets_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_video(tmp_path / "in.mkv", moving(3, 16, 24))
    existing = tmp_path / "old.spr"
    existing.write_bytes(b"precious")
    assert "exists" in refused(capsys, 4, source, existing)
    assert existing.read_bytes() == b"precious"
    refused(capsys, 4, source, tmp_path / "none" / "out.spr")
    refused(capsys, 4, source, tmp_path)
    assert encode(source, existing, "--overwrite") == 0
    with sc.open(existing) as reader:
        assert len(reader) == 3


def test_bad_options_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_video(tmp_path / "in.mkv", moving(3, 16, 24))
    for more in (
        ["--lossless", "--base"],
        ["--psnr", "40", "--lossless"],
        ["--psnr", "-3"],
        ["--psnr", "nan"],
        ["--preset", "nonsense"],
        ["--device", "nonsense"],
    ):
        refused(capsys, 2, source, tmp_path / "out.spr", *more)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (4, 60, 80, 3), np.uint8)
    source = make_video(tmp_path / "in.mkv", frames)
    target = tmp_path / "out.spr"
    code = f"""
import resource, sys
from spritecodec import cli
import spritecodec.mining.mine  # compiled code is cached in files too
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
sys.exit(cli.run(["encode", {str(source)!r}, {str(target)!r}, "--preset", "fast"]))
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, check=False, text=True
    )
    assert done.returncode == 4, done.stderr
    assert done.stderr.startswith(f"Error: cannot write {target}: ")
    assert done.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["in.mkv"]


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mkv", few_colours(40, 120, 160))
    command = ["encode", str(source), str(tmp_path / "out.spr"), *FAST]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "spritecodec.cli", *command], stderr=subprocess.PIPE
    )
    # The temporary file beside the target shows that encoding is under way.
    while process.poll() is None and len(list(tmp_path.iterdir())) == 1:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert said.startswith(b"Interrupted; nothing was written.")
    assert said.count(b"\n") == 1
    assert os.listdir(tmp_path) == ["in.mkv"]


def test_presets_are_those_that_there_are() -> None:
    from spritecodec.model.presets import PRESETS as THERE

    assert set(PRESETS) == set(THERE)


@pytest.mark.parametrize("shape", [(3, 48), (48, 3), (3, 3), (1, 1), (2, 5), (1, 48)])
def test_the_smallest_frames(tmp_path: Path, shape: tuple[int, int]) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (12, *shape, 3), np.uint8)
    sc.encode(frames, tmp_path / "a.spr", preset="fast")
    with sc.open(tmp_path / "a.spr") as reader:
        np.testing.assert_array_equal(reader[:], frames)


class Unread(sc.ArrayClip):
    """A clip that claims something; its frames must not be asked for."""

    def pieces(self, size: int = 64) -> Iterator[sc.Piece]:
        raise AssertionError("the claim was not looked at")


class Wide(Unread):
    width = 65536


class Long(Unread):
    frame_count = (1 << 24) + 1


ONE = np.zeros((1, 8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("clip", "words"),
    [
        (Wide(ONE), "65536x8; a file holds"),
        (Long(ONE), "16,777,217 frames"),
        (Unread(ONE, Fraction(1 << 31)), "time base of 1/2147483648"),
        (Unread(ONE, Fraction(59.94), time_base=Fraction(1, 60)), "frame rate of "),
    ],
)
def test_what_a_file_cannot_hold_is_said_first(
    tmp_path: Path, clip: sc.ArrayClip, words: str
) -> None:
    with pytest.raises(sc.InputError, match=words):
        sc.encode(clip, tmp_path / "a.spr", preset="fast")
    assert not list(tmp_path.iterdir())


class Shrinking(sc.ArrayClip):
    """A clip that has lost its last frame when it is read for the last time."""

    def pieces(self, size: int = 64) -> Iterator[sc.Piece]:
        lost = "read" in self.__dict__
        self.__dict__["read"] = True
        for piece in super().pieces(size):
            kept = len(piece.pts) - lost
            yield sc.Piece(piece.frames[:kept], piece.pts[:kept])


def test_a_source_that_loses_frames_meanwhile(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    with pytest.raises(sc.InputError, match="fewer frames than when it was read first"):
        sc.encode(Shrinking(frames), tmp_path / "a.spr", quality="base", preset="fast")


def test_where_no_compiled_code_can_be_kept(tmp_path: Path) -> None:
    code = """
import sys
import numpy as np
from numba.core import caching
import spritecodec as sc

# Neither the installation nor the home folder can be written.
caching.CacheImpl._locator_classes = [caching.UserProvidedCacheLocator]
for _ in range(2):
    report = sc.encode(np.zeros((2, 8, 8, 3), np.uint8), sys.argv[1], preset="fast", overwrite=True)
    print([note for note in report.notes if "NUMBA_CACHE_DIR" in note])
"""
    work = tmp_path / "temporary"
    work.mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(tmp_path / "a.spr")],
        capture_output=True,
        text=True,
        check=False,
        env=environment | {"TMPDIR": str(work)},
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert "each run begins with a minute of compiling" in first
    assert second == "[]"  # said once
    assert not list(work.iterdir())


def test_where_no_temporary_file_can_be_written(tmp_path: Path) -> None:
    code = "import sys, tempfile\nfrom spritecodec import cli\n"
    code += "tempfile.tempdir = '/nonexistent'\nsys.exit(cli.run(sys.argv[1:]))"
    for words in (["-", "a.spr"], ["a.mkv", "-"]):
        make_video(tmp_path / "a.mkv", few_colours(2, 8, 8))
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, "encode", *words],
            input=b"YUV4MPEG2 W2 H2 C444\nFRAME\n" + bytes(12),
            capture_output=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 4
        assert b"TMPDIR" in done.stderr
        assert done.stderr.count(b"\n") == 1
