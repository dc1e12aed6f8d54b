"""The command line: output, pipes, exit codes, and what happens on Ctrl-C."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import spr_files
from PIL import Image

import spritecodec as sc
from spritecodec import cli
from spritecodec.formats import sheet
from spritecodec.formats.spr.chunks import pack_head

PROGRAM = [sys.executable, "-P", "-m", "spritecodec.cli"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "small.spr"
    path.write_bytes(spr_files.small_file())
    return path


def fails(capsys: pytest.CaptureFixture[str], code: int, *arguments: str | Path) -> str:
    """Run a command that must fail with `code` and one sentence; returns the sentence."""
    assert cli.run([str(a) for a in arguments]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    assert said.err.count("Error: ") == 1
    return said.err


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_explains_itself_with_examples(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([name, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"spritecodec {name}" in said.partition("Examples:")[2]


def test_the_group_lists_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    said = capsys.readouterr().out
    for name in cli.COMMANDS:
        assert f"  {name} " in said
    assert cli.run(["--version"]) == 0
    assert sc.__version__ in capsys.readouterr().out


def test_an_old_name_works_and_says_the_new_one(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["labels", str(source), str(tmp_path / "new"), "--json"]) == 0
    wanted = capsys.readouterr()
    assert wanted.err == ""
    assert cli.run(["segment", str(source), str(tmp_path / "old"), "--json"]) == 0
    said = capsys.readouterr()
    assert said.out == wanted.out
    assert "segment is now called labels" in said.err
    for path in (tmp_path / "new").iterdir():
        assert (tmp_path / "old" / path.name).read_bytes() == path.read_bytes()
    assert cli.run(["--help"]) == 0
    assert "segment " not in capsys.readouterr().out.partition("Commands:")[2]


def test_decode_writes_the_frames_and_ends_with_one_line(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.rgb"
    assert cli.run(["decode", str(source), str(target)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    (line,) = said.out.splitlines()
    for part in (
        "12 frames",
        "fps",
        f"{source.stat().st_size} bytes",
        "kbit/s",
        "bits/pixel",
        "lossless",
    ):
        assert part in line
    raw = np.frombuffer(target.read_bytes(), np.uint8)
    np.testing.assert_array_equal(raw, spr_files.frames().ravel())


def test_decode_a_part_enlarged(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.rgb"
    arguments = ["--start", "5", "--stop", "8", "--scale", "2"]
    assert cli.run(["decode", str(source), str(target), *arguments]) == 0
    raw = np.frombuffer(target.read_bytes(), np.uint8).reshape(3, 32, 48, 3)
    np.testing.assert_array_equal(raw[:, ::2, ::2], spr_files.frames()[5:8])
    np.testing.assert_array_equal(raw[:, 1::2, 1::2], spr_files.frames()[5:8])


def test_decode_as_json(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["decode", str(source), str(tmp_path / "out.rgb"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["frames"] == 12
    assert facts["size"] == source.stat().st_size
    assert facts["quality"] is None
    assert facts["lossless"] is True


def test_pipes_at_both_ends(source: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "decode", "-", "-", "--format", "rawrgb"],
        input=source.read_bytes(),
        capture_output=True,
        check=True,
    )
    assert done.stdout == spr_files.frames().tobytes()
    assert b"12 frames" in done.stderr


def test_a_reader_that_goes_away_is_no_error(source: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*PROGRAM, "info", str(source)], stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_info_accounts_for_every_byte(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["info", str(source), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert sum(facts["bytes"].values()) == facts["size"] == source.stat().st_size
    assert [s["frames"] for s in facts["segments"]] == [7, 5]
    assert [s["size"] for s in facts["segments"]] == [
        sum(s["bytes"].values()) for s in facts["segments"]
    ]
    assert (facts["sprites"], facts["textures"]) == (4, 1)
    assert cli.run(["info", str(source), "--segments"]) == 0
    said = capsys.readouterr().out
    assert "12 frames of 24x16 at 30 fps" in said
    for name, size in facts["bytes"].items():
        if size:
            assert f"{name:12} {size:12,}" in said
    assert "     7 - 11 " in said


def test_info_on_a_file_cut_short(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source.write_bytes(source.read_bytes()[:-60])
    assert cli.run(["info", str(source)]) == 0
    said = capsys.readouterr()
    assert "damaged" in said.out
    assert "cut short" in said.err


def test_verify(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = tmp_path / "out.mkv"
    assert cli.run(["decode", str(source), str(video), "--lossless"]) == 0
    capsys.readouterr()
    assert cli.run(["verify", str(source), "--against", str(video)]) == 0
    assert "12 frames identical" in capsys.readouterr().out
    assert cli.run(["verify", str(source), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["frames"] == 12
    with sc.open(source) as reader:
        assert facts["md5"] == reader.verify().md5


def test_verify_finds_another_source(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "frames"
    assert cli.run(["decode", str(source), str(folder)]) == 0
    capsys.readouterr()
    (folder / "000011.png").unlink()
    said = fails(capsys, 1, "verify", source, "--against", folder)
    assert "12 frames" in said
    assert "11" in said
    Image.fromarray(spr_files.frames()[3]).save(folder / "000004.png")
    assert "frame 4 differs" in fails(capsys, 1, "verify", source, "--against", folder)


def test_verify_checks_a_stated_psnr(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "frames"
    assert cli.run(["decode", str(source), str(folder)]) == 0
    changed = spr_files.frames()[4] ^ 1
    Image.fromarray(changed).save(folder / "000004.png")
    true = sc.psnr(spr_files.frames()[4], changed) + 10 * np.log10(12)
    for claim, code in ((true - 1, 0), (true + 1, 1)):
        parts = spr_files.chunks()
        head = spr_files.head(lossless=False, quality=float(claim))
        parts[0] = ("HEAD", pack_head(head), 0)
        source.write_bytes(spr_files.join(parts))
        assert cli.run(["verify", str(source), "--against", str(folder)]) == code
    assert f"claims a PSNR of {true + 1:.2f} dB" in capsys.readouterr().err


def test_sprites_draws_those_in_use(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "sheet.png"
    assert cli.run(["sprites", str(source), str(target), "--scale", "3", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert sorted(facts["sprites"]) == [0, 1]
    with Image.open(target) as image:
        assert image.size == (facts["width"], facts["height"])
    fails(capsys, 4, "sprites", source, target)
    arguments = ["sprites", str(source), str(target), "--all", "--overwrite", "--json"]
    assert cli.run(arguments) == 0
    assert sorted(json.loads(capsys.readouterr().out)["sprites"]) == [0, 1, 2, 3]


def test_alike_sprites_lie_side_by_side() -> None:
    rng = np.random.default_rng(1)
    groups = rng.permutation(np.repeat(np.arange(5), 12))
    centres = rng.normal(size=(5, 40)) * 4
    order = sheet.order_by_similarity(centres[groups] + rng.normal(size=(60, 40)))
    assert sorted(order.tolist()) == list(range(60))
    assert (np.diff(groups[order]) != 0).sum() == 4


def test_a_sheet_shows_each_sprite_once_and_the_board_where_it_is_clear() -> None:
    red, clear = np.zeros((2, 3, 5, 4), np.uint8)
    red[:] = (255, 0, 0, 255)
    drawn = sheet.draw_sheet([red, clear])
    assert (drawn == (255, 0, 0)).all(axis=2).sum() == 15
    board = (drawn == sheet.LIGHT).all(axis=2) | (drawn == sheet.DARK).all(axis=2)
    assert board.sum() == 15
    assert sheet.draw_sheet([]).shape == (1, 1, 3)


@pytest.mark.parametrize("name", ["decode", "info", "verify", "sprites"])
def test_what_is_no_spr_file_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = [tmp_path / "out.png"] if name in ("decode", "sprites") else []
    missing = tmp_path / "missing.spr"
    assert "no such file" in fails(capsys, 3, name, missing, *target)
    text = tmp_path / "text.spr"
    text.write_bytes(b"hello, I am a text")
    assert "not a .spr file" in fails(capsys, 7, name, text, *target)
    empty = tmp_path / "empty.spr"
    empty.write_bytes(b"")
    fails(capsys, 7, name, empty, *target)
    newer = bytearray(spr_files.small_file())
    newer[9] = 5
    text.write_bytes(newer)
    assert "install a newer spritecodec" in fails(capsys, 7, name, text, *target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty.spr", "text.spr"]


def test_bad_targets_and_options(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    existing = tmp_path / "old.mkv"
    existing.write_bytes(b"precious")
    fails(capsys, 4, "decode", source, existing)
    fails(capsys, 4, "decode", source, tmp_path / "none" / "out.mkv")
    fails(capsys, 2, "decode", source, tmp_path / "out.xyz")
    fails(capsys, 2, "decode", source, tmp_path / "out.mkv", "--scale", "0")
    fails(capsys, 2, "decode", source, "-", "--json")
    fails(capsys, 2, "decode", source, tmp_path / "out.mkv", "--start", "50")
    fails(capsys, 2, "nonsense")
    assert existing.read_bytes() == b"precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["old.mkv", "small.spr"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_one_sentence(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = fails(capsys, 4, "decode", source, "/dev/full", "--format", "rawrgb")
    assert "No space left" in said
    assert Path("/dev/full").is_char_device()


def test_a_file_that_grows_past_the_limit_leaves_nothing(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.rgb"
    code = f"""
