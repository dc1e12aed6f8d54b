"""Bad .spr files and bad targets: one clear error, never a crash, a hang or a wrong frame."""

from __future__ import annotations

import io
import random
from pathlib import Path

import craft
import numpy as np
import pytest
import spr_files
from numpy.typing import NDArray

import spritecodec as sc
from spritecodec.formats.spr.container import read_varint, write_varint
from spritecodec.formats.spr.zstd import decompress

SHARDS = 4


def frames_of(data: bytes) -> tuple[sc.Reader, NDArray[np.uint8]]:
    reader = sc.open(io.BytesIO(data))
    return reader, reader[:]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_cut_at_any_byte(shard: int) -> None:
    whole, expected = spr_files.small_file(), spr_files.frames()
    decoded = set()
    for cut in range(shard, len(whole), SHARDS):
        try:
            reader, frames = frames_of(whole[:cut])
        except sc.FormatError as e:
            assert str(e)  # noqa: PT017 - most cuts are refused, which is right
            continue
        assert reader.truncated
        np.testing.assert_array_equal(frames, expected[: len(frames)])
        decoded.add(len(frames))
        with pytest.raises(sc.FormatError):
            reader.verify()
    assert decoded == {0, 7, 12}


@pytest.mark.parametrize("shard", range(SHARDS))
def test_any_bit_flipped(shard: int) -> None:
    whole, expected = spr_files.small_file(), spr_files.frames()
    refused = 0
    # One bit of every byte; test_container.py flips all eight, a level below.
    for position in range(shard, len(whole), SHARDS):
        data = bytearray(whole)
        data[position] ^= 1 << position // SHARDS % 8
        try:
            reader = sc.open(io.BytesIO(bytes(data)))
            with pytest.raises(sc.FormatError):
                reader.verify()
            frames = reader[:]
        except sc.FormatError:
            refused += 1
            continue
        np.testing.assert_array_equal(frames, expected[: len(frames)])
    assert refused > len(whole) // SHARDS // 2


def sections(payload: bytes) -> list[bytes]:
    at, out = 0, []
    while at < len(payload):
        size, at = read_varint(payload, at)
        out.append(payload[at : at + size])
        at += size
    return out


def mutated(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(out) + 1)
        what = rng.randrange(5)
        if what == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            out[at : at + 1] = bytes([rng.choice((0, 1, 127, 128, 255))])
        elif what == 2:
            out[at:at] = bytes([rng.randrange(256)])
        elif what == 3:
            del out[at : at + 1]
        else:
            out[at : at + 9] = b"\xff" * 8 + b"\x7f"
    return bytes(out)


@pytest.mark.parametrize("seed", range(4))
def test_forged_streams_with_right_checksums(seed: int) -> None:
    # Whoever forges a file can make every checksum fit, so the streams are checked too.
    rng = random.Random(seed)
    base = spr_files.chunks(with_audio=True)
    refused = 0
    for _ in range(100):
        parts = list(base)
        at = rng.randrange(len(parts) - 1)
        kind, payload, count = parts[at]
        if kind in ("DICT", "TEXT"):
            payload = craft.zstd(mutated(rng, decompress(payload, 1 << 20)))
        elif kind == "SEGM":
            frames = sections(payload)
            i = rng.randrange(len(frames))
            frames[i] = craft.zstd(mutated(rng, decompress(frames[i], 1 << 20)))
            payload = b"".join(write_varint(len(f)) + f for f in frames)
        else:
            payload = mutated(rng, payload)
        if rng.random() < 0.05:
            count = rng.choice((0, 1, count + 1, 1 << 24, 1 << 62))
        parts[at] = (kind, payload, count)
        try:
            reader, drawn = frames_of(spr_files.join(parts))
            reader.verify()
        except sc.FormatError:
            refused += 1
            continue
        assert drawn.shape[1:] == (reader.height, reader.width, 3)
    assert refused > 50


def test_absurd_sizes_are_refused_before_they_are_allocated() -> None:
    parts = spr_files.chunks()
    where = {kind: i for i, (kind, _, _) in enumerate(parts)}
    huge = write_varint(1 << 40)
    forged = {
        # 2^40 pictures; 2^40 layers; 2^40 time stamps.
        "DICT": craft.zstd(huge),
        "TEXT": craft.zstd(b"\x01" + b"\0\x01\x01" + huge),
        "SEGM": b"".join(
            write_varint(len(f)) + f for f in (craft.zstd(b"\0" + huge), craft.zstd(huge), b"", b"")
        ),
    }
    for kind, payload in forged.items():
        bad = list(parts)
        bad[where[kind]] = (kind, payload, parts[where[kind]][2])
        with pytest.raises(sc.FormatError, match=f"chunk {kind}, offset"):
            sc.open(io.BytesIO(spr_files.join(bad))).verify()


@pytest.mark.parametrize("count", [0, (1 << 16) + 1, 1 << 62])
def test_a_segment_of_absurdly_many_frames_is_refused(count: int) -> None:
    parts = spr_files.chunks()
    parts[3] = ("SEGM", parts[3][1], count)
    with pytest.raises(sc.FormatError, match=f"{count} frames, not 1 to 65536"):
        sc.open(io.BytesIO(spr_files.join(parts)))


def test_decode_leaves_nothing_behind_when_the_file_is_damaged(tmp_path: Path) -> None:
    parts = spr_files.chunks()
    parts[5] = ("SEGM", b"nonsense", parts[5][2])
    source = tmp_path / "bad.spr"
    source.write_bytes(spr_files.join(parts))
    target = tmp_path / "out.mkv"
    target.write_bytes(b"precious")
    with pytest.raises(sc.FormatError, match="SEGM"):
        sc.decode(source, target, overwrite=True)
    assert target.read_bytes() == b"precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.spr", "out.mkv"]


def test_decode_does_not_touch_an_existing_target(tmp_path: Path) -> None:
    source = tmp_path / "a.spr"
    source.write_bytes(spr_files.small_file())
    target = tmp_path / "out.mkv"
    target.write_bytes(b"precious")
    with pytest.raises(sc.OutputError, match="exists"):
        sc.decode(source, target)
    assert target.read_bytes() == b"precious"


@pytest.mark.parametrize(("start", "stop"), [(5, 5), (12, None), (None, 0), (9, 3)])
def test_an_empty_range_is_refused(tmp_path: Path, start: int | None, stop: int | None) -> None:
    source = tmp_path / "a.spr"
    source.write_bytes(spr_files.small_file())
    with pytest.raises(sc.SettingsError, match="empty"):
        sc.decode(source, tmp_path / "out.mkv", start=start, stop=stop)
    assert not (tmp_path / "out.mkv").exists()
