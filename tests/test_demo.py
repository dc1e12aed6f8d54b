"""The demo: a clip that the package draws, and the command that shows it encoded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import spritecodec as sc
from spritecodec import cli
from spritecodec.cli.demo import FILES
from spritecodec.demo import FRAMES, HEIGHT, WIDTH, demo_scene
from spritecodec.formats.video.video_in import open_clip


def test_the_clip_is_always_the_same_and_every_frame_differs_from_the_next() -> None:
    first, second = (np.stack(list(sc.Renderer(demo_scene()).frames())) for _ in range(2))
    assert first.shape == (FRAMES, HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(first, second)
    assert (first[1:] != first[:-1]).any(axis=(1, 2, 3)).all()


def test_the_command_writes_what_it_lists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    (folder / "frame.png").write_text("old")
    assert cli.run(["demo", str(folder)]) == 4
    assert "--overwrite" in capsys.readouterr().err
    assert (folder / "frame.png").read_text() == "old"
    assert cli.run(["demo", str(folder), "--overwrite"]) == 0
    said = capsys.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["demo"]
    assert {p.name for p in folder.iterdir()} == {*FILES, "mine.txt"}
    for name in FILES:
        assert str(folder / name) in said.partition("Files:")[2]
    assert f"all {FRAMES} frames are identical" in said
    expected = np.stack(list(sc.Renderer(demo_scene()).frames()))
    with sc.open(folder / "demo.spr") as reader:
        np.testing.assert_array_equal(reader[:], expected)
        for name, size in reader.breakdown().items():
            assert not size or f"{name:12} {size:12,}" in said
    assert f"{expected.nbytes:,}" in said
    for name in FILES:
        if name.endswith(".png"):
            with Image.open(folder / name) as picture:
                picture.load()
    video = open_clip(folder / "demo.mp4")
    assert sum(len(piece.pts) for piece in video.pieces()) == FRAMES


def test_what_the_command_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    assert cli.run(["demo", str(file)]) == 4
    assert "not a folder" in capsys.readouterr().err
    assert cli.run(["demo", str(tmp_path / "none" / "demo")]) == 4
    assert "there is no folder" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_without_the_encoder_it_is_one_sentence(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["numba"] = None  # makes importing it fail
from spritecodec import cli
sys.exit(cli.run(["demo", sys.argv[1]]))
"""
    words = [sys.executable, "-P", "-c", code, str(tmp_path / "demo")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "[encode]'" in done.stderr
    assert list(tmp_path.iterdir()) == []
