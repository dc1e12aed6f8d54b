"""The chunk layer: round trips, damage, versions, limits, and files written atomically."""

from __future__ import annotations

import errno
import io
import os
import random
import resource
import zlib
from pathlib import Path

import pytest
import zstandard

from spritecodec.errors import FormatError, InputError, OutputError, VersionError
from spritecodec.formats import atomic
from spritecodec.formats.spr import container, zstd
from spritecodec.formats.spr.container import Container, Writer

CHUNKS = [
    ("HEAD", b"head payload", 0),
    ("DICT", bytes(range(256)) * 3, 0),
    ("SEGM", b"first", 300),
    ("SEGM", b"", 7),
    ("meta", b"title", 0),
    ("zzzz", b"a kind that nobody knows, but optional", 0),
]


def small_file() -> bytes:
    stream = io.BytesIO()
    writer = Writer(stream)
    for kind, payload, frames in CHUNKS:
        writer.add(kind, payload, frames)
    assert writer.finish() == len(stream.getvalue())
    return stream.getvalue()


def listed(box: Container) -> list[tuple[str, bytes, int]]:
    return [(c.kind, box.payload(c), c.frames) for c in box.chunks]


def test_round_trip(tmp_path: Path) -> None:
    (tmp_path / "a.spr").write_bytes(small_file())
    box = Container.open(tmp_path / "a.spr")
    assert listed(box) == CHUNKS
    assert box.damage is None
    box.verify()
    accounted = len(container.HEADER) + sum(c.size for c in box.chunks) + box.index_size
    assert accounted == box.size == (tmp_path / "a.spr").stat().st_size
    box.close()


def test_overhead_is_small() -> None:
    stream = io.BytesIO()
    writer = Writer(stream)
    for kind in ("HEAD", "DICT", "TEXT", "SEGM"):
        writer.add(kind, b"x" * 1000, 100)
    assert writer.finish() - 4000 <= 100


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**32, 2**63 - 1])
def test_varint_round_trip(value: int) -> None:
    data = container.write_varint(value)
    assert container.read_varint(b"?" + data + b"?", 1) == (value, 1 + len(data))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x00", b"\xff" * 9 + b"\x01"])
def test_bad_varints_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        container.read_varint(data, 0)


def test_cut_at_any_byte_gives_the_chunks_before_the_cut() -> None:
    whole = small_file()
    ends = [c.offset + c.size for c in Container.from_bytes(whole).chunks]
    for cut in range(len(whole)):
        data = whole[:cut]
        if cut < len(container.HEADER):
            with pytest.raises(FormatError):
                Container.from_bytes(data)
            continue
        box = Container.from_bytes(data)
        assert box.damage is not None
        assert listed(box) == CHUNKS[: sum(end <= cut for end in ends)]
        with pytest.raises(FormatError):
            box.verify()


def test_any_flipped_bit_is_noticed_and_no_payload_is_wrong() -> None:
    whole = small_file()
    known = set(CHUNKS)
    blamed = set()
    for position in range(len(whole)):
        for bit in range(8):
            data = bytearray(whole)
            data[position] ^= 1 << bit
            try:
                box = Container.from_bytes(bytes(data))
            except FormatError:
                continue
            for c in box.chunks:
                try:
                    payload = box.payload(c)
                except FormatError as e:
                    blamed.add((e.chunk, e.offset) == (c.kind, c.offset))
                    continue
                assert (c.kind, payload, c.frames) in known
            with pytest.raises(FormatError):
                box.verify()
    assert blamed == {True}


def test_random_bytes_never_crash() -> None:
    rng = random.Random(1)
    for _ in range(500):
        data = container.HEADER + rng.randbytes(rng.randrange(60))
        box = Container.from_bytes(data)
        assert box.damage is not None
        assert listed(box) == []


def header(lowest: int = 0, draft: int = 0) -> bytes:
    return container.SIGNATURE + bytes((9, lowest, draft))


def test_newer_files_are_refused_by_name() -> None:
    with pytest.raises(VersionError, match="format version 9"):
        Container.from_bytes(header(lowest=9))
    with pytest.raises(VersionError, match="draft 3"):
        Container.from_bytes(header(draft=3))


def test_a_newer_file_that_this_reader_can_decode_is_read() -> None:
    payload, prefix = b"abc", b"HEAD\x00\x03"
    crc = zlib.crc32(header() + prefix + payload).to_bytes(4, "little")
    box = Container.from_bytes(header() + prefix + payload + crc)
    assert listed(box) == [("HEAD", payload, 0)]


def test_an_unknown_required_chunk_is_refused() -> None:
    stream = io.BytesIO()
    writer = Writer(stream)
    writer.add("NEWS", b"")
    writer.finish()
    with pytest.raises(VersionError, match="NEWS"):
        Container.from_bytes(stream.getvalue())


