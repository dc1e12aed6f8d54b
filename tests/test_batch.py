"""Many files: which ones are meant, what becomes of each, and going on after a stop."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from video_makers import make_video

import spritecodec as sc
from spritecodec import cli
from spritecodec.batch import WorkerDied, WorkerPool, find_jobs

PROGRAM = [sys.executable, "-P", "-m", "spritecodec.cli"]
SPRITE = np.array([[250, 10, 10], [10, 250, 10]], np.uint8)[np.indices((6, 5)).sum(0) % 2]


def clip(folder: Path, name: str, frames: int = 6) -> Path:
    """A video of a sprite that moves over a flat background, another one for each name."""
    drawn = np.full((frames, 24, 32, 3), len(name) + 40, np.uint8)
    for t in range(frames):
        drawn[t, 4:10, t + ord(name[0]) % 9 :][:, :5] = SPRITE
    return make_video(folder / name, drawn)


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Two videos, and between them a file that is none."""
    (tmp_path / "broken.mkv").write_bytes(b"this is no video")
    return [clip(tmp_path, "a.mkv"), tmp_path / "broken.mkv", clip(tmp_path, "c.mkv")]


class Here(Executor):
    """Calls at once, in this process; breaks as often as it is told to, as where a process dies."""

    def __init__(self, breaks: int = 0) -> None:
        self.breaks = breaks
        self.calls = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.calls += 1
        if self.breaks:
            self.breaks -= 1
            future.set_exception(WorkerDied("the process died"))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


def names(jobs: list[sc.batch.Job]) -> list[str]:
    return [str(job.target) for job in jobs]


def test_folders_globs_and_equal_names(tmp_path: Path) -> None:
    for path in ("in/a.mkv", "in/a.mp4", "in/deep/b.webm", "in/notes.txt", "pictures/0.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"")
    found = find_jobs([tmp_path / "in", tmp_path / "pictures"])
    assert names(found) == ["a.mkv.spr", "a.mp4.spr", "deep/b.spr", "pictures.spr"]
    assert names(find_jobs([f"{tmp_path}/in/**/*.webm"])) == ["b.spr"]
    with pytest.raises(sc.InputError, match="nothing is called"):
        find_jobs([f"{tmp_path}/*.avi"])
    (tmp_path / "in/deep/a.mkv").write_bytes(b"")
    with pytest.raises(sc.SettingsError, match="both be written to"):
        find_jobs([tmp_path / "in/a.mkv", tmp_path / "in/deep/a.mkv"])
    with pytest.raises(sc.InputError, match="standard input"):
        find_jobs(["-"])


def test_a_manifest_names_targets_and_options(tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text(
        "source,target,quality,native,restore\none.mkv,,38,,\ntwo.mkv,deep/2.spr,base,32x24,no\n"
    )
    one, two = find_jobs([table])
    assert (one.source, str(one.target)) == (str(tmp_path / "one.mkv"), "one.spr")
    assert one.options == {"quality": 38.0}
    assert str(two.target) == "deep/2.spr"
    assert two.options == {"quality": "base", "native": (32, 24), "restore": False}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no column source"),
        ("source,colour\na.mkv,red\n", "unknown column colour"),
        ("source,native\na.mkv,big\n", "line 2 .* native is a width and a height"),
        ("source,target\n,b.spr\n", "line 2 .* names no source"),
        ("source,target\na.mkv,../b.spr\n", "below the folder"),
        ("source\na.mkv,b,c\n", "unknown column None"),
    ],
)
def test_a_wrong_manifest_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    table = tmp_path / "list.csv"
    table.write_text(text)
    with pytest.raises(sc.InputError, match=said):
        find_jobs([table])


