"""The benchmark of restoring recordings."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.video.reformatter import Colorspace

from benchmarks.clips.recordings import WAYS, Truth
from benchmarks.restoration import BARS, WAYS_OF, bar_of, in_order, markdown, missed, run_limited
from benchmarks.restored_pixels import Downscaler, as_read, compare


def row(**values: Any) -> dict[str, Any]:
    figures = {"true": [1.0, 1.0, 50.0, 30.0]}
    base = {"clip": "mario-1-1", "way": "x4-crf18", "frames": 600, "size": [256, 240]}
    times = {"ratio": 1.05, "shrink": 25.0, "time_ratio": 2.0, "cpu": 9.0, "wall": 9.0}
    return {**base, **times, "bytes": 105, "source_bytes": 2625, "figures": figures, **values}


def test_every_bar_and_clip_names_a_way() -> None:
    assert set(BARS) <= set(WAYS)
    assert all(set(ways) <= set(WAYS) for ways in WAYS_OF.values())


def test_half_rate_keeps_every_second_frame() -> None:
    truth = Truth("clip", Path("clip.mp4"), 601, 60)
    words = WAYS["native-crf18-half-rate"].options(truth)
    assert words[:4] == ["-vf", "fps=30", "-frames:v", "301"]


def test_a_row_misses_what_is_below_its_bar() -> None:
    assert missed(row()) == []
    assert missed(row(ratio=1.2, figures={"true": [1.0, 0.9, 44.0, 30.0]})) == [
        "ratio 1.20, not ≤ 1.10",
        "right frames 90.0%, not ≥ 99.0%",
        "PSNR 44.00, not ≥ 45.00",
    ]
    assert missed(row(clip="platformer", shrink=12.0)) == []
    assert missed(row(way="gif", shrink=1.0)) == []
    assert missed(row(differs="the truth is 1x1", figures={})) == ["the truth is 1x1"]
    assert missed(row(problem="no")) == ["no"]


def test_the_closer_colours_count() -> None:
    both = {"true": [0.8, 0.0, 30.0, 28.0], "shown": [1.0, 1.0, "inf", 40.0]}
    assert missed(row(figures=both)) == []
    assert "inf (≥ 45.00)†" in markdown([row(figures=both)])


def test_rows_are_in_order_and_in_the_table() -> None:
    film = {"clip": "bikes", "way": "as-it-is", "restored": False}
    failed = {"clip": "mario-1-1", "way": "gif", "frames": 300, "problem": "a|b"}
    rows = in_order([film, failed, row()])
    assert [r["clip"] for r in rows] == ["mario-1-1", "mario-1-1", "bikes"]
    page = markdown(rows)
    assert "a/b" in page
    assert bar_of("mario-1-1", "gif").ratio is None


def test_areas_are_averaged() -> None:
    picture = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    scale = Downscaler()
    assert np.allclose(scale(picture, 2, 3), picture.reshape(2, 2, 3, 2, 3).mean((1, 3)))
    third = scale(picture, 4, 4)[:, 0]  # one and a half columns
    assert np.allclose(third, (picture[:, 0] + picture[:, 1] / 2) / 1.5)


def test_compare_counts_right_pixels() -> None:
    truth = [np.full((2, 2, 3), 100, np.uint8)] * 2
    ours = [truth[0].copy(), truth[0].copy()]
    ours[1][0, 0, 2] = 105
    large = [np.full((4, 4, 3), 100, np.uint8)] * 2
    found = compare(truth, ours, large, lambda frame: frame)
    assert found.right == 7 / 8
    assert found.right_frames == 1 / 2
    assert found.psnr == pytest.approx(10 * math.log10(255**2 * 24 / 25))
    assert math.isinf(found.plain_psnr)


def test_colours_that_are_read_by_another_matrix() -> None:
    assert as_read(None) is None
    assert as_read(Colorspace.ITU601) is None
    shown = as_read(Colorspace.ITU709)
    assert shown is not None
    grey = np.full((1, 1, 3), 77, np.uint8)
    assert np.allclose(shown(grey), 77)
    green = shown(np.array([[[0, 200, 0]]], np.uint8))[0, 0]
    assert np.abs(green - [0, 200, 0]).max() > 10


def test_a_command_ends_at_its_limit() -> None:
    code, _, _, times = run_limited([sys.executable, "-c", "import time; time.sleep(60)"], 0.3)
    assert code is None
    assert times["wall"] < 30
    code, out, _, _ = run_limited([sys.executable, "-c", "print(3)"], 60)
    assert (code, out) == (0, "3\n")
