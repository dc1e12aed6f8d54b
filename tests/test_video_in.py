"""Reading: pixels, colours, times and shapes come in as the file means them."""

from __future__ import annotations

import gc
import io
import subprocess
import sys
import tempfile
import types
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from video_makers import (
    few_colours,
    kept_audio,
    make_audio,
    make_planes,
    make_video,
    read_all,
)

from spritecodec.clip import Clip
from spritecodec.errors import InputError
from spritecodec.formats.video.images import natural_key
from spritecodec.formats.video.sinks import VideoInfo
from spritecodec.formats.video.video_in import open_clip
from spritecodec.formats.video.video_out import open_writer

LOSSLESS = [
    ("a.mkv", "ffv1", "bgr0"),
    ("a.mkv", "libx264rgb", "rgb24"),
    ("a.mp4", "libx264rgb", "rgb24"),
    ("a.mkv", "libvpx-vp9", "gbrp"),
    ("a.avi", "zmbv", "bgr0"),
    ("a.avi", "utvideo", "gbrp"),
    ("a.mov", "qtrle", "rgb24"),
    ("a.mov", "png", "rgb24"),
    ("a.avi", "rawvideo", "bgr24"),
    ("a.apng", "apng", "rgb24"),
]


@pytest.mark.parametrize(("name", "codec", "pixel_format"), LOSSLESS)
def test_rgb_comes_in_bit_exact(tmp_path: Path, name: str, codec: str, pixel_format: str) -> None:
    frames = few_colours(9, 16, 20)
    options = {"libx264rgb": {"qp": "0"}, "libvpx-vp9": {"lossless": "1"}}.get(codec)
    tick = Fraction(1, 25)
    path = make_video(tmp_path / name, frames, codec, pixel_format, options, range(9), tick)
    clip, got, pts = read_all(path)
    np.testing.assert_array_equal(got, frames)
    assert clip.pixel_exact
    assert isinstance(clip, Clip)
    assert [time * clip.time_base for time in pts.tolist()] == [i * tick for i in range(9)]
    assert (clip.width, clip.height, clip.frame_rate, clip.frame_count) == (20, 16, 25, 9)


