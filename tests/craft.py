"""Files that no encoder writes, built from single numbers, for the tests of hostile input.

Every checksum fits and every frame of zstd is sound: only what the numbers say is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgpack
import zstandard

from spritecodec.formats.spr.container import write_varint
from spritecodec.formats.spr.streams import write_stream
from tests import spr_files

INT64_MAX, INT64_MIN = (1 << 63) - 1, -(1 << 63)
Part = tuple[str, bytes, int]  # kind, payload, frames


def zstd(content: bytes) -> bytes:
    """A compressed frame."""
    settings = zstandard.ZstdCompressionParameters.from_level(
        1,
        source_size=len(content),
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_content_size=1,
        write_checksum=1,
    )
    frame: bytes = zstandard.ZstdCompressor(compression_params=settings).compress(content)
    return frame


def body(values: Sequence[int]) -> bytes:
    """A width byte and numbers of eight bytes each."""
    codes = [((v << 1 ^ v >> 63) & (1 << 64) - 1).to_bytes(8, "little") for v in values]
    return b"\x08" + b"".join(bytes(plane) for plane in zip(*codes, strict=True))


def plain(*values: int) -> bytes:
    """A stream of these values, as they stand."""
    return b"\0" + write_varint(len(values)) + (body(values) if values else b"")


def runs(*pairs: tuple[int, int]) -> bytes:
    """A stream that holds each value so many times."""
    count = sum(n for _, n in pairs)
    head = b"\x02" + write_varint(count) + write_varint(len(pairs))
    return head + body([v for v, _ in pairs]) + body([n - 1 for _, n in pairs])


def head(width: int = 8, height: int = 8, frames: int = 1, **changes: Any) -> Part:
    """A HEAD chunk; `changes` are fields by their names."""
    fields = {
        "width": width,
        "height": height,
        "frames": frames,
        "tick": 1,
        "ticks": 30,
        "rate": 30,
        "of": 1,
        "psnr": None,
        "lossless": True,
        "writer": "x",
    } | changes
    return "HEAD", msgpack.packb(list(fields.values())), 0


def pictures(*streams: bytes, count: int = 1, kind: str = "DICT") -> Part:
    """A DICT or TEXT chunk; the streams follow the number of pictures."""
    return kind, zstd(write_varint(count) + b"".join(streams)), 0


def one_picture(width: int = 1, height: int = 1, kind: str = "DICT") -> Part:
    """A chunk with one picture of one colour."""
    return pictures(
        plain(width),
        plain(height),
        b"\0",
        plain(9, 9, 9, 255),
        runs((1, width * height)),
        kind=kind,
    )


def segment(
    frames: int = 1,
    *,
    times: bytes | None = None,
    layers: Sequence[bytes] = (),
    tracks: Sequence[bytes] = (),
    residual: Sequence[bytes] = (),
    recolouring: Sequence[bytes] = (),
) -> Part:
    """A SEGM chunk. `layers` are the streams of the pan, three a layer."""
    rest = [(0, 1)] if frames == 1 else [(0, 1), (1, frames - 1)]
    sections = [
        (times or runs(*rest)) + runs((0, frames)),
        write_varint(len(layers) // 3) + b"".join(layers),
        b"".join(tracks),
        b"".join(residual),
    ]
    if recolouring:
        sections.append(b"".join(recolouring))
    packed = [zstd(s) if s else b"" for s in sections]
    return "SEGM", b"".join(write_varint(len(p)) + p for p in packed), frames


def still(frames: int) -> tuple[bytes, bytes, bytes]:
    """A layer without backgrounds that does not move."""
    return write_stream([]), runs((0, frames)), runs((0, frames))


def one_track(**changes: bytes) -> list[bytes]:
    """A track of one placement; `changes` are streams by their names."""
    names = ("start", "more", "layer", "z", "sprite", "x", "y", "flip")
    streams = dict.fromkeys(names, plain(0)) | changes
    empty = write_stream([])
    return [*streams.values(), b"\0", empty, empty, *[b"\0" + empty] * 3]


def audio(packets: int = 1, *, size: int = 0, **changes: Any) -> Part:
    """An AUDI chunk of packets of zeros; `changes` are fields of its set-up by their names."""
    fields = {
        "codec": "pcm_s16le",
        "rate": 8000,
        "channels": 1,
        "layout": "mono",
        "setup": b"",
        "tick": 1,
        "ticks": 8000,
    } | changes
    setup: bytes = msgpack.packb(list(fields.values()))
    zeros = runs((0, packets))
    timing = zstd(runs((1, packets)) + zeros + zeros + runs((size, packets)))
    parts = [write_varint(len(p)) + p for p in (setup, timing)]
    return "AUDI", b"".join(parts) + bytes(max(size, 0) * packets), 0


def file(*parts: Part) -> bytes:
    """A file of these chunks."""
    return spr_files.join(list(parts))
