"""The segmentation benchmark's scores, on label maps whose scores are known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.segmentation import by_sprite, count, scores

TRUTH = np.zeros((8, 8), np.int32)
TRUTH[:4, :4], TRUTH[4:, 4:] = 1, 2


def test_the_truth_under_other_numbers_is_perfect() -> None:
    other = np.array([0, 7, 3], np.int32)[TRUTH]
    found = scores(count([(other, TRUTH), (other, TRUTH)]))
    assert found == {"iou_binary": 1.0, "iou_multiclass": 1.0}


def test_pieces_of_one_sprite_count_for_it() -> None:
    pieces = TRUTH.copy()
    pieces[:2, :4] = 3
    assert scores(count([(pieces, TRUTH)]))["iou_multiclass"] == 1.0


def test_one_patch_for_two_sprites_counts_for_one_of_them() -> None:
    joined = np.minimum(TRUTH, 1)
    joined[0, 0] = 0  # so that the second sprite is overlapped more
    counts = count([(joined, TRUTH)])
    assert scores(counts) == {
        "iou_binary": pytest.approx(31 / 32, abs=1e-4),
        "iou_multiclass": pytest.approx((0 + 16 / 31) / 2, abs=1e-4),
    }
    worst, best = by_sprite(counts)
    assert (worst["sprite"], worst["iou"]) == (0, 0.0)
    assert (worst["mostly_taken_for"], worst["pixels_taken"]) == (1, 15)
    assert (best["mostly_takes"], best["pixels_it_takes"]) == (0, 15)


def test_background_called_a_sprite_counts_against_it() -> None:
    grown = TRUTH.copy()
    grown[:4, 4:] = 1
    counts = count([(grown, TRUTH)])
    assert scores(counts)["iou_binary"] == pytest.approx(32 / 48, abs=1e-4)
    assert by_sprite(counts)[0]["iou"] == 0.5
    assert by_sprite(counts)[0]["mostly_takes"] == -1
