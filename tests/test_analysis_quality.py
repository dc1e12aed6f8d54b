"""PSNR, SSIM and MS-SSIM against independent computations; the compare command."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spritecodec import metrics
from spritecodec.analysis import compare_frames
from spritecodec.cli import run
from spritecodec.errors import InputError

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]


def noisy_pair(height: int = 192, width: int = 200, seed: int = 0) -> tuple[Picture, Picture]:
    """A blocky picture and a noisy copy."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    picture = small.repeat(8, 0).repeat(8, 1)[:height, :width]
    noise = rng.normal(0, 12, picture.shape)
    return picture, np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_ssim_equals_scikit_image() -> None:
    reference = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed")
    for seed in range(3):
        a, b = noisy_pair(97, 64, seed)
        expected = reference.structural_similarity(
            a,
            b,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
        assert metrics.ssim(a, b) == pytest.approx(expected, abs=1e-6)


def reference_ms_ssim(a: Floats, b: Floats, weights: Floats) -> float:
    """Wang 2003 written out plainly in float64 for one grey picture."""
    from numpy.lib.stride_tricks import sliding_window_view

    x = np.arange(-5, 6)
    window = np.exp(-(x**2) / 4.5)
    window = np.outer(window, window) / window.sum() ** 2
    product = 1.0
    for scale, weight in enumerate(weights):
        views = [sliding_window_view(p, (11, 11)) for p in (a, b)]
        mean_a, mean_b = ((v * window).sum((2, 3)) for v in views)
        var_a = (views[0] ** 2 * window).sum((2, 3)) - mean_a**2
        var_b = (views[1] ** 2 * window).sum((2, 3)) - mean_b**2
        both = (views[0] * views[1] * window).sum((2, 3)) - mean_a * mean_b
        term = (2 * both + 58.5225) / (var_a + var_b + 58.5225)
        if scale == len(weights) - 1:
            term *= (2 * mean_a * mean_b + 6.5025) / (mean_a**2 + mean_b**2 + 6.5025)
        product *= max(term.mean(), 0) ** weight
        h, w = a.shape[0] // 2 * 2, a.shape[1] // 2 * 2
        a, b = ((p[:h:2, :w:2] + p[1:h:2, :w:2] + p[:h:2, 1:w:2] + p[1:h:2, 1:w:2]) / 4
                for p in (a, b))  # fmt: skip
    return product


@pytest.mark.parametrize(("size", "scales"), [((192, 200), 5), ((160, 97), 4), ((23, 30), 2)])
def test_ms_ssim_equals_the_formula(size: tuple[int, int], scales: int) -> None:
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][:scales])
    weights /= weights.sum()
    a, b = noisy_pair(*size)
    expected = np.mean(
        [
            reference_ms_ssim(a[..., c].astype(float), b[..., c].astype(float), weights)
            for c in range(3)
        ]
    )
    assert metrics.ms_ssim_scales(*size) == scales
    assert metrics.ms_ssim(a, b) == pytest.approx(expected, abs=1e-4)


def test_identical_pictures_are_perfect() -> None:
    a, _ = noisy_pair()
    assert metrics.ssim(a, a) == pytest.approx(1, abs=1e-6)
    assert metrics.ssim(a, a) <= 1
    assert metrics.ms_ssim(a, a) <= 1
    assert metrics.psnr(a, a) == metrics.psnr_y(a, a) == math.inf


def test_luma_psnr_follows_bt_601() -> None:
    a = np.full((4, 4, 3), 100, np.uint8)
    green = a + np.array([0, 10, 0], np.uint8)
    assert metrics.psnr_y(a, green) == pytest.approx(20 * math.log10(255 / 5.87), abs=1e-4)
    assert metrics.psnr(a, green) == pytest.approx(20 * math.log10(255 / 10) + 10 * math.log10(3))


def test_whole_clip_and_mean_of_frames_differ_as_defined() -> None:
    a = np.zeros((3, 16, 16, 3), np.uint8)
    b = a.copy()
    b[1] += 1  # mean squared error 1
    b[2] += 10  # mean squared error 100
    found = compare_frames(a, b)
    db = 10 * math.log10(255**2)
    assert [f.psnr for f in found.frames] == pytest.approx([math.inf, db, db - 20])
    assert found.psnr == pytest.approx(10 * math.log10(255**2 / (101 / 3)))
    assert found.psnr_mean == pytest.approx((100 + db + db - 20) / 3)
    assert (found.exact_frames, found.first_difference) == (1, 1)
    assert [f.md5 == f.md5_source for f in found.frames] == [True, False, False]


def test_other_sizes_and_lengths_are_refused() -> None:
    a = np.zeros((3, 16, 16, 3), np.uint8)
    with pytest.raises(InputError, match="compared video ends after 2 frames"):
        compare_frames(a, a[:2])
    with pytest.raises(InputError, match="the source ends after 2 frames"):
        compare_frames(a[:2], a)
    with pytest.raises(InputError, match="no frames"):
        compare_frames([], [])
    with pytest.raises(InputError, match="shape"):
        compare_frames(a, a[:, :8])
    with pytest.raises(InputError, match="11x11"):
        metrics.ssim(a[0, :9], a[0, :9])


@pytest.fixture
def two_videos(tmp_path: Path) -> tuple[str, str]:
    """Folders of pictures, the second with one changed frame."""
    from PIL import Image

    picture, worse = noisy_pair(32, 40)
    for name, frames in (("a", [picture] * 3), ("b", [picture, worse, picture])):
        (tmp_path / name).mkdir()
        for t, frame in enumerate(frames):
            Image.fromarray(frame).save(tmp_path / name / f"{t}.png")
    return str(tmp_path / "a"), str(tmp_path / "b")


def test_compare_command_says_what_differs(
    two_videos: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", *two_videos]) == 0
    out = capsys.readouterr().out
    assert "identical 2 of 3 frames; frame 1 is the first that differs" in out
    assert "MS-SSIM" in out
    assert "2 of 5 scales" in out
    assert run(["compare", two_videos[0], two_videos[0]]) == 0
    assert "all 3 frames are identical" in capsys.readouterr().out


def test_compare_command_for_programs(
    two_videos: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "frames.csv"
    words = ["compare", *two_videos, "--json", "--per-frame", "--csv", str(target)]
    assert run(words) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["frame_count"] == 3
    assert value["first_difference"] == 1
    assert [f["exact"] for f in value["frames"]] == [True, False, True]
    rows = list(csv.DictReader(io.StringIO(target.read_text())))
    assert [row["psnr"] for row in rows][::2] == ["inf", "inf"]
    assert float(rows[1]["psnr"]) == pytest.approx(value["frames"][1]["psnr"])
    assert rows[1]["md5"] != rows[1]["md5_source"]


def test_compare_command_fails_below_the_quality_asked_for(
    two_videos: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", *two_videos, "--min-psnr", "20"]) == 0
    assert run(["compare", *two_videos, "--min-psnr", "90"]) == 1
    assert "below the 90 dB asked for" in capsys.readouterr().err
