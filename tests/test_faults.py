"""Encodes that are killed, or lose their disk or their folder, at random moments.

Whatever happens, the target is whole or not there, the source stays as it was, and the same
command run again gives the same bytes as one that was never disturbed.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from video_makers import few_colours, make_video

FAULTS = ("kill", "terminate", "hang up", "full disk", "no folder")
SIGNALS = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM, "hang up": signal.SIGHUP}


def start(source: Path, target: Path, most: int | None = None) -> subprocess.Popen[bytes]:
    """Begin to encode; no file may become larger than `most` bytes."""

    def limit() -> None:
        if most is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    words = ["encode", str(source), str(target), "--preset", "fast", "--lossless"]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "spritecodec.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=limit,
    )


def finish(source: Path, target: Path) -> None:
    """Encode without a fault."""
    process = start(source, target)
    _, said = process.communicate()
    assert process.returncode == 0, said


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_ten_encodes_with_a_fault(tmp_path: Path, fault: str) -> None:
    source = make_video(tmp_path / "in.mkv", few_colours(30, 40, 40))
    before = source.read_bytes()
    began = time.monotonic()
    undisturbed = tmp_path / "undisturbed.spr"
    finish(source, undisturbed)
    whole, longest = undisturbed.read_bytes(), time.monotonic() - began
    rng, folder = random.Random(fault), tmp_path / "folder"
    stopped = 0
    for _ in range(10):
        folder.mkdir(exist_ok=True)
        target = folder / "out.spr"
        target.unlink(missing_ok=True)
        most = rng.randrange(len(whole)) if fault == "full disk" else None
        process = start(source, target, most)
        time.sleep(rng.uniform(0.2, 1.0) * longest if fault != "full disk" else 0)
        if fault in SIGNALS:
            process.send_signal(SIGNALS[fault])
        elif fault == "no folder":
            shutil.rmtree(folder, ignore_errors=True)
        _, said = process.communicate()
        stopped += process.returncode != 0
        early = process.returncode == -SIGNALS.get(fault, 0)  # Python itself was starting
        if process.returncode and not early:
            assert said.count(b"\n") == 1, said
            assert b"Traceback" not in said
        if target.exists():
            assert target.read_bytes() == whole
        elif process.returncode == 0:
            assert fault == "no folder"
        left = [p for p in folder.iterdir() if p != target] if folder.exists() else []
        assert early or not left
        for part in left:  # as it would be a while later
            os.utime(part, (0, 0))
    assert stopped > 0
    assert source.read_bytes() == before
    folder.mkdir(exist_ok=True)
    (folder / "out.spr").unlink(missing_ok=True)
    finish(source, folder / "out.spr")
    assert [p.name for p in folder.iterdir()] == ["out.spr"]
    assert (folder / "out.spr").read_bytes() == whole