import resource, sys
from spritecodec import cli
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
sys.exit(cli.run(["decode", {str(source)!r}, {str(target)!r}]))
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=False)
    assert done.returncode == 4
    assert done.stderr.count(b"\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["small.spr"]


def test_progress_shows_on_a_terminal_only(source: Path) -> None:
    ours, theirs = pty.openpty()
    subprocess.run(
        [*PROGRAM, "verify", str(source)], stderr=theirs, check=True, stdout=subprocess.DEVNULL
    )
    os.close(theirs)
    said = os.read(ours, 10_000)
    os.close(ours)
    assert b"12 of 12" in said
    piped = subprocess.run([*PROGRAM, "verify", str(source)], capture_output=True, check=True)
    assert piped.stderr == b""


def test_ctrl_c_is_one_sentence(tmp_path: Path) -> None:
    fifo = tmp_path / "never.spr"
    os.mkfifo(fifo)
    code = "import os, signal, sys\nfrom spritecodec import cli\n"
    code += "signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))\n"
    code += "signal.setitimer(signal.ITIMER_REAL, 0.5)\n"
    code += f"sys.exit(cli.run(['info', {str(fifo)!r}]))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=False)
    assert done.returncode == 130
    assert done.stderr.strip() == b"Interrupted; nothing was written."


def test_ctrl_c_ends_the_work_even_where_python_drops_it() -> None:
    code = """
import ctypes, signal
from spritecodec.cli.common import Progress

with Progress("Working") as progress:
    # What is raised in a callback of compiled code does not reach who called that code.
    ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGINT))()
    print("still here", flush=True)
    progress(1, 2)
    print("and still")
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=False)
    assert done.stdout == b"still here\n"
    assert done.returncode != 0
