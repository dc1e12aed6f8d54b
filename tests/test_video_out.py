"""Writing: what goes out comes back, and what cannot go out leaves nothing behind."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from video_makers import Frames, few_colours, kept_audio, read_all

from spritecodec.clip import AudioStream
from spritecodec.errors import OutputError, SettingsError
from spritecodec.formats.video.framemd5 import FrameHasher
from spritecodec.formats.video.sinks import VideoInfo
from spritecodec.formats.video.video_out import FORMATS, VideoWriter, format_of, open_writer

TICK = Fraction(1, 30)
# Frames shown for 1 to 5 ticks.
UNEVEN = np.array([0, 1, 4, 5, 10, 11, 13])


def writer_for(target: Path | str, frames: Frames, **settings: Any) -> VideoWriter:
    times = {name: settings.pop(name) for name in ("time_base", "frame_rate") if name in settings}
    video = VideoInfo(frames.shape[2], frames.shape[1], TICK, Fraction(30))._replace(**times)
    return open_writer(target, video, **settings)


def write(
    target: Path | str, frames: Frames, pts: NDArray[np.int64] | None = None, **settings: Any
) -> list[str]:
    pts = np.arange(len(frames)) if pts is None else pts
    with writer_for(target, frames, **settings) as writer:
        for start in range(0, len(frames), 3):
            writer.write(frames[start : start + 3], pts[start : start + 3])
    assert writer.frame_count == len(frames)
    return writer.notes


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


EXACT = ["mp4", "mov", "mkv", "webm", "gif", "apng", "webp", "png"]


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (32, 48)])
@pytest.mark.parametrize("count", [1, 7])
def test_lossless_is_exact(tmp_path: Path, name: str, size: tuple[int, int], count: int) -> None:
    frames = few_colours(count, *size)
    frames[:, 0, 0] = np.arange(count)[:, None] * 30  # WebP makes one of equal frames in a row
    target = tmp_path / ("out" if name == "png" else f"out.{name}")
    assert write(target, frames, UNEVEN[:count], lossless=True) == []
    clip, got, _ = read_all(target)
    np.testing.assert_array_equal(got, frames)
    assert clip.pixel_exact
    assert left_in(tmp_path) == [target.name]


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("mp4", 0), ("mov", 0), ("apng", Fraction(1, 10_000)), ("mkv", Fraction(1, 1000)),
     ("webm", Fraction(1, 1000)), ("webp", Fraction(1, 1000)), ("gif", Fraction(1, 100))],
)  # fmt: skip
def test_times_come_back(tmp_path: Path, name: str, tolerance: Fraction) -> None:
    # 7 ticks in: the first frame need not be at 0, except where the format counts from it.
    offset = 0 if name in ("apng", "webp", "gif") else 7
    write(tmp_path / f"out.{name}", few_colours(7, 16, 16), UNEVEN + offset, lossless=True)
    clip, _, pts = read_all(tmp_path / f"out.{name}")
    for time, want in zip(pts.tolist(), (UNEVEN + offset).tolist(), strict=True):
        assert abs(time * clip.time_base - want * TICK) <= tolerance


@pytest.mark.parametrize("name", ["mp4", "mov", "mkv", "webm"])
def test_default_video_plays_everywhere(tmp_path: Path, name: str) -> None:
    colours = np.array([[255, 0, 0], [0, 255, 0], [30, 60, 200], [250, 250, 250]], np.uint8)
    frames = np.repeat(np.repeat(colours[:, None, None], 32, axis=1), 48, axis=2)
    path = tmp_path / f"out.{name}"
    write(path, frames)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert context.name == ("vp9" if name == "webm" else "h264")
        assert context.pix_fmt == "yuv420p"
        assert (context.colorspace, context.color_range) == (1, 1)  # BT.709, limited
    _, got, _ = read_all(path)
    assert np.abs(got.astype(int) - frames).max() <= 4
    if name in ("mp4", "mov"):  # the index comes first, so that playing can start at once
        data = path.read_bytes()
        assert data.index(b"moov") < data.index(b"mdat")


def test_odd_sizes_are_padded_for_h264(tmp_path: Path) -> None:
    frames = np.full((2, 5, 7, 3), (200, 50, 90), np.uint8)
    notes = write(tmp_path / "out.mp4", frames)
    assert len(notes) == 1
    assert "8x6" in notes[0]
    _, got, _ = read_all(tmp_path / "out.mp4")
    assert got.shape == (2, 6, 8, 3)
    assert np.abs(got.astype(int) - (200, 50, 90)).max() <= 4
    assert write(tmp_path / "out.webm", frames) == []


@pytest.mark.parametrize("name", ["mkv", "gif", "apng", "webp", "rawrgb"])
def test_scale_repeats_pixels(tmp_path: Path, name: str) -> None:
    frames = few_colours(3, 5, 7)
    want = np.kron(frames, np.ones((1, 3, 3, 1), np.uint8))
    target = tmp_path / f"out.{name}"
    write(target, frames, scale=3, lossless=True)
    if name == "rawrgb":
        assert target.read_bytes() == want.tobytes()
    else:
        np.testing.assert_array_equal(read_all(target)[1], want)


def test_gif_of_more_than_256_colours(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    notes = write(tmp_path / "out.gif", frames)
    assert len(notes) == 1
    assert "256" in notes[0]
    assert np.abs(read_all(tmp_path / "out.gif")[1].astype(int) - frames).mean() < 25
    with pytest.raises(OutputError, match="colours"):
        write(tmp_path / "exact.gif", frames, lossless=True)
    assert left_in(tmp_path) == ["out.gif"]


@pytest.mark.parametrize("most", [4, 40, 256])
def test_gif_palettes_that_come_and_go(tmp_path: Path, most: int) -> None:
    # Frames of few, many and again few colours, some equal: palettes grow, clash and return.
    rng = np.random.default_rng(most)
    pool = rng.integers(0, 256, (2 * most, 3), dtype=np.uint8)
    pool[:2] = [[255] * 3, [0] * 3]
    frames = []
    for _ in range(60):
        start, count = rng.integers(0, most), rng.integers(1, most + 1)
        change = pool[start + rng.integers(0, count, (12, 12))]
        frame = frames[-1].copy() if frames and rng.random() < 0.7 else change
        frame[:3] = change[:3]
        frames.append(frames[0] if rng.random() < 0.2 and frames else frame)
    write(tmp_path / "out.gif", np.stack(frames), lossless=True)
    np.testing.assert_array_equal(read_all(tmp_path / "out.gif")[1], np.stack(frames))
    with Image.open(tmp_path / "out.gif") as seen:  # and as another reader sees it
        for i, frame in enumerate(frames):
            seen.seek(i)
            np.testing.assert_array_equal(seen.convert("RGB"), frame)


def test_gif_faster_than_it_can_show(tmp_path: Path) -> None:
    frames = few_colours(60, 8, 8)
    notes = write(tmp_path / "out.gif", frames, time_base=Fraction(1, 60), frame_rate=Fraction(60))
    clip, got, pts = read_all(tmp_path / "out.gif")
    assert len(notes) == 1
    assert f"{60 - len(got)} frames" in notes[0]
    assert 30 <= len(got) < 60
    assert np.diff(pts).min() >= 2
    # Every frame that is shown is shown when it should be.
    shown = np.round(pts * float(clip.time_base) * 60).astype(int)
    np.testing.assert_array_equal(got, frames[shown])


def test_y4m_is_bt601_444(tmp_path: Path) -> None:
    frames = few_colours(4, 5, 7)
    write(tmp_path / "out.y4m", frames)
    data = (tmp_path / "out.y4m").read_bytes()
    assert data.startswith(b"YUV4MPEG2 W7 H5 F30:1 Ip A0:0 C444\nFRAME\n")
    assert len(data) == data.index(b"FRAME") + 4 * (6 + 3 * 35)
    clip, got, pts = read_all(tmp_path / "out.y4m")
    assert np.abs(got.astype(int) - frames).max() <= 2
    assert (clip.frame_rate, pts.tolist()) == (30, [0, 1, 2, 3])


def test_uneven_times_in_y4m_are_noted(tmp_path: Path) -> None:
    frames = few_colours(7, 4, 4)
    assert write(tmp_path / "even.y4m", frames) == []
    assert "unequal" in write(tmp_path / "uneven.y4m", frames, UNEVEN)[0]


def test_frames_that_begin_alike_get_the_hashes_they_have_alone() -> None:
    rng = np.random.default_rng(4)
    frame = rng.integers(0, 256, (9, 5, 3), np.uint8)
    hasher = FrameHasher()
    for changed in [0, 134, 134, 60, None, 61, 3, None, 100, 20]:
        frame = frame.copy()
        if changed is not None:
            frame.ravel()[changed] ^= 1
        assert hasher(frame) == hashlib.md5(frame.tobytes(), usedforsecurity=False).hexdigest()


def test_framemd5_is_the_text_that_ffmpeg_writes(tmp_path: Path) -> None:
    frames = few_colours(3, 5, 7)
    write(tmp_path / "out.framemd5", frames, np.array([0, 1, 5]))
    hashes = [hashlib.md5(frame.tobytes()).hexdigest() for frame in frames]
    mirrored = frames[0, :, ::-1]
    assert FrameHasher()(mirrored) == hashlib.md5(mirrored.tobytes()).hexdigest()
    assert (tmp_path / "out.framemd5").read_text() == (
        "#format: frame checksums\n#version: 2\n#hash: MD5\n#tb 0: 1/30\n#media_type 0: video\n"
        "#codec_id 0: rawvideo\n#dimensions 0: 7x5\n#sar 0: 0/1\n"
        "#stream#, dts,        pts, duration,     size, hash\n"
        f"0,          0,          0,        1,      105, {hashes[0]}\n"
        f"0,          1,          1,        4,      105, {hashes[1]}\n"
        f"0,          5,          5,        1,      105, {hashes[2]}\n"
    )


def test_png_folder(tmp_path: Path) -> None:
    frames = few_colours(3, 5, 7)
    write(tmp_path / "shots", frames)
    assert left_in(tmp_path / "shots") == ["000000.png", "000001.png", "000002.png"]
    with pytest.raises(OutputError, match="not empty"):
        write(tmp_path / "shots", frames)
    (tmp_path / "shots" / "mine.png").touch()
    write(tmp_path / "shots", frames[:1], overwrite=True)
    assert left_in(tmp_path / "shots") == ["000000.png", "mine.png"]
    np.testing.assert_array_equal(Image.open(tmp_path / "shots" / "000000.png"), frames[0])
    assert left_in(tmp_path) == ["shots"]


# --- Audio ----------------------------------------------------------------------------------

HOLDS = {
    ("aac", "mp4"): True, ("aac", "mkv"): True, ("aac", "mov"): True, ("aac", "webm"): False,
    ("libopus", "mp4"): True, ("libopus", "mkv"): True, ("libopus", "webm"): True,
    ("libopus", "mov"): False, ("flac", "mp4"): True, ("flac", "mkv"): True,
    ("pcm_s16le", "mkv"): True, ("pcm_s16le", "mov"): True, ("flac", "gif"): False,
}  # fmt: skip


@pytest.mark.parametrize(("codec", "name"), HOLDS)
def test_audio_comes_back_as_it_was(tmp_path: Path, codec: str, name: str) -> None:
    audio = kept_audio(tmp_path, codec)
    notes = write(tmp_path / f"out.{name}", few_colours(12, 16, 16), lossless=True, audio=[audio])
    clip, got, _ = read_all(tmp_path / f"out.{name}")
    assert len(got) == 12
    if not HOLDS[codec, name]:
        assert len(notes) == 1
        assert "audio" in notes[0]
        assert "mkv" in notes[0]
        assert clip.audio == ()
        return
    assert notes == []
    (back,) = clip.audio
    assert (back.codec, back.sample_rate, back.channels) == (audio.codec, 48000, 2)
    if codec == "pcm_s16le":  # samples may be cut into packets anew
        assert b"".join(back.packets) == b"".join(audio.packets)
        return
    assert back.packets == audio.packets
    if codec != "libopus":  # mp4 has a layout of its own for Opus' set-up bytes
        assert back.extradata == audio.extradata
    # The distance in time from packet to packet, within the millisecond of Matroska.
    were, are = (np.diff(a.pts) * float(a.time_base) for a in (audio, back))
    np.testing.assert_allclose(are, were, atol=0.0021)
    with av.open(str(tmp_path / f"out.{name}")) as container:
        assert sum(frame.samples for frame in container.decode(audio=0)) >= 14_000


def test_two_audio_streams(tmp_path: Path) -> None:
    both = [kept_audio(tmp_path, "aac"), kept_audio(tmp_path, "flac")]
    write(tmp_path / "out.mkv", few_colours(3, 16, 16), audio=both)
    back = read_all(tmp_path / "out.mkv")[0].audio
    assert [a.packets for a in back] == [a.packets for a in both]


def test_unknown_audio_codec_is_left_out(tmp_path: Path) -> None:
    none = np.zeros(1, np.int64)
    odd = AudioStream(
        "nonsense", 8000, 1, "mono", b"", Fraction(1, 8000), none, none, none, (b"x",)
    )
    notes = write(tmp_path / "out.mkv", few_colours(2, 16, 16), audio=[odd])
    assert "nonsense" in notes[0]


# --- Names and settings ---------------------------------------------------------------------


def test_format_by_name(tmp_path: Path) -> None:
    names = {
        "a.mp4": "mp4", "a.M4V": "mp4", "a.mov": "mov", "a.mkv": "mkv", "a.webm": "webm",
        "a.gif": "gif", "a.apng": "apng", "a.webp": "webp", "a.y4m": "y4m", "a.rgb": "rawrgb",
        "a.framemd5": "framemd5", "shots": "png", "shots.d/": "png", "-": "y4m",
    }  # fmt: skip
    assert {name: format_of(name) for name in names} == names
    assert format_of(tmp_path) == "png"
    assert [format_of("x.avi", name) for name in FORMATS] == list(FORMATS)
    with pytest.raises(SettingsError, match="avi"):
        format_of("x.avi")
    with pytest.raises(SettingsError, match="divx"):
        format_of("x.mp4", "divx")


@pytest.mark.parametrize(
    ("target", "settings", "words"),
    [
        ("a.mp4", {"scale": 0}, "scale"),
        ("a.mp4", {"scale": 65}, "scale"),
        ("a.y4m", {"lossless": True}, "lossless"),
        ("-", {"format": "mp4"}, "standard output"),
    ],
)
def test_settings_that_cannot_be(
    tmp_path: Path, target: str, settings: dict[str, Any], words: str
) -> None:
    name = target if target == "-" else tmp_path / target
    with pytest.raises(SettingsError, match=words):
        writer_for(name, few_colours(1, 4, 4), **settings)
    assert left_in(tmp_path) == []


# --- Failures -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_an_existing_target_is_kept(tmp_path: Path, name: str) -> None:
    target = tmp_path / f"out.{name}"
    target.write_bytes(b"precious")
    frames = few_colours(2, 4, 4)
    with pytest.raises(OutputError, match=r"exists|is a file"):
        writer_for(target, frames, format=name)
    assert target.read_bytes() == b"precious"
    if name != "png":
        write(target, frames, format=name, overwrite=True)
        assert target.read_bytes() != b"precious"
    assert left_in(tmp_path) == [target.name]


@pytest.mark.parametrize("name", FORMATS)
def test_an_exception_leaves_nothing(tmp_path: Path, name: str) -> None:
    frames = few_colours(2, 4, 4)

    def fail_midway() -> None:
        with writer_for(tmp_path / f"out.{name}", frames, format=name) as writer:
            writer.write(frames, np.arange(2))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_midway()
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("name", FORMATS)
def test_no_frames(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="no frames"):
        write(tmp_path / f"out.{name}", np.empty((0, 4, 4, 3), np.uint8), format=name)
    assert left_in(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.mkv").write_bytes(b"old")
    (tmp_path / "link.mkv").symlink_to(tmp_path / "real.mkv")
    frames = few_colours(2, 4, 4)
    with pytest.raises(OutputError, match="exists"):
        writer_for(tmp_path / "link.mkv", frames)
    write(tmp_path / "link.mkv", frames, overwrite=True, lossless=True)
    assert (tmp_path / "link.mkv").is_symlink()
    np.testing.assert_array_equal(read_all(tmp_path / "real.mkv")[1], frames)


def test_unwritable_targets(tmp_path: Path) -> None:
    frames = few_colours(1, 4, 4)
    with pytest.raises(OutputError, match="No such file"):
        writer_for(tmp_path / "none" / "out.mp4", frames)
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        writer_for(tmp_path / "folder.mp4", frames, format="mp4")


def test_wrong_frames(tmp_path: Path) -> None:
    frames = few_colours(2, 4, 4)
    for bad, pts in [
        (frames[:, :3], np.arange(2)),
        (frames.astype(np.uint16), np.arange(2)),
        (frames, np.arange(3)),
        (frames, np.array([4, 4])),
    ]:
        with (
            pytest.raises(OutputError, match=r"takes uint8 frames|timestamp 4 follows 4"),
            writer_for(tmp_path / "out.mkv", frames) as writer,
        ):
            writer.write(bad, pts)
        assert left_in(tmp_path) == []


FULL = """
import resource, signal, sys
from fractions import Fraction
import numpy as np
from spritecodec.errors import OutputError
from spritecodec.formats.video.sinks import VideoInfo
from spritecodec.formats.video.video_out import open_writer
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
frames = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
try:
    with open_writer(sys.argv[1], VideoInfo(64, 64, Fraction(1, 30), Fraction(30)),
                     format=sys.argv[2]) as writer:
        writer.write(frames, np.arange(6))
