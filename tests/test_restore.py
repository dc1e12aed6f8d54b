"""Lossy recordings of a game: its own frames come back, and nothing else is restored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import spritecodec as sc
from spritecodec import cli
from spritecodec.degradation import Axis, Degradation
from spritecodec.restore.known import read_palette

Frames = NDArray[np.uint8]

# The game's colours: sky, ground, brick, and those of its figure.
COLOURS = np.array(
    [(96, 136, 250), (20, 20, 20), (200, 76, 12), (252, 188, 176), (0, 168, 0), (250, 250, 250)],
    np.uint8,
)


def game(count: int = 24, height: int = 96, width: int = 128) -> Frames:
    """A figure walks over bricks, in front of bushes, under a black bar."""
    rng = np.random.default_rng(3)
    ground = np.zeros((height, width), np.int64)
    brick = np.full((8, 16), 2)
    brick[0], brick[:, 0] = 1, 1
    brick[1:, 8] = np.where(np.arange(7) < 4, 1, 2)
    ground[-24:] = np.tile(brick, (3, width // 16))
    for x in (10, 50, 90):
        ground[-40:-24, x : x + 24][np.abs(np.arange(24) - 12) < np.arange(16)[:, None]] = 4
    ground[:8] = 1
    figure = rng.integers(1, 6, (4, 3)).repeat(4, axis=0).repeat(4, axis=1)
    figure[8:, 4:8] = 3
    frames = np.repeat(ground[None], count, axis=0)
    for t in range(count):
        frames[t, -40:-24, 4 + 4 * t : 16 + 4 * t] = figure
    return COLOURS[frames]


def record(path: Path, frames: Frames, scale: int, crf: int) -> Path:
    """What a recorder makes of a game: enlarged, in 4:2:0, lossy."""
    large = frames.repeat(scale, axis=1).repeat(scale, axis=2)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=30, options={"crf": str(crf)})
        stream.height, stream.width = large.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in large:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def right_share(decoded: Frames, truth: Frames) -> float:
    """The share of pixels with every channel within 4 levels."""
    off = np.abs(decoded.astype(np.int64) - truth)
    return float((off <= 4).all(axis=-1).mean())


@pytest.fixture(scope="module")
def restored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, sc.EncodeReport]:
    """A recording at three times the size, its restored file, and the report."""
    folder = tmp_path_factory.mktemp("restored")
    recording = record(folder / "game.mp4", game(), 3, 20)
    report = sc.encode(recording, folder / "game.spr", preset="fast")
    return recording, folder / "game.spr", report


def test_the_game_comes_back_from_a_recording(
    restored: tuple[Path, Path, sc.EncodeReport], tmp_path: Path
) -> None:
    recording, file, report = restored
    with sc.open(file) as reader:
        assert (reader.width, reader.height) == (128, 96)
        assert right_share(reader[:], game()) > 0.9995
    lossless = sc.encode(game(), tmp_path / "truth.spr", preset="fast")
    assert report.size < 1.5 * lossless.size
    assert report.size < recording.stat().st_size / 5


def test_a_restored_file_says_that_it_is(
    restored: tuple[Path, Path, sc.EncodeReport], capsys: pytest.CaptureFixture[str]
) -> None:
    _, file, report = restored
    assert not report.lossless
    assert report.degradation is not None
    assert report.degradation.restored
    assert any("128x96 behind 384x288, nearest x3" in note for note in report.notes)
    with sc.open(file) as reader:
        assert not reader.head.lossless
        assert reader.degradation is not None
        assert reader.degradation.restored
    assert cli.run(["info", str(file)]) == 0
    assert "128x96 behind 384x288, nearest x3; restored" in capsys.readouterr().out


def test_the_restored_frames_explain_the_recording(
    restored: tuple[Path, Path, sc.EncodeReport], tmp_path: Path
) -> None:
    _, _, report = restored
    assert report.planes_quality is not None
    assert report.explained is not None
    # Of its RGB frames they are far away, because players blur the chroma.
    assert report.planes_quality > report.quality + 3
    assert report.explained > 0.999
    assert any("explain 99." in note or "explain 100." in note for note in report.notes)
    exact = sc.encode(game(4), tmp_path / "exact.spr", preset="fast")
    assert exact.planes_quality is None
    assert exact.explained is None


def test_a_restored_file_can_be_shown_as_large_as_its_source(
    restored: tuple[Path, Path, sc.EncodeReport], tmp_path: Path
) -> None:
    _, file, _ = restored
    assert cli.run(["decode", str(file), str(tmp_path / "large"), "--as-source"]) == 0
    with sc.open(file, size="source") as large, sc.open(file) as native:
        assert large[0].shape == (288, 384, 3)
        np.testing.assert_array_equal(large[0][::3, ::3], native[0])


def test_the_report_shows_restored_frames_as_the_recording_would(
    restored: tuple[Path, Path, sc.EncodeReport], tmp_path: Path
) -> None:
    recording, file, _ = restored
    words = ["analyze", str(recording), str(file), "--codecs", "zmbv"]
    words += ["--cache", str(tmp_path / "cache"), "--report", str(tmp_path / "report.html")]
    assert cli.run(words) == 0
    page = (tmp_path / "report.html").read_text("utf-8")
    assert '"game.spr as given"' in page
    assert '"game.spr as given, as recorded"' in page


def test_the_recording_is_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    recording = record(tmp_path / "game.mp4", game(6), 2, 20)
    sc.encode(recording, tmp_path / "kept.spr", preset="fast", restore=False)
    with sc.open(tmp_path / "kept.spr") as reader:
        assert reader.degradation is None
        assert (reader.width, reader.height) == (256, 192)


def test_pictures_without_a_grid_are_not_restored(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    coarse = rng.uniform(0, 255, (6, 7, 9, 3))
    y, x = np.linspace(0, 5.99, 96), np.linspace(0, 7.99, 128)
    i, j = y.astype(int), x.astype(int)
    a, b = (y - i)[None, :, None, None], (x - j)[None, None, :, None]
    smooth = (1 - a) * ((1 - b) * coarse[:, i][:, :, j] + b * coarse[:, i][:, :, j + 1])
    smooth += a * ((1 - b) * coarse[:, i + 1][:, :, j] + b * coarse[:, i + 1][:, :, j + 1])
    recording = record(tmp_path / "soft.mp4", smooth.astype(np.uint8), 1, 20)
    with pytest.raises(sc.SettingsError, match="cannot be restored"):
        sc.encode(recording, tmp_path / "soft.spr", preset="fast", restore=True)
    report = sc.encode(recording, tmp_path / "soft.spr", preset="fast")
    assert report.degradation is None
    assert not (tmp_path / "soft.spr.part").exists()


@pytest.mark.parametrize("kernel", ["area", "bilinear", "bicubic", "lanczos"])
def test_smooth_kernels_keep_flat_colours_and_sizes(kernel: str) -> None:
    axes = Axis(38, 10, left=2, right=3, step=20, phase=10, unit=66), Axis.plain(6)
    scale = Degradation(*axes, kernel=kernel, border=(9, 9, 9), restored=True)
    flat = np.full((6, 10, 3), 200, np.uint8)
    shown = scale.enlarge(flat)
    assert shown.shape == (6, 38, 3)
    assert (shown[:, 2:35] == 200).all()
    assert (shown[:, :2] == 9).all()
    assert (shown[:, 35:] == 9).all()
    flat[:, 5:] = 100
    assert (np.diff(scale.enlarge(flat)[0, 2:35, 0].astype(int)) != 0).sum() >= 2


def test_what_is_known_of_a_recording_helps(tmp_path: Path) -> None:
    """A rare colour comes back where the palette, the size and the rest are given."""
    truth = game()
    truth[4:9, 60, 40:46] = (90, 90, 190)
    recording = record(tmp_path / "game.mp4", truth, 3, 20)
    Image.fromarray(np.unique(truth.reshape(-1, 3), axis=0)[None]).save(tmp_path / "colours.png")
    report = sc.encode(
        recording,
        tmp_path / "game.spr",
        preset="fast",
        native=(128, 96),
        kernel="nearest",
        palette=tmp_path / "colours.png",
        matrix="bt601",
    )
    assert any("nearest x3, 7 colours" in note for note in report.notes)
    with sc.open(tmp_path / "game.spr") as reader:
        assert (np.abs(reader[6][60, 40:46].astype(int) - (90, 90, 190)) <= 4).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--kernel", "nearest"], "give both"),
        (["--palette", "amiga"], "neither a file nor a known palette"),
        (["--palette", "nes", "--no-restore"], "leave them out"),
        (["--native", "900x96"], "no larger than"),
    ],
)
def test_wrong_knowledge_is_refused(
    restored: tuple[Path, Path, sc.EncodeReport],
    options: list[str],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recording = str(restored[0])
    assert cli.run(["encode", recording, str(tmp_path / "x.spr"), *options]) != 0
    assert words in capsys.readouterr().err
    assert not (tmp_path / "x.spr").exists()


def test_palettes_are_read_from_files(tmp_path: Path) -> None:
    colours = [[0, 0, 0], [16, 32, 48], [255, 128, 0]]
    (tmp_path / "a.hex").write_text("000000\n102030\nff8000\n")
    (tmp_path / "b.gpl").write_text("GIMP Palette\nName: b\n#\n0 0 0 black\n16 32 48\n255 128 0\n")
    (tmp_path / "c.pal").write_text("JASC-PAL\n0100\n3\n0 0 0\n16 32 48\n255 128 0\n")
    (tmp_path / "d.pal").write_bytes(bytes(number for colour in colours for number in colour))
    for name in ("a.hex", "b.gpl", "c.pal", "d.pal"):
        assert read_palette(tmp_path / name).tolist() == colours
    assert len(read_palette("nes")) > 50
    (tmp_path / "e.hex").write_text("nothing\n")
    with pytest.raises(sc.InputError, match="0 colours"):
        read_palette(tmp_path / "e.hex")