def test_lossy_video_is_not_pixel_exact(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", few_colours(3, 16, 16), "libx264", "yuv420p")
    assert not open_clip(path).pixel_exact
    # 4:4:4 kept losslessly is still not the RGB that it was made from.
    path = make_video(tmp_path / "b.mkv", few_colours(3, 16, 16), "ffv1", "yuv444p")
    assert not open_clip(path).pixel_exact


# H.273 matrix number: (red's weight, blue's weight).
WEIGHTS = {
    1: (0.2126, 0.0722),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}


def _to_planes(rgb: np.ndarray[Any, Any], matrix: int, limited: bool) -> list[Any]:
    """BT.601-7 / BT.709-6 / BT.2020-2 section on quantisation, 8 bits."""
    red, blue = WEIGHTS[matrix]
    luma = rgb @ np.array([red, 1 - red - blue, blue])
    chroma = [
        (rgb[..., 2] - luma) / (2 - 2 * blue),
        (rgb[..., 0] - luma) / (2 - 2 * red),
    ]
    if limited:
        luma, chroma = 16 + luma * 219 / 255, [c * 224 / 255 for c in chroma]
    return [np.round(p).clip(0, 255).astype(np.uint8) for p in (luma, *(128 + c for c in chroma))]


@pytest.mark.parametrize("limited", [True, False])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_colour_matrix_and_range(tmp_path: Path, matrix: int, limited: bool) -> None:
    rgb = np.random.default_rng(matrix).integers(0, 256, (32, 32, 3)).astype(float)
    planes = _to_planes(rgb, matrix, limited)
    _, got, _ = read_all(make_planes(tmp_path / "a.mkv", planes, matrix, limited, "yuv444p"))
    # Rounding to 8-bit planes costs up to 1.7 levels; a wrong matrix or range costs 10 and more.
    error = np.abs(got[0] - rgb)
    assert error.max() <= 2.2
    assert error.mean() <= 0.7


@pytest.mark.parametrize("limited", [True, False])
def test_subsampled_chroma(tmp_path: Path, limited: bool) -> None:
    rgb = np.broadcast_to(np.array([200.0, 30.0, 90.0]), (7, 9, 3))
    path = make_planes(tmp_path / "a.mkv", _to_planes(rgb, 1, limited), 1, limited, "yuv420p")
    _, got, _ = read_all(path)
    assert np.abs(got[0] - rgb).max() <= 1.6


@pytest.mark.parametrize(("height", "meant"), [(480, 6), (720, 1)])
def test_unspecified_matrix_is_guessed_by_height(tmp_path: Path, height: int, meant: int) -> None:
    rgb = np.broadcast_to(np.array([220.0, 40.0, 60.0]), (height, 16, 3))
    planes = _to_planes(rgb, meant, True)
    _, got, _ = read_all(make_planes(tmp_path / "a.mkv", planes, 2, True, "yuv444p"))
    assert np.abs(got[0] - rgb).max() <= 1.6


def test_unknown_matrix_is_refused(tmp_path: Path) -> None:
    planes = [np.full((16, 16), 100, np.uint8)] * 3
    path = make_planes(tmp_path / "a.mkv", planes, 8, True, "yuv444p")  # YCgCo
    with pytest.raises(InputError, match="colour matrix"):
        open_clip(path)


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
@pytest.mark.parametrize("mirrored", [False, True])
def test_rotation(tmp_path: Path, degrees: int, mirrored: bool) -> None:
    frames = few_colours(2, 6, 10)
    path = make_video(
        tmp_path / "a.mp4", frames, "libx264rgb", "rgb24", {"qp": "0"},
        rotation=(degrees, mirrored, False),
    )  # fmt: skip
    clip, got, _ = read_all(path)
    # PyAV: counter-clockwise degrees; the mirroring comes after the turn.
    want = np.rot90(frames, degrees // 90, axes=(1, 2))
    want = want[:, :, ::-1] if mirrored else want
    np.testing.assert_array_equal(got, want)
    assert (clip.height, clip.width) == want.shape[1:3]


def test_variable_frame_rate_times_are_kept(tmp_path: Path) -> None:
    pts = [0, 7, 8, 500, 501, 90_000, 90_017]
    tick = Fraction(1, 15360)
    path = make_video(
        tmp_path / "a.mp4", few_colours(7, 16, 16), "libx264rgb", "rgb24", {"qp": "0"}, pts, tick
    )
    clip, _, got = read_all(path)
    assert [time * clip.time_base for time in got.tolist()] == [time * tick for time in pts]


def test_missing_times_are_made_up(tmp_path: Path) -> None:
    frames = few_colours(6, 16, 16)
    path = make_video(tmp_path / "a.h264", frames, "libx264", "yuv420p", {"bf": "2"})
    clip, got, pts = read_all(path)
    assert len(got) == 6
    assert (np.diff(pts) > 0).all()
    np.testing.assert_allclose(np.diff(pts) * float(clip.time_base), 0.04, rtol=0.01)


@pytest.mark.parametrize(("height", "width", "count"), [(1, 1, 1), (5, 7, 1), (5, 7, 6), (1, 9, 2)])
def test_odd_sizes(tmp_path: Path, height: int, width: int, count: int) -> None:
    frames = few_colours(count, height, width)
    for name, codec, pixel_format in (("a.mkv", "ffv1", "bgr0"), ("a.apng", "apng", "rgb24")):
        _, got, _ = read_all(make_video(tmp_path / name, frames, codec, pixel_format))
        np.testing.assert_array_equal(got, frames)


def test_pieces_can_be_read_again_and_stay_as_they_were(tmp_path: Path) -> None:
    frames = few_colours(10, 8, 8)
    clip = open_clip(make_video(tmp_path / "a.mkv", frames))
    pieces = list(clip.pieces(4))
    assert [len(piece.frames) for piece in pieces] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([piece.frames for piece in pieces]), frames)
    again = list(clip.pieces(7))
    np.testing.assert_array_equal(np.concatenate([piece.frames for piece in again]), frames)


def test_transparent_pixels_lie_over_black(tmp_path: Path) -> None:
    colours = np.array([[[200, 100, 50, 255], [200, 100, 50, 0], [200, 100, 50, 128]]], np.uint8)
    Image.fromarray(colours, "RGBA").save(tmp_path / "a.png")
    want = [[[200, 100, 50], [0, 0, 0], [100, 50, 25]]]
    for source in (tmp_path / "a.png", tmp_path):  # through FFmpeg, and as a folder through Pillow
        _, got, _ = read_all(source)
        np.testing.assert_array_equal(got[0], want)


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp", "gif"])
def test_folder_in_natural_order(tmp_path: Path, suffix: str) -> None:
    frames = few_colours(12, 5, 7)
    for i, frame in enumerate(frames):
        exact = {"lossless": True} if suffix == "webp" else {}
        Image.fromarray(frame).save(tmp_path / f"shot {i}.{suffix}", **exact)
    (tmp_path / "notes.txt").write_text("not a picture")
    clip, got, pts = read_all(tmp_path)
    np.testing.assert_array_equal(got, frames)
    assert clip.pixel_exact
    assert (clip.frame_count, clip.time_base, pts.tolist()) == (12, Fraction(1, 60), [*range(12)])
    assert open_clip(tmp_path, Fraction(24)).frame_rate == 24


def test_lossy_pictures_are_not_pixel_exact(tmp_path: Path) -> None:
    Image.fromarray(few_colours(1, 16, 16)[0]).save(tmp_path / "a.webp", quality=50)
    assert not open_clip(tmp_path).pixel_exact
    assert not open_clip(tmp_path / "a.webp").pixel_exact


def test_natural_key() -> None:
    names = ["a10.png", "a2.png", "b1.png", "A1.png", "2.png", "10.png", "a.png"]
    want = ["2.png", "10.png", "A1.png", "a2.png", "a10.png", "a.png", "b1.png"]
    assert sorted(names, key=natural_key) == want


@pytest.mark.parametrize("codec", ["aac", "libopus", "flac", "libmp3lame"])
def test_audio_packets_are_kept(tmp_path: Path, codec: str) -> None:
    audio = kept_audio(tmp_path, codec)
    with av.open(str(tmp_path / f"{codec}.mkv")) as container:
        packets = [p for p in container.demux(audio=0) if p.size]
    assert audio.packets == tuple(bytes(p) for p in packets)
    assert audio.pts.tolist() == [p.pts for p in packets]
    assert (audio.sample_rate, audio.channels, audio.layout) == (48000, 2, "stereo")
    assert audio.codec == {"libopus": "opus", "libmp3lame": "mp3"}.get(codec, codec)


# --- Bad input ------------------------------------------------------------------------------


def _refused(source: str | Path, words: str) -> None:
    with pytest.raises(InputError, match=words) as raised:
        read_all(source)
    assert "\n" not in str(raised.value)


def test_nothing_there(tmp_path: Path) -> None:
    _refused(tmp_path / "none.mp4", "does not exist")
    _refused(tmp_path, "without pictures")
    (tmp_path / "empty.mp4").touch()
    _refused(tmp_path / "empty.mp4", "is empty")


def test_not_a_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("These are words, not pictures.\n" * 100)
    _refused(tmp_path / "a.mp4", "not a video")
    (tmp_path / "a.png").write_text("These are words, not pictures.\n" * 100)
    _refused(tmp_path, "not a picture")
    _refused(make_audio(tmp_path / "sound.mkv", "flac"), "no video")


def test_video_without_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.y4m"
    path.write_bytes(b"YUV4MPEG2 W8 H8 F25:1 C444\n")
    _refused(path, "no frames|not a video")


def test_frame_size_that_changes_midway(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("png", rate=25, width=16, height=16)
        stream.pix_fmt = "rgb24"
        for i, size in enumerate([16, 16, 24]):
            with io.BytesIO() as file:
                Image.new("RGB", (size, size), (9, 9, 9)).save(file, "PNG")
                packet = av.Packet(file.getvalue())
            packet.stream, packet.pts, packet.dts = stream, i, i
            packet.time_base, packet.is_keyframe = Fraction(1, 25), True
            container.mux(packet)
    _refused(path, "16x16 to 24x24")


def test_pictures_of_two_sizes(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "1.png")
    Image.new("RGB", (9, 8)).save(tmp_path / "2.png")
    _refused(tmp_path, "9x8")


@pytest.mark.parametrize(
    "name",
    [
        "a.mp4", "a.mkv", "a.webm", "a.avi", "a.apng", "a.webp", "a.gif", "a.y4m", "a.nut", "a.ts",
    ],
)  # fmt: skip
def test_cut_short_anywhere(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    frames = few_colours(8, 24, 24)
    if name == "a.avi":
        make_video(path, frames, "zmbv", "bgr0")
    elif name == "a.nut":
        make_video(path, frames)
    elif name == "a.ts":
        make_video(path, frames, "libx264", "yuv420p")
    else:
        video = VideoInfo(24, 24, Fraction(1, 25), Fraction(25))
        with open_writer(path, video) as writer:
            writer.write(frames, np.arange(8))
    whole = path.read_bytes()
    for length in [*np.linspace(1, len(whole) - 1, 12, dtype=int)]:
        path.write_bytes(whole[:length])
        _refused(path, "cut short|not a video|damaged|no video|no frames")


def test_mp4_with_its_index_at_the_end_cut_off(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", few_colours(8, 24, 24), "libx264", "yuv420p")
    whole = path.read_bytes()
    assert whole.index(b"moov") > whole.index(b"mdat")
    path.write_bytes(whole[: whole.index(b"moov") - 4])
    _refused(path, "cut short")


# --- Standard input -------------------------------------------------------------------------


def test_y4m_on_standard_input_is_read_twice_and_then_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    colours = np.array([[255, 0, 0], [0, 255, 0], [30, 60, 200]], np.uint8)
    frames = np.broadcast_to(colours[:, None, None], (3, 6, 8, 3))
    video = VideoInfo(8, 6, Fraction(1, 30), Fraction(30))
    with open_writer(tmp_path / "a.y4m", video) as writer:
        writer.write(frames, np.arange(3))
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    with (tmp_path / "a.y4m").open("rb") as file:
        monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=file))
        clip = open_clip("-")
    for _ in range(2):
        got = np.concatenate([piece.frames for piece in clip.pieces(2)])
        assert np.abs(got.astype(int) - frames).max() <= 2
    assert (clip.frame_rate, clip.name) == (30, "standard input")
    assert len([*spool.iterdir()]) == 1
    del clip
    gc.collect()
    assert not [*spool.iterdir()]


def test_empty_standard_input() -> None:
    code = (
        "from spritecodec.errors import InputError\n"
        "from spritecodec.formats.video.video_in import open_clip\n"
        "try:\n open_clip('-')\n"
        "except InputError as error:\n print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=b"", capture_output=True, check=True)
    assert b"standard input is empty" in done.stdout
