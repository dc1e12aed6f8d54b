"""Reading .spr files through the public interface: frames, times, scenes, byte counts."""

from __future__ import annotations

import io
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import spr_files
from PIL import Image, UnidentifiedImageError

import spritecodec as sc
import spritecodec.pillow_plugin
from spritecodec.clip import Clip
from spritecodec.formats.spr.chunks import Head, pack_head


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "small.spr"
    target.write_bytes(spr_files.small_file(with_audio=True))
    return target


def opened(data: bytes) -> sc.Reader:
    return sc.open(io.BytesIO(data))


def test_frames_come_back_in_order_and_out_of_order(path: Path) -> None:
    expected = spr_files.frames()
    with sc.open(path) as reader:
        assert len(reader) == len(expected) == 12
        assert (reader.width, reader.height) == (24, 16)
        for frame, wanted in zip(reader, expected, strict=True):
            np.testing.assert_array_equal(frame, wanted)
        for t in (11, 0, 7, 6, 3, -1, -12):
            np.testing.assert_array_equal(reader[t], expected[t])
        for part in (slice(None), slice(5, 9), slice(-3, None), slice(None, None, -5), slice(4, 2)):
            np.testing.assert_array_equal(reader[part], expected[part])
        for t in (12, -13):
            with pytest.raises(IndexError, match="12 frames"):
                reader[t]


def test_a_frame_is_the_callers_to_keep(path: Path) -> None:
    with sc.open(path) as reader:
        reader[3][:] = 0
        np.testing.assert_array_equal(reader[3], spr_files.frames()[3])


def test_a_segment_is_decoded_without_the_one_before() -> None:
    parts = spr_files.chunks()
    position = next(i for i, part in enumerate(parts) if part[0] == "SEGM")
    parts[position] = ("SEGM", b"nonsense", parts[position][2])
    reader = opened(spr_files.join(parts))
    np.testing.assert_array_equal(reader[7], spr_files.frames()[7])
    with pytest.raises(sc.FormatError, match="chunk SEGM, offset"):
        reader[6]


def test_timestamps_and_rates(path: Path) -> None:
    with sc.open(path) as reader:
        np.testing.assert_array_equal(reader.pts, spr_files.pts())
        np.testing.assert_allclose(reader.timestamps, spr_files.pts() / 60)
        assert reader.time_base == Fraction(1, 60)
        assert reader.frame_rate == 30
        assert reader.duration == pytest.approx((2 * 11 + 1) / 60 + 1 / 30)


def test_scenes_and_pictures_come_back(path: Path) -> None:
    sprites, textures = spr_files.pictures()
    with sc.open(path) as reader:
        for i, scene in enumerate(spr_files.scenes()):
            read = reader.scene(i)
            np.testing.assert_array_equal(read.tracks.x, scene.tracks.x)
            np.testing.assert_array_equal(read.residual.pixels, scene.residual.pixels)
            np.testing.assert_array_equal(read.residual.layer, scene.residual.layer)
            assert len(read.sprites) == len(scene.sprites)
        assert len(reader.sprites) == 4
        for got, wanted in zip(reader.sprites, sprites, strict=True):
            visible = wanted[..., 3] > 0
            np.testing.assert_array_equal(got[visible], wanted[visible])
            np.testing.assert_array_equal(got[..., 3], wanted[..., 3])
        np.testing.assert_array_equal(reader.textures[0], textures[0])
        with pytest.raises(IndexError):
            reader.scene(2)


def test_audio_comes_back(path: Path) -> None:
    wanted = spr_files.audio()
    with sc.open(path) as reader:
        (got,) = reader.audio
    assert (got.codec, got.sample_rate, got.channels) == ("pcm_s16le", 8000, 1)
    assert got.packets == wanted.packets
    np.testing.assert_array_equal(got.pts, wanted.pts)


