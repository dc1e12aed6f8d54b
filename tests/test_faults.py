"""Encodes that are killed, or lose their disk or their folder, at random moments.

Whatever happens, the target is whole or not there, the source stays as it was, and the same
command run again gives the same bytes as one that was never disturbed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from video_makers import few_colours, make_video
from warm_encoder import WarmEncoder

FAULTS = ("kill", "terminate", "hang up", "full disk", "no folder")
SIGNALS = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM, "hang up": signal.SIGHUP}


def words(source: Path, target: Path) -> list[str]:
    """The command line of an encode."""
    return ["encode", str(source), str(target), "--preset", "fast", "--lossless"]


@pytest.fixture
def encoder(tmp_path: Path) -> Iterator[WarmEncoder]:
    """Has encoded ``in.mkv`` of the test's folder to ``undisturbed.spr``."""
    source = make_video(tmp_path / "in.mkv", few_colours(30, 40, 40))
    warm = WarmEncoder(source, tmp_path / "undisturbed.spr")
    yield warm
    warm.close()


@pytest.mark.parametrize("fault", FAULTS)
def test_ten_encodes_with_a_fault(tmp_path: Path, encoder: WarmEncoder, fault: str) -> None:
    source = tmp_path / "in.mkv"
    before, whole = source.read_bytes(), (tmp_path / "undisturbed.spr").read_bytes()
    began = time.monotonic()
    encoder.start(words(source, tmp_path / "again.spr"))
    assert encoder.wait()[0] == 0
    assert (tmp_path / "again.spr").read_bytes() == whole
    longest = time.monotonic() - began
    rng, folder = random.Random(fault), tmp_path / "folder"
    stopped = 0
    for _ in range(10):
        folder.mkdir(exist_ok=True)
        target = folder / "out.spr"
        target.unlink(missing_ok=True)
        most = rng.randrange(len(whole)) if fault == "full disk" else None
        process = encoder.start(words(source, target), most)
        time.sleep(rng.uniform(0.0, 1.0) * longest if fault != "full disk" else 0)
        if fault in SIGNALS:
            with suppress(ProcessLookupError):  # it may be done already
                os.kill(process, SIGNALS[fault])
        elif fault == "no folder":
            shutil.rmtree(folder, ignore_errors=True)
        code, said = encoder.wait()
        stopped += code != 0
        early = code == -SIGNALS.get(fault, 0)  # before the program heeded signals
        if code and not early:
            assert said.count("\n") == 1, said
            assert "Traceback" not in said
        if target.exists():
            assert target.read_bytes() == whole
        elif code == 0:
            assert fault == "no folder"
        left = [p for p in folder.iterdir() if p != target] if folder.exists() else []
        assert early or not left
        for part in left:  # as it would be a while later
            os.utime(part, (0, 0))
    assert stopped > 0
    assert source.read_bytes() == before
    folder.mkdir(exist_ok=True)
    (folder / "out.spr").unlink(missing_ok=True)
    encoder.start(words(source, folder / "out.spr"))
    assert encoder.wait()[0] == 0
    assert [p.name for p in folder.iterdir()] == ["out.spr"]
    assert (folder / "out.spr").read_bytes() == whole