except OutputError as error:
    print("one sentence:", error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a POSIX thing")
@pytest.mark.parametrize("name", [name for name in FORMATS if name != "framemd5"])
def test_full_disk(tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-c", FULL, str(tmp_path / "out"), name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "one sentence:" in done.stdout
    assert "could not be written: File too large" in done.stdout
    assert left_in(tmp_path) == []


# --- Pipes and devices ----------------------------------------------------------------------

PIPE = """
import sys
from fractions import Fraction
import numpy as np
from spritecodec.errors import OutputError
from spritecodec.formats.video.sinks import VideoInfo
from spritecodec.formats.video.video_out import open_writer
frames = np.arange(3 * 4 * 4 * 3, dtype=np.uint8).reshape(3, 4, 4, 3)
repeat = int(sys.argv[2])
try:
    with open_writer("-", VideoInfo(4, 4, Fraction(1, 30), Fraction(30)),
                     format=sys.argv[1]) as writer:
        for i in range(repeat):
            writer.write(frames, np.arange(3) + 3 * i)
    print("after")
except OutputError as error:
    print("one sentence:", error, file=sys.stderr)
"""


@pytest.mark.parametrize("name", ["rawrgb", "y4m", "framemd5"])
def test_standard_output(tmp_path: Path, name: str) -> None:
    frames = np.arange(3 * 4 * 4 * 3, dtype=np.uint8).reshape(3, 4, 4, 3)
    write(tmp_path / "out", frames, format=name)
    done = subprocess.run([sys.executable, "-c", PIPE, name, "1"], capture_output=True, check=True)
    assert done.stdout == (tmp_path / "out").read_bytes() + b"after" + os.linesep.encode()


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe shows otherwise there")
def test_closed_pipe() -> None:
    command = [sys.executable, "-c", PIPE, "rawrgb", "5000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert b"standard output could not be written: Broken pipe" in said
    assert b"Traceback" not in said


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_devices_are_written_to_and_stay_devices() -> None:
    frames = few_colours(3, 64, 64)
    with pytest.raises(OutputError, match="No space left"):
        write("/dev/full", frames, format="rawrgb")
    with pytest.raises(OutputError, match="No space left"):
        write("/dev/full", frames, format="mkv")
    write("/dev/null", frames, format="y4m")
    for name in ("/dev/full", "/dev/null"):
        assert stat.S_ISCHR(os.stat(name).st_mode)