def test_the_breakdown_accounts_for_every_byte(path: Path) -> None:
    with sc.open(path) as reader:
        sizes = reader.breakdown()
    assert sum(sizes.values()) == path.stat().st_size
    for name in ("header", "dictionary", "background", "timing", "pan", "tracks", "residual"):
        assert sizes[name] > 0
    assert sizes["audio"] > 960
    assert sizes["other"] == 17  # the chunk meta
    assert "damaged" not in sizes
    data = path.read_bytes()[:-50]
    cut = opened(data).breakdown()
    assert sum(cut.values()) == len(data)
    assert cut["damaged"] > 0


def test_a_file_cut_short_has_the_frames_before_the_cut(path: Path) -> None:
    whole = path.read_bytes()
    second = opened(whole).segments[1].chunk
    reader = opened(whole[: second.offset + second.size - 1])
    assert reader.truncated
    assert len(reader) == 7
    np.testing.assert_array_equal(reader[:], spr_files.frames()[:7])
    with pytest.raises(sc.FormatError, match="cut short"):
        reader.verify()


def test_verify_counts_and_hashes_the_pixels(path: Path) -> None:
    calls: list[tuple[int, int]] = []
    with sc.open(path) as reader:
        found = reader.verify(lambda done, total: calls.append((done, total)))
        assert not reader.truncated
    assert found.frames == 12
    assert len(found.md5) == 32
    assert calls == [(i, 12) for i in range(1, 13)]


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (spr_files.head(frames=13), "claims 13 frames but holds 12"),
        (spr_files.head(frames=11), "claims 11 frames but holds 12"),
        (spr_files.head(width=20), "patch lies outside"),
        (spr_files.head(width=65535, height=65535), "impossible size"),
    ],
)
def test_contradictions_are_refused(head: Head, sentence: str) -> None:
    parts = spr_files.chunks()
    parts[0] = ("HEAD", pack_head(head), 0)
    with pytest.raises(sc.FormatError, match=sentence):
        opened(spr_files.join(parts)).verify()


def test_segments_whose_times_overlap_are_refused() -> None:
    parts = spr_files.chunks()
    parts[5] = parts[3]
    parts[0] = ("HEAD", pack_head(spr_files.head(frames=14)), 0)
    with pytest.raises(sc.FormatError, match="overlap"):
        opened(spr_files.join(parts)).verify()


@pytest.mark.parametrize("order", [[1, 0, 2, 3, 4, 5], [1, 2, 3, 4, 5], [0, 0, 1, 2, 3, 4, 5]])
def test_the_head_comes_first_and_once(order: list[int]) -> None:
    parts = spr_files.chunks()
    with pytest.raises(sc.FormatError):
        opened(spr_files.join([parts[i] for i in order]))


def test_a_reader_is_a_clip(path: Path) -> None:
    with sc.open(path) as reader:
        assert isinstance(reader, Clip)
        for _ in range(2):
            pieces = list(reader.pieces(5))
            assert [len(p.pts) for p in pieces] == [5, 5, 2]
            np.testing.assert_array_equal(
                np.concatenate([p.frames for p in pieces]), spr_files.frames()
            )
            np.testing.assert_array_equal(np.concatenate([p.pts for p in pieces]), spr_files.pts())


def test_threads_may_share_a_reader(path: Path) -> None:
    expected = spr_files.frames()
    wrong: list[int] = []
    with sc.open(path) as reader:

        def read(seed: int) -> None:
            for t in np.random.default_rng(seed).integers(0, 12, 60):
                if (reader[int(t)] != expected[t]).any():
                    wrong.append(int(t))

        threads = [threading.Thread(target=read, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_pillow_shows_every_frame(path: Path) -> None:
    expected = spr_files.frames()
    with Image.open(path) as image:
        assert (image.format, image.mode, image.size) == ("SPR", "RGB", (24, 16))
        assert (image.n_frames, image.is_animated) == (12, True)  # type: ignore[attr-defined]
        for t in (0, 5, 11, 2):
            image.seek(t)
            assert image.tell() == t
            np.testing.assert_array_equal(np.asarray(image), expected[t])
        assert image.info["duration"] == pytest.approx(2000 / 60)
        with pytest.raises(EOFError):
            image.seek(12)
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), expected[2])


def test_pillow_refuses_a_damaged_file(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(bytes(data)))