@pytest.mark.parametrize("kind", ["ABC", "AB1D", "ABCDE", "ÄBCD", ""])
def test_a_chunk_kind_is_four_letters(kind: str) -> None:
    with pytest.raises(ValueError, match="four ASCII letters"):
        Writer(io.BytesIO()).add(kind, b"")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "not a .spr"),
        (b"\x00" * 100, "not a .spr"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 100, "not a .spr"),
        (small_file().replace(b"\r\n", b"\n"), "text mode"),
        (small_file()[:9], "cut short"),
    ],
)
def test_what_is_no_spr_file_is_said(data: bytes, sentence: str) -> None:
    with pytest.raises(FormatError, match=sentence):
        Container.from_bytes(data)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        Container.open(tmp_path / "nothing.spr")
    with pytest.raises(InputError, match="cannot read"):
        Container.open(tmp_path)


def test_a_chunk_that_claims_terabytes_is_not_allocated() -> None:
    stream = io.BytesIO()
    writer = Writer(stream)
    writer.add("HEAD", b"")
    data = stream.getvalue() + b"SEGM\x01" + container.write_varint(1 << 44) + b"x" * 50
    box = Container.from_bytes(data)
    assert [c.kind for c in box.chunks] == ["HEAD"]
    assert box.damage is not None


# --- zstd -----------------------------------------------------------------------------


def parts() -> list[bytes]:
    rng = random.Random(2)
    return [
        bytes(rng.choices(range(4), k=4000)),
        b"",
        bytes(rng.choices(range(200, 216), k=5000)),
        bytes(rng.choices(b"abc", k=300)),
    ]


@pytest.mark.parametrize("content", [[], [b""], [b"a"], parts(), [b"\0" * 300_000]])
def test_compress_round_trip(content: list[bytes]) -> None:
    whole = b"".join(content)
    data = zstd.compress(content)
    assert zstd.decompress(data, len(whole)) == whole
    with pytest.raises(FormatError):
        zstd.decompress(data + b"x", len(whole))


def test_parts_of_different_kinds_cost_less_apart() -> None:
    assert len(zstd.compress(parts())) < len(zstd.compress([b"".join(parts())]))


def test_content_above_the_limit_is_refused_before_it_is_decoded() -> None:
    settings = zstandard.ZstdCompressionParameters.from_level(
        1, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=1, write_checksum=1
    )
    bomb = zstandard.ZstdCompressor(compression_params=settings).compress(bytes(200_000_000))
    assert len(bomb) < 20_000
    with pytest.raises(FormatError, match="limit"):
        zstd.decompress(bomb, 1_000_000)


def test_a_short_frame_that_declares_much_is_refused() -> None:
    # Frame header: single segment, 8-byte content size, checksum; then nothing.
    forged = b"\xe4" + (1 << 50).to_bytes(8, "little") + b"\x01\0\0" + b"\0" * 4
    with pytest.raises(FormatError, match="cannot hold"):
        zstd.decompress(forged, 1 << 60)


@pytest.mark.parametrize("setting", ["write_content_size", "write_checksum"])
def test_frames_without_size_or_checksum_are_refused(setting: str) -> None:
    settings = {"write_content_size": 1, "write_checksum": 1, setting: 0}
    form = zstandard.FORMAT_ZSTD1_MAGICLESS
    made = zstandard.ZstdCompressionParameters.from_level(3, format=form, **settings)
    data = zstandard.ZstdCompressor(compression_params=made).compress(b"hello" * 9)
    with pytest.raises(FormatError, match="content size or checksum"):
        zstd.decompress(data, 1000)


def test_damaged_frames_end_in_one_error() -> None:
    data = zstd.compress(parts())
    whole = b"".join(parts())
    rng = random.Random(3)
    for cut in range(0, len(data), 7):
        with pytest.raises(FormatError):
            zstd.decompress(data[:cut], len(whole))
    for _ in range(500):
        bad = bytearray(data)
        bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        try:
            assert zstd.decompress(bytes(bad), len(whole)) == whole
        except FormatError:
            continue


# --- files ----------------------------------------------------------------------------


def test_create_replaces_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "out.spr"
    target.write_bytes(b"old")
    with atomic.create(target, overwrite=True) as stream:
        stream.write(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def test_create_leaves_nothing_behind_after_an_error(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic.create(tmp_path / "out.spr") as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_create_refuses_bad_targets(tmp_path: Path) -> None:
    existing = tmp_path / "a.spr"
    existing.write_bytes(b"old")
    for target, sentence in [
        (existing, "exists already"),
        (tmp_path, "folder"),
        (tmp_path / "none" / "a.spr", "no folder"),
        (Path("/dev/full"), "not a regular file"),
    ]:
        with pytest.raises(OutputError, match=sentence), atomic.create(target):
            pass
    assert existing.read_bytes() == b"old"


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        with atomic.create(tmp_path / "out.spr") as stream:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
            stream.write(b"x" * 100_000)

    try:
        with pytest.raises(OutputError, match=os.strerror(errno.EFBIG)):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