def test_many_files_on_the_command_line(
    three: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into, table, page = tmp_path / "out", tmp_path / "out.csv", tmp_path / "out.html"
    words = ["encode", *map(str, three), "--into", str(into), "--preset", "fast", "--jobs", "2"]
    words += ["--keep-going", "--csv", str(table), "--report", str(page)]
    assert cli.run(words) == 1
    said = capsys.readouterr()
    assert [line.split(":")[0] for line in said.out.splitlines()[-1:]] == ["2 done, 1 failed"]
    assert said.err.count("\n") == 1
    assert "broken.mkv is not a video" in said.err
    assert sorted(p.name for p in into.iterdir()) == ["a.spr", "c.spr"]
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [r["status"] for r in rows] == ["done", "failed", "done"]
    assert int(rows[0]["size"]) == (into / "a.spr").stat().st_size
    html = page.read_text()
    assert html.count("<img ") == 2
    assert html.count("data:image/png") == 2
    assert "3 files: 2 done, 1 failed" in html
    # The same bytes as alone.
    for source in (three[0], three[2]):
        alone = tmp_path / f"{source.stem}-alone.spr"
        sc.encode(source, alone, preset="fast")
        assert alone.read_bytes() == (into / f"{source.stem}.spr").read_bytes()
    # Once more: refused; then what is there is skipped, and the mended file is encoded.
    assert cli.run(words) == 4
    assert "a.spr exists already, and so do 1 others" in capsys.readouterr().err
    before = (into / "a.spr").stat().st_mtime_ns
    clip(tmp_path, "broken.mkv")
    assert cli.run([*words, "--skip-existing", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)["files"]
    assert [f["status"] for f in facts] == ["skipped", "done", "skipped"]
    assert all(f["lossless"] and f["frames"] == 6 for f in facts)
    assert (into / "a.spr").stat().st_mtime_ns == before


def test_the_first_failure_ends_the_work_unless_told_otherwise(
    three: list[Path], tmp_path: Path
) -> None:
    broken = three[1]
    report = sc.encode_many(
        [broken, three[0]], tmp_path / "out", preset="fast", executor=Here(), keep_going=True
    )
    assert [row.status for row in report.rows] == ["failed", "done"]
    assert not report.ok
    pool = WorkerPool(1)
    report = sc.encode_many([broken, three[2]], tmp_path / "more", preset="fast", executor=pool)
    pool.shutdown()
    assert report.rows[0].status == "failed"
    # The second may have begun already; then it is finished.
    there = (tmp_path / "more" / "c.spr").exists()
    assert report.rows[1].status == ("done" if there else "not run")


def test_a_target_that_is_cut_short_is_not_taken_for_done(
    three: list[Path], tmp_path: Path
) -> None:
    into = tmp_path / "out"
    options: dict[str, Any] = {"preset": "fast", "executor": Here(), "skip_existing": True}
    assert sc.encode_many(three[:1], into, **options).ok
    whole = (into / "a.spr").read_bytes()
    (into / "a.spr").write_bytes(whole[: len(whole) // 2])
    (row,) = sc.encode_many(three[:1], into, **options).rows
    assert row.status == "failed"
    assert "cut short" in row.note


@pytest.mark.parametrize(("breaks", "status"), [(2, "done"), (3, "failed")])
def test_a_file_is_tried_three_times(
    three: list[Path], tmp_path: Path, breaks: int, status: str
) -> None:
    executor = Here(breaks)
    (row,) = sc.encode_many(three[:1], tmp_path / "out", preset="fast", executor=executor).rows
    assert (row.status, row.attempts, executor.calls) == (status, 3, 3)


def die(number: int) -> None:
    os.kill(os.getpid(), number)


def test_one_dying_process_harms_no_other_call() -> None:
    with WorkerPool(2) as pool:
        dying = pool.submit(die, signal.SIGKILL)
        others = [pool.submit(abs, -n) for n in range(4)]
        with pytest.raises(BrokenExecutor, match="SIGKILL"):
            dying.result()
        assert [f.result() for f in others] == [0, 1, 2, 3]
        with pytest.raises(ZeroDivisionError):
            pool.submit(divmod, 1, 0).result()
        assert pool.submit(abs, -9).result() == 9


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_whole_files_and_the_same_command_goes_on(
    number: signal.Signals, tmp_path: Path
) -> None:
    sources = [clip(tmp_path, f"{letter}.mkv", 20) for letter in "abcde"]
    into, table = tmp_path / "out", tmp_path / "out.csv"
    words = [*PROGRAM, "encode", *map(str, sources), "--into", str(into), "--preset", "fast"]
    words += ["--jobs", "1", "--skip-existing", "--csv", str(table)]
    # Not in the group of the tests, and as from a terminal: all processes get the signal.
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        os.killpg(running.pid, number)
        _, said = running.communicate(timeout=60)
        assert running.returncode == 128 + number
    assert "--skip-existing goes on" in said
    assert "Traceback" not in said
    done = sorted(into.iterdir())
    assert 1 <= len(done) < len(sources)
    assert all(p.suffix == ".spr" for p in done)
    assert len(table.read_text().splitlines()) == 1 + len(done)
    times = [p.stat().st_mtime_ns for p in done]
    ended = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    rest = len(sources) - len(done)
    assert ended.splitlines()[-1].startswith(f"{rest} done, {len(done)} skipped")
    assert [p.stat().st_mtime_ns for p in done] == times


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    code = f"""
import os, signal, time
from spritecodec.batch import WorkerPool
pool = WorkerPool(1)
print(pool.submit(os.getpid).result(), flush=True)
pool.submit(time.sleep, 60)
time.sleep(0.2)
os.kill(os.getpid(), {int(signal.SIGKILL)})
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=False)
    worker = int(done.stdout)
    for _ in range(100):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("the worker is still there")


def test_options_for_many_files_need_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["encode", "a.mkv", "b.spr", "--keep-going"]) == 2
    assert "--into" in capsys.readouterr().err
    assert cli.run(["encode", "a.mkv", "b.mkv", "c.mkv"]) == 2
    assert "--into" in capsys.readouterr().err
    assert cli.run(["encode", "--into", str(tmp_path)]) == 2


def test_options_of_the_source_hold_for_every_file(tmp_path: Path) -> None:
    drawn = np.full((6, 16, 24, 3), 40, np.uint8)
    for t in range(6):
        drawn[t, 4:10, 2 * t :][:, :5] = SPRITE
    for name in ("a.rgb", "b.rgb"):
        (tmp_path / name).write_bytes(drawn.tobytes())
    words = ["encode", f"{tmp_path}/*.rgb", "--into", str(tmp_path / "out"), "--jobs", "1"]
    words += ["--preset", "fast", "--raw", "24x16@50:rgb24", "--from", "2f"]
    assert cli.run(words) == 0
    for name in ("a.spr", "b.spr"):
        with sc.open(tmp_path / "out" / name) as reader:
            assert reader.frame_rate == 50
            np.testing.assert_array_equal(reader[:], drawn[2:])


def test_verify_and_info_take_many_files(
    three: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "out"
    sources = [three[0], three[2]]
    assert sc.encode_many(sources, into, preset="fast", executor=Here()).ok
    assert cli.run(["verify", str(into)]) == 0
    said = capsys.readouterr().out
    assert said.count("is sound: 6 frames") == 2
    (into / "b.spr").write_bytes(b"damaged")
    assert cli.run(["verify", *map(str, sorted(into.iterdir()))]) == 1
    said, complaint = capsys.readouterr()
    assert said.count("is sound: 6 frames") == 2
    assert "b.spr" in complaint
    assert "1 of 3 files failed" in complaint
    assert cli.run(["info", f"{into}/*.spr", "--json"]) == 1
    files = json.loads(capsys.readouterr().out)["files"]
    assert ["error" in facts for facts in files] == [False, True, False]
    assert files[0]["frames"] == 6
    assert cli.run(["verify", str(into), str(into), "--against", str(three[0])]) == 2


def test_the_folder_of_an_interrupted_training_is_not_replaced(
    three: list[Path], tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    keep = tmp_path / "work"
    keep.mkdir()
    (keep / "checkpoint.safetensors").write_bytes(b"hours of work")
    with pytest.raises(sc.OutputError, match="checkpoints of an earlier run"):
        sc.encode(three[0], tmp_path / "a.spr", preset="slow", keep=keep)
    assert (keep / "checkpoint.safetensors").read_bytes() == b"hours of work"
    assert not (tmp_path / "a.spr").exists()
