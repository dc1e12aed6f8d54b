"""What notebooks, terminals and logs show, and frames by lists of numbers."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import pty
import re
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import spr_files
from PIL import Image

import spritecodec as sc
from spritecodec import cli, progress


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "small <b>.spr"
    path.write_bytes(spr_files.small_file(with_audio=True))
    return path


def test_frames_by_lists_and_arrays(source: Path) -> None:
    frames = spr_files.frames()
    with sc.open(source) as reader:
        assert reader.shape == frames.shape
        assert reader.ndim == frames.ndim
        assert reader.dtype == frames.dtype
        for which in ([3, 1, -1, 3], np.array([0, 11]), np.arange(12) % 3 == 0, [], range(2, 5)):
            np.testing.assert_array_equal(
                reader[which], frames[np.asarray(which, dtype=None if len(which) else int)]
            )
        np.testing.assert_array_equal(reader[np.int64(4)], frames[4])
        for wrong in ([12], (0, 1), [[0, 1]], np.ones(3, bool), [0.5], "1"):
            with pytest.raises(IndexError):
                reader[wrong]  # type: ignore[index]


def test_representations_are_short(source: Path) -> None:
    with sc.open(source) as reader:
        scene = reader.scene(0)
        values = [reader, scene, scene.tracks, scene.residual, scene.recolouring, *scene.layers]
        values += [*reader.audio, *reader.pieces()]
        for value in values:
            assert len(repr(value)) < 200
        assert repr(scene) == (
            "<Scene: 7 frames of 24x16, 2 sprites, 1 backgrounds, 2 layers, "
            "3 tracks of 14 placements, 2 residual patches>"
        )


def test_a_notebook_shows_frames_that_play(source: Path) -> None:
    with sc.open(source) as reader:
        html = reader._repr_html_()
        size = reader.size
    assert "small &lt;b&gt;.spr" in html
    assert f"{size:,} bytes" in html
    assert "4 sprites" in html
    assert "<script" not in html
    assert not re.search(r'(src|href)="(?!data:)', html)
    kind, data = re.findall(r'src="data:image/(\w+);base64,([^"]+)"', html)[0]
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.n_frames == 12
        image.seek(5)
        shown = np.asarray(image.convert("RGB"))
    assert kind in ("webp", "png")
    np.testing.assert_array_equal(shown, spr_files.frames()[5])


def test_a_file_cut_short_is_shown_as_far_as_it_goes(source: Path) -> None:
    whole = source.read_bytes()
    for cut in (len(whole) // 2, len(whole) - 30):
        try:
            reader = sc.open(io.BytesIO(whole[:cut]))
        except sc.FormatError:
            continue
        assert "cut short" in reader._repr_html_()


def test_true_shows_a_bar_on_a_terminal(source: Path) -> None:
    code = "import sys, spritecodec as sc\nsc.open(sys.argv[1]).verify(progress=True)"
    ours, theirs = pty.openpty()
    words = [sys.executable, "-P", "-c", code, str(source)]
    subprocess.run(words, stderr=theirs, check=True)
    os.close(theirs)
    said = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "Verifying 100% [####################] 12 of 12" in said
    assert subprocess.run(words, capture_output=True, check=True).stderr == b""


def test_elsewhere_it_is_a_line_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with progress.ProgressLine("Working") as line:
        for second in range(41):
            now[0] = float(second)
            line(second, 40)
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "Working: 25%, 10 of 40, 0:30 left",
        "Working: 50%, 20 of 40, 0:20 left",
        "Working: 75%, 30 of 40, 0:10 left",
        "Working: 100%, 40 of 40, 0:00 left",
    ]


def test_a_notebook_gets_a_bar_without_terminal_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = type("ZMQInteractiveShell", (), {})
    fake = types.ModuleType("IPython")
    fake.get_ipython = shell  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", fake)
    with progress.ProgressLine("Working") as line:
        line(1, 2)
        assert "\rWorking  50% [##########          ] 1 of 2" in capsys.readouterr().err
    assert "\x1b" not in capsys.readouterr().err


def test_logging_is_silent_unless_asked(
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "spritecodec"):
        sc.decode(source, tmp_path / "a.gif")
    assert [r.name for r in caplog.records] == ["spritecodec.decode"] * len(caplog.records)
    assert "12 frames" in caplog.records[0].getMessage()
    assert any("audio is left out" in r.getMessage() for r in caplog.records)
    assert cli.run(["decode", str(source), str(tmp_path / "b.rgb")]) == 0
    assert "spritecodec.decode" not in capsys.readouterr().err
    assert cli.run(["--log", "info", "decode", str(source), str(tmp_path / "c.rgb")]) == 0
    assert "INFO spritecodec.decode: " in capsys.readouterr().err
    logging.getLogger("spritecodec").setLevel(logging.NOTSET)


def test_json_is_json_everywhere(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def strict(text: str) -> None:
        def refuse(name: str) -> None:
            raise AssertionError(name)

        assert '"inf"' not in text
        assert json.loads(text, parse_constant=refuse)["lossless"] is True

    video = tmp_path / "a.mkv"
    for words in (
        ["decode", str(source), str(video), "--lossless", "--json"],
        ["info", str(source), "--json"],
        ["compare", str(video), str(source), "--json", "--per-frame"],
    ):
        assert cli.run(words) == 0
        strict(capsys.readouterr().out)
    assert cli.run(["verify", str(source), "--against", str(video), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["psnr"] is None
    assert facts["claims_lossless"] is True
    assert facts["identical"] == 12
