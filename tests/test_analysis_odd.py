"""Measuring odd files: strange names, rows that all fail, folders that cannot be written."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest
import spr_files

from spritecodec.analysis.coding import encode
from spritecodec.analysis.peers import find_peer
from spritecodec.cli import run


def clip(path: Path) -> Path:
    encode(find_peer("ffv1"), "lossless", spr_files.frames(), Fraction(60), path)
    return path


def test_a_name_cannot_end_or_comment_out_the_script(tmp_path: Path) -> None:
    source = clip(tmp_path / "x<!--<script>.mkv")
    page = tmp_path / "report.html"
    words = ["analyze", str(source), "--codecs", "zmbv", "--cache", str(tmp_path / "cache")]
    assert run([*words, "--report", str(page)]) == 0
    html = page.read_text("utf-8")
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.S)
    assert found is not None
    assert "<" not in found[1]
    assert json.loads(found[1])["clip"]["name"] == source.name


def test_a_name_that_begins_with_a_dash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clip(Path("-x.mkv"))
    Path("-y.spr").write_bytes(spr_files.small_file())
    words = ["analyze", "--codecs", "zmbv", "--cache", "cache", "--json", "out.json"]
    assert run([*words, "--", "-x.mkv", "-y.spr"]) == 0
    rows = json.loads(Path("out.json").read_text())["rows"]
    assert [row["status"] for row in rows] == ["ok", "ok"]


def test_where_every_row_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, page = clip(tmp_path / "a.mkv"), tmp_path / "report.html"
    words = ["analyze", str(source), "--codecs", "zmbv,x264-444", "--timeout", "0.01"]
    words += ["--cache", str(tmp_path / "cache"), "--report", str(page)]
    assert run([*words, "--csv", str(tmp_path / "a.csv")]) == 0
    assert "stopped after" in capsys.readouterr().err
    assert "</html>" in page.read_text("utf-8")


def test_a_cache_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = clip(tmp_path / "a.mkv")
    (tmp_path / "file").write_bytes(b"")
    cache = tmp_path / "file" / "cache"
    assert run(["analyze", str(source), "--codecs", "zmbv", "--cache", str(cache)]) == 4
    said = capsys.readouterr().err
    assert "name a writable folder" in said
    assert said.count("\n") == 1
