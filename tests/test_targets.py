"""Targets: nothing that the user has is lost, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import spr_files

import spritecodec as sc
from spritecodec.formats.atomic import Part, create
from spritecodec.formats.video.sinks import VideoInfo
from spritecodec.formats.video.video_out import open_writer

PROGRAM = [sys.executable, "-P", "-m", "spritecodec.cli"]
FRAMES = np.zeros((3, 8, 8, 3), np.uint8)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "small.spr"
    file.write_bytes(spr_files.small_file())
    return file


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "a.spr"

    def write() -> None:
        with create(target) as stream:
            stream.write(b"mine")
            target.write_bytes(b"precious")

    with pytest.raises(sc.OutputError, match="exists already"):
        write()
    assert target.read_bytes() == b"precious"
    assert names(tmp_path) == ["a.spr"]


def test_it_is_replaced_where_that_was_allowed(tmp_path: Path) -> None:
    target = tmp_path / "a.spr"
    with create(target, overwrite=True) as stream:
        stream.write(b"mine")
        target.write_bytes(b"old")
    assert target.read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["a.mkv", "a.framemd5", "frames"])
def test_a_video_that_appears_meanwhile_is_kept(tmp_path: Path, name: str) -> None:
    target = precious = tmp_path / name
    if name == "frames":
        precious = target / "precious"
    video = VideoInfo(8, 8, Fraction(1, 30), Fraction(30))
    writer = open_writer(target, video)
    writer.write(FRAMES, np.arange(3))
    precious.parent.mkdir(exist_ok=True)
    precious.write_bytes(b"precious")
    with pytest.raises(sc.OutputError, match=r"could not be written|not empty"):
        writer.close()
    assert precious.read_bytes() == b"precious"
    assert names(tmp_path) == [name]


def test_of_two_encodes_into_one_new_target_one_fails(tmp_path: Path) -> None:
    target, results = tmp_path / "a.spr", []
    both = threading.Barrier(2)

    def encode(value: int) -> None:
        both.wait()
        try:
            sc.encode(FRAMES + np.uint8(value), target, preset="fast")
            results.append(value)
        except sc.OutputError:
            results.append(-1)

    threads = [threading.Thread(target=encode, args=(value,)) for value in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = (value for value in results if value > 0)
    with sc.open(target) as reader:
        assert reader[0][0, 0, 0] == winner
    assert names(tmp_path) == ["a.spr"]


def test_what_a_link_leads_to_is_written_by_every_command(tmp_path: Path, source: Path) -> None:
    for command in (["decode"], ["sprites"]):
        link, real = tmp_path / "link.png", tmp_path / "real.png"
        link.symlink_to(real)
        subprocess.run([*PROGRAM, *command, str(source), str(link)], check=True)
        assert link.is_symlink()
        assert real.is_file()
        link.unlink()
        real.unlink()
    sc.encode(FRAMES, tmp_path / "plain.spr", preset="fast")
    (tmp_path / "link.spr").symlink_to("real.spr")
    sc.encode(FRAMES, tmp_path / "link.spr", preset="fast")
    assert (tmp_path / "link.spr").is_symlink()
    assert (tmp_path / "real.spr").read_bytes() == (tmp_path / "plain.spr").read_bytes()


def test_a_source_is_never_its_own_target(tmp_path: Path, source: Path) -> None:
    before = source.read_bytes()
    (tmp_path / "link.spr").symlink_to(source)
    os.link(source, tmp_path / "hard.spr")
    for target in ("small.spr", "link.spr", "hard.spr"):
        with pytest.raises(sc.SettingsError, match="is source and target"):
            sc.decode(source, tmp_path / target, overwrite=True, format="mkv")
        with pytest.raises(sc.SettingsError, match="is source and target"):
            sc.encode(source, tmp_path / target, overwrite=True)
        for command in (
            ["sprites", str(source), str(tmp_path / target), "--overwrite"],
            ["compare", str(source), str(source), "--csv", str(tmp_path / target)],
            ["analyze", str(source), "--csv", str(tmp_path / target)],
        ):
            done = subprocess.run([*PROGRAM, *command], capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert source.read_bytes() == before


@pytest.mark.parametrize("length", [255, 300])
def test_long_names(tmp_path: Path, source: Path, length: int) -> None:
    for name, write in (
        ("x" * (length - 4) + ".mkv", lambda target: sc.decode(source, target)),
        ("x" * (length - 4) + ".spr", lambda target: sc.encode(FRAMES, target)),
    ):
        if length > 255:
            with pytest.raises(sc.OutputError, match="name too long"):
                write(tmp_path / name)
        else:
            write(tmp_path / name)
            assert (tmp_path / name).is_file()
            (tmp_path / name).unlink()
    assert names(tmp_path) == ["small.spr"]


def test_leftovers_go_and_work_stays(tmp_path: Path) -> None:
    code = "import os, sys\nfrom pathlib import Path\nfrom spritecodec.formats.atomic import Part\n"
    code += "Part(Path(sys.argv[1], 'a')), Part(Path(sys.argv[1], 'b'), folder=True)\nos._exit(9)"
    subprocess.run([sys.executable, "-P", "-c", code, str(tmp_path)], check=False)
    left = names(tmp_path)
    assert len(left) == 2
    with Part(tmp_path / "mine") as mine:
        old = time.time() - 3600
        for path in tmp_path.iterdir():  # mine has long not been written to, but is at work
            os.utime(path, (old, old))
        (tmp_path / ".spritecodec-notes.part").write_bytes(b"not ours")
        with create(tmp_path / "a.spr") as stream:
            stream.write(b"done")
        assert names(tmp_path) == sorted([".spritecodec-notes.part", "a.spr", mine.path.name])


def test_what_a_killed_command_kept_of_its_input_goes_with_the_next(tmp_path: Path) -> None:
    spools = tmp_path / "temporary"
    spools.mkdir()
    environment = os.environ | {"TMPDIR": str(spools)}
    process = _begin_to_encode_input("-", environment)
    while process.poll() is None and len(names(spools)) < 2:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert len(names(spools)) == 2
    for path in spools.iterdir():  # as it would be a while later
        os.utime(path, (0, 0))
    done = subprocess.run(
        [*PROGRAM, "encode", "-", str(tmp_path / "a.spr")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env=environment,
    )
    assert b"standard input is empty" in done.stderr
    assert names(spools) == []


def test_nothing_temporary_is_made_that_no_later_command_would_remove() -> None:
    import spritecodec.cli
    import spritecodec.formats

    makers = ("TemporaryDirectory", "NamedTemporaryFile", "mkdtemp", "mkstemp")
    files = [
        file
        for package in (sc, spritecodec.cli, spritecodec.formats)
        for folder in package.__path__
        for file in Path(folder).rglob("*.py")
    ]
    assert len(files) > 50
    for file in files:
        assert not [name for name in makers if name in file.read_text("utf-8")], file


def _begin_to_encode_input(target: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """An encoder that waits for standard input, of which it has kept a part."""
    process = subprocess.Popen(
        [*PROGRAM, "encode", "-", target],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert process.stdin is not None
    process.stdin.write(b"YUV4MPEG2 ")
    process.stdin.flush()
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("target", ["out.spr", "-"])
def test_signals_end_the_work_and_leave_nothing(
    tmp_path: Path, number: signal.Signals, target: str
) -> None:
    spools = tmp_path / "temporary"
    spools.mkdir()
    out = tmp_path / target if target != "-" else target
    process = _begin_to_encode_input(str(out), os.environ | {"TMPDIR": str(spools)})
    expected = 1 if target != "-" else 2
    while process.poll() is None and len(names(spools)) < expected:
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == 128 + number, said
    assert said.startswith(b"Interrupted; nothing was written.")
    assert said.count(b"\n") == 1
    assert names(spools) == []
    assert names(tmp_path) == ["temporary"]


def test_a_signal_that_is_ignored_stays_so(tmp_path: Path, source: Path) -> None:
    code = "import signal, sys\nfrom spritecodec.cli import common\n"
    code += "signal.signal(signal.SIGHUP, signal.SIG_IGN)\ncommon.heed_endings()\n"
    code += "with common.Progress('Working'):\n    signal.raise_signal(signal.SIGHUP)\n"
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


@pytest.mark.parametrize(
    ("streams", "code", "said"),
    [
        ("info small.spr >/dev/full", 4, "standard output cannot be read or written: No space"),
        ("info small.spr >&-", 4, "standard output cannot be read or written: Bad file"),
        ("decode small.spr - >/dev/full", 4, "standard output could not be written: No space"),
        ("decode small.spr - >&-", 4, "standard output could not be written: Bad file"),
        ("encode - out.spr <&-", 3, "standard input is empty"),
        ("info nosuch 2>/dev/full", 3, ""),
        ("info nosuch 2>&-", 3, ""),
        ("decode small.spr a.framemd5 2>&- <&-", 0, ""),
        ("decode small.spr - --format rawrgb --scale 32 | head -c 9 >/dev/null", 0, ""),
        ("info small.spr | true", 0, ""),
    ],
)
def test_closed_and_full_streams(
    tmp_path: Path, source: Path, streams: str, code: int, said: str
) -> None:
    if "/dev/full" in streams and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    first = " ".join([*PROGRAM, streams])
    done = subprocess.run(
        ["bash", "-c", f"{first}; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") <= 1
