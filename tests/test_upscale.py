"""Sources that are exact enlargements: found, stored at their native size, and given back."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import spec_decoder
import spr_files
from numpy.typing import NDArray
from PIL import Image
from video_makers import few_colours, make_video

import spritecodec as sc
from spritecodec import cli
from spritecodec.clip import ArrayClip
from spritecodec.degradation import Axis, Degradation
from spritecodec.formats.spr.chunks import pack_head
from spritecodec.restore.upscale import find_upscale

Frames = NDArray[np.uint8]

# 24x16 behind 100x70: 4 by 13/3 with a phase, in a border that is wider on one side. The native
# columns 2 and 5 begin late.
SCALE = Degradation(
    x=Axis(100, 24, left=1, right=3, step=1, phase=0, unit=4, late=(8, 20)),
    y=Axis(70, 16, left=0, right=2, step=3, phase=1, unit=13),
    border=(1, 2, 3),
)


def scaled_file(scale: Degradation | None, field: Any = None) -> bytes:
    """The small file behind an enlargement; with another eleventh field where one is given."""
    parts = spr_files.chunks()
    payload = pack_head(spr_files.head(degradation=scale))
    if field is not None:
        payload = msgpack.packb([*msgpack.unpackb(payload)[:10], field])
    parts[0] = ("HEAD", payload, 0)
    return spr_files.join(parts)


def by_hand(frames: Frames) -> Frames:
    """`SCALE` written out in other words."""
    out = np.empty((len(frames), 70, 100, 3), np.uint8)
    out[:] = (1, 2, 3)
    wide = np.repeat(frames, 4, axis=2)
    for j in range(68):
        out[:, j, 1:97] = wide[:, int((3 * j + 1) / 13)]
    out[:, :68, 9] = out[:, :68, 8]
    out[:, :68, 21] = out[:, :68, 20]
    return out


def test_a_reader_shows_the_source_or_the_native_frames() -> None:
    data = scaled_file(SCALE)
    native, source = spr_files.frames(), by_hand(spr_files.frames())
    for size, frames in (("auto", source), ("source", source), ("native", native)):
        with sc.open(io.BytesIO(data), size) as reader:  # type: ignore[arg-type]
            assert (reader.height, reader.width) == frames.shape[1:3]
            np.testing.assert_array_equal(reader[:], frames)
            np.testing.assert_array_equal(reader[-1], frames[-1])
            np.testing.assert_array_equal(np.stack(list(reader)), frames)
            np.testing.assert_array_equal(next(reader.pieces(5)).frames, frames[:5])
            assert reader.degradation == SCALE
            assert reader.scene(0).width == 24
            reader.verify()
    with pytest.raises(sc.SettingsError, match="auto, native or source"):
        sc.open(io.BytesIO(data), "large")  # type: ignore[arg-type]


def test_a_file_without_a_scale_has_one_size() -> None:
    assert scaled_file(None) == spr_files.small_file()
    for size in ("auto", "source", "native"):
        reader = sc.open(io.BytesIO(spr_files.small_file()), size)  # type: ignore[arg-type]
        assert reader.degradation is None
        np.testing.assert_array_equal(reader[:], spr_files.frames())


def test_estimated_frames_are_shown_natively_unless_asked_otherwise() -> None:
    facts = {"matrix": "bt709", "psnr": 3851}
    scale = Degradation(SCALE.x, SCALE.y, border=(1, 2, 3), restored=True, facts=facts)
    data = scaled_file(scale)
    reader = sc.open(io.BytesIO(data))
    np.testing.assert_array_equal(reader[:], spr_files.frames())
    assert reader.degradation == scale
    np.testing.assert_array_equal(
        sc.open(io.BytesIO(data), "source")[:], by_hand(spr_files.frames())
    )
    np.testing.assert_array_equal(np.array(spec_decoder.decode(data).frames), reader[:])


def test_the_specification_says_how_frames_are_enlarged() -> None:
    data = scaled_file(SCALE)
    np.testing.assert_array_equal(
        np.array(spec_decoder.decode(data).frames), sc.open(io.BytesIO(data))[:]
    )


def changed(**places: Any) -> list[Any]:
    good: list[Any] = [0, 0, 0, 100, 1, 3, 1, 0, 4, 70, 0, 2, 3, 1, 13]
    return [places.get(f"at_{i}", value) for i, value in enumerate(good)]


@pytest.mark.parametrize(
    "field",
    [
        7,
        [],
        changed()[:-1],
        [*changed(), {}, 0],
        [*changed(), {}],
        [*changed(), [], [], {1: 2}],
        [*changed(), [], [], {"a": 0.5}],
        [*changed(), [], [], []],
        [*changed(), [], [4.0], {}],
        [*changed(), [0], [], {}],
        [*changed(), [4, 0], [], {}],
        [*changed(), [5], [], {}],
        [*changed(), [96], [], {}],
        [*changed(), [1 << 40], [], {}],
        [*changed(), [], {}, {}],
        changed(at_0=9),
        changed(at_1=2),
        changed(at_1=True),
        changed(at_2=1 << 24),
        changed(at_3=101),
        changed(at_3=-1),
        changed(at_3=1 << 20),
        changed(at_4=99),
        changed(at_5="3"),
        changed(at_6=0),
        changed(at_6=5),
        changed(at_7=4),
        changed(at_8=0),
        changed(at_8=1 << 31),
        changed(at_12=1.5),
        # 65536 columns; 2^26 pixels.
        changed(at_3=65536, at_4=1, at_5=3, at_8=2731),
        changed(at_3=65504, at_4=0, at_5=65404 + 4, at_9=65504, at_11=65436),
    ],
)
def test_a_damaged_scale_is_refused(field: Any) -> None:
    with pytest.raises(sc.FormatError, match="chunk HEAD"):
        sc.open(io.BytesIO(scaled_file(None, field)))


def test_decode_native_and_enlarged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "a.spr"
    source.write_bytes(scaled_file(SCALE))
    shown = by_hand(spr_files.frames())
    for options, frames in (
        ([], shown),
        (["--native"], spr_files.frames()),
        (["--native", "--scale", "2"], spr_files.frames().repeat(2, 1).repeat(2, 2)),
        (["--scale", "2", "--start", "3"], shown[3:].repeat(2, 1).repeat(2, 2)),
    ):
        target = tmp_path / "out.rgb"
        assert cli.run(["decode", str(source), str(target), "--overwrite", *options]) == 0
        assert target.read_bytes() == frames.tobytes()
    capsys.readouterr()
    assert cli.run(["info", str(source)]) == 0
    said = capsys.readouterr().out
    assert "12 frames of 100x70" in said
    assert "24x16 behind 100x70, nearest x4 by x4.333, border 1 0 3 2" in said
    assert cli.run(["info", str(source), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["width"], facts["native_width"]) == (100, 24)


def test_labels_are_drawn_at_the_native_size(tmp_path: Path) -> None:
    plain, scaled = tmp_path / "plain.spr", tmp_path / "scaled.spr"
    plain.write_bytes(spr_files.small_file())
    scaled.write_bytes(scaled_file(SCALE))
    wanted = sc.labels(plain)
    np.testing.assert_array_equal(sc.labels(scaled), wanted)
    with sc.open(scaled) as reader:
        np.testing.assert_array_equal(sc.labels(reader), wanted)


# --- finding the scale ----------------------------------------------------------------


def game(count: int = 12, width: int = 48, height: int = 32) -> Frames:
    """Native frames: a noisy ground, and a sprite that moves over it."""
    rng = np.random.default_rng(4)
    ground = rng.integers(0, 5, (height, width, 1), np.uint8).repeat(3, 2) * 40
    frames = np.repeat(ground[None], count, axis=0)
    for t, frame in enumerate(frames):
        frame[3 + t : 9 + t, 2 * t : 2 * t + 5] = (250, t % 2, 9)
    return frames


def nearest(frames: Frames, width: int, height: int) -> Frames:
    """Enlarged as Pillow does it, in floating point."""
    size = width, height
    pictures = [Image.fromarray(f).resize(size, Image.Resampling.NEAREST) for f in frames]
    return np.stack([np.asarray(picture) for picture in pictures])


def swscale(frames: Frames, width: int, height: int) -> Frames:
    """Enlarged as FFmpeg does it: steps of 65536ths of a pixel."""

    def places(native: int, size: int) -> NDArray[np.int64]:
        step = ((native << 16) + size // 2) // size
        return (step * np.arange(size) + step // 2) >> 16

    rows, columns = places(frames.shape[1], height), places(frames.shape[2], width)
    return frames[:, rows][:, :, columns]


def padded(frames: Frames, left: int, top: int, right: int, bottom: int) -> Frames:
    sides = ((0, 0), (top, bottom), (left, right), (0, 0))
    return np.pad(frames, sides, constant_values=7)


def times(frames: Frames, across: int, down: int) -> Frames:
    return frames.repeat(down, 1).repeat(across, 2)


@pytest.mark.parametrize(
    "enlarge",
    [
        lambda f: times(f, 2, 2),
        lambda f: times(f, 3, 3),
        lambda f: times(f, 4, 4),
        lambda f: times(f, 2, 1),
        lambda f: times(f, 2, 5),
        lambda f: nearest(f, 375, 190),
        lambda f: nearest(f, 144, 96),  # by 1.5, where every third pixel depends on rounding
        lambda f: nearest(f, 432, 288),
        lambda f: swscale(f, 375, 190),
        lambda f: swscale(f, 120, 80),
        lambda f: padded(times(f, 3, 3), 20, 10, 20, 10),
        lambda f: padded(times(f, 3, 3), 20, 0, 20, 0),
        lambda f: padded(times(f, 4, 4), 5, 3, 6, 3),
        lambda f: padded(swscale(f, 375, 190), 31, 4, 31, 4),
        lambda f: times(f, 4, 4)[:, 3:-1, 1:-2],
    ],
)
def test_an_enlargement_is_found_and_comes_back(tmp_path: Path, enlarge: Any) -> None:
    native = game(5, 96, 64)
    source = enlarge(native)
    report = sc.encode(source, tmp_path / "a.spr", preset="fast")
    assert report.lossless
    assert report.degradation is not None
    assert report.degradation.native_size == (96, 64)
    assert report.bits_per_pixel == pytest.approx(8 * report.size / (source.size / 3))
    assert [note for note in report.notes if "96x64 behind" in note]
    with sc.open(tmp_path / "a.spr") as reader:
        np.testing.assert_array_equal(reader[:], source)
    with sc.open(tmp_path / "a.spr", "native") as reader:
        np.testing.assert_array_equal(reader[:], native)
    video = spec_decoder.decode((tmp_path / "a.spr").read_bytes())
    np.testing.assert_array_equal(np.array(video.frames), source)


def test_an_enlargement_takes_as_many_bytes_as_the_native_frames(tmp_path: Path) -> None:
    plain = sc.encode(game(), tmp_path / "a.spr", preset="fast")
    scaled = sc.encode(times(game(), 4, 4), tmp_path / "b.spr", preset="fast")
    assert scaled.size <= plain.size + 32
    assert plain.degradation is None
    assert plain.notes == ()


def chequerboard() -> Frames:
    y, x = np.mgrid[:64, :64] // 8
    return np.repeat(((x + y) % 2 * 255).astype(np.uint8)[None, ..., None], 3, 3)


def drifting_square() -> Frames:
    frames = np.zeros((9, 64, 64, 3), np.uint8)
    for t, frame in enumerate(frames):
        frame[16 : 32 + 8 * (t % 2), 16:32] = 99
    return frames


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((3, 40, 60, 3), np.uint8),
        np.full((3, 40, 60, 3), 200, np.uint8),
        np.zeros((2, 1, 1, 3), np.uint8),
        few_colours(2, 1, 40),
        few_colours(2, 40, 2),
        few_colours(1, 30, 40),
        game(),
        np.concatenate([np.zeros((5, 32, 48, 3), np.uint8), game()]),
        drifting_square(),
    ],
)
def test_native_frames_are_not_taken_for_an_enlargement(frames: Frames) -> None:
    notes: list[str] = []
    assert find_upscale(ArrayClip(frames), note=notes.append) is None
    assert notes == []


def test_a_chequerboard_may_be_an_enlargement(tmp_path: Path) -> None:
    report = sc.encode(chequerboard(), tmp_path / "a.spr", preset="fast")
    assert report.lossless
    with sc.open(tmp_path / "a.spr") as reader:
        np.testing.assert_array_equal(reader[:], chequerboard())


def test_a_blank_beginning_hides_nothing(tmp_path: Path) -> None:
    blank = np.zeros((9, 96, 144, 3), np.uint8)
    found = find_upscale(ArrayClip(np.concatenate([blank, times(game(), 3, 3)])))
    assert found is not None
    assert found.native_size == (48, 32)


def test_one_frame_at_full_resolution_undoes_the_scale(tmp_path: Path) -> None:
    source = times(game(40), 3, 3)
    source[37, 50:58, 70:78] = few_colours(1, 8, 8)[0]
    report = sc.encode(source, tmp_path / "a.spr", preset="fast")
    assert report.lossless
    assert report.degradation is None
    (note,) = report.notes
    assert "the first 37 frames" in note
    assert "frame 37 is not" in note
    plain = sc.encode(source, tmp_path / "b.spr", preset="fast", restore=False)
    assert plain.notes == ()
    assert (tmp_path / "a.spr").read_bytes() == (tmp_path / "b.spr").read_bytes()
    with sc.open(tmp_path / "a.spr") as reader:
        np.testing.assert_array_equal(reader[:], source)


def test_what_the_first_frames_show_twice_as_large_gets_the_right_scale() -> None:
    source = times(game(40), 4, 4)
    large = times(times(game(16, 24, 16), 2, 2), 4, 4)
    found = find_upscale(ArrayClip(np.concatenate([large, source])))
    assert found is not None
    assert found.native_size == (48, 32)


def test_the_native_size_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = times(game(6, 24, 16), 2, 2)  # 48x32 pixels that show twice as large
    video = str(make_video(tmp_path / "in.mkv", times(blocks, 3, 3)))
    target = str(tmp_path / "a.spr")
    for words, size in (([], (24, 16)), (["--native", "48x32"], (48, 32))):
        arguments = ["encode", video, target, "--preset", "fast", "--overwrite", "--json", *words]
        assert cli.run(arguments) == 0
        said = capsys.readouterr()
        assert f"{size[0]}x{size[1]} behind 144x96" in said.err
        assert json.loads(said.out)["degradation"]["x"]["native"] == size[0]
        with sc.open(target, "native") as reader:
            assert (reader.width, reader.height) == size
    for words in (["--no-restore"], ["--native", "144x96"]):
        arguments = ["encode", video, target, "--preset", "fast", "--overwrite", "--json", *words]
        assert cli.run(arguments) == 0
        said = capsys.readouterr()
        assert said.err == ""
        assert json.loads(said.out)["degradation"] is None


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--native", "50x32"], "not 50x32 pixels enlarged to 144x96"),
        (["--native", "300x200"], "not 300x200 pixels enlarged to 144x96"),
        (["--native", "256"], "such as 256x240"),
        (["--native", "0x5"], "such as 256x240"),
        (["--native", "48x32", "--no-restore"], "exclude one another"),
        (["--native", "48x32", "--psnr", "40"], "lossless"),
    ],
)
def test_a_native_size_that_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    video = str(make_video(tmp_path / "in.mkv", times(game(5), 3, 3)))
    arguments = ["encode", video, str(tmp_path / "a.spr"), "--preset", "fast", *words]
    assert cli.run(arguments) == sc.SettingsError.exit_code
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "a.spr").exists()


def test_a_blank_clip_may_have_any_native_size(tmp_path: Path) -> None:
    blank = np.full((2, 40, 60, 3), 9, np.uint8)
    report = sc.encode(blank, tmp_path / "a.spr", preset="fast", native=(20, 10))
    assert report.degradation is not None
    assert report.degradation.native_size == (20, 10)
    with sc.open(tmp_path / "a.spr") as reader:
        np.testing.assert_array_equal(reader[:], blank)


def test_commands_compare_with_the_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = str(make_video(tmp_path / "in.mkv", times(game(), 3, 3)))
    target = str(tmp_path / "a.spr")
    assert cli.run(["encode", video, target, "--preset", "fast"]) == 0
    capsys.readouterr()
    assert cli.run(["verify", target, "--against", video]) == 0
    assert "12 frames identical" in capsys.readouterr().out
    assert cli.run(["compare", video, target]) == 0
    assert "lossless: all 12 frames are identical" in capsys.readouterr().out


def test_many_segments_and_the_model_work_natively(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spritecodec.segment_encoder.SEGMENT_FRAMES", 5)
    source = times(game(), 3, 3)
    report = sc.encode(source, tmp_path / "a.spr")
    assert report.segments == 3
    with sc.open(tmp_path / "a.spr") as reader:
        for t in (11, 0, 6):
            np.testing.assert_array_equal(reader[t], source[t])
