"""What goes to a video site, and how it is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from video_makers import few_colours, make_video

import spritecodec as sc
from spritecodec import cli
from spritecodec.analysis.shrink import factor_between, shrunk
from spritecodec.delivery import upload_scale

FACTORS = {
    (256, 240): 6,
    (160, 144): 10,
    (320, 200): 8,
    (640, 480): 4,
    (1920, 1080): 2,
    (2560, 1440): 1,
    (1000, 100): 6,
    (5000, 700): 2,
    (8, 8): 64,
}


@pytest.mark.parametrize(("size", "factor"), FACTORS.items())
def test_upload_factors_are_even_and_large_enough(size: tuple[int, int], factor: int) -> None:
    assert upload_scale(*size) == factor


def test_shrinking_undoes_nearest_neighbour() -> None:
    frames = few_colours(3, 10, 14)
    for factor in (1, 2, 3, 4, 7):
        large = frames.repeat(factor, axis=1).repeat(factor, axis=2)
        np.testing.assert_array_equal(np.stack(list(shrunk(large, factor))), frames)
    assert factor_between((14, 10), (42, 30)) == 3
    for size in ((42, 31), (43, 30), (7, 5)):
        with pytest.raises(sc.InputError, match="no whole multiple"):
            factor_between((14, 10), size)


def test_compare_measures_an_enlarged_file_at_its_native_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = few_colours(4, 24, 32)
    sc.encode(frames, tmp_path / "a.spr", preset="fast")
    large = make_video(tmp_path / "b.mkv", frames.repeat(4, axis=1).repeat(4, axis=2))
    words = ["compare", str(tmp_path / "a.spr"), str(large)]
    for scale in ("auto", "4"):
        assert cli.run([*words, "--scale", scale]) == 0
        assert "all 4 frames are identical" in capsys.readouterr().out
    for options, code, said in [
        ([], 3, "--scale compares enlarged ones"),
        (["--scale", "3"], 3, "--scale says 3"),
        (["--scale", "big"], 2, "auto or a whole number"),
    ]:
        assert cli.run([*words, *options]) == code
        assert said in capsys.readouterr().err


def test_an_upload_has_a_format_of_its_own(tmp_path: Path) -> None:
    sc.encode(few_colours(2, 24, 32), tmp_path / "a.spr", preset="fast")
    for target, options in (("a.mkv", {}), ("a.mp4", {"scale": 2}), ("a.mp4", {"lossless": True})):
        with pytest.raises(sc.SettingsError, match="is an mp4 of a scale of its own"):
            sc.decode(tmp_path / "a.spr", tmp_path / target, purpose="upload", **options)
    with pytest.raises(sc.SettingsError, match="no purpose"):
        sc.decode(tmp_path / "a.spr", tmp_path / "a.mp4", purpose="film")  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == ["a.spr"]
