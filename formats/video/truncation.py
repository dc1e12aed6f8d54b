"""How long a video file says that it is, to notice one that was cut short.

Decoders stop at the end of a file without an error. A cut Matroska, AVI or GIF file would
pass for a shorter video, or its last frame for a whole one.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067


def declared_end(path: Path) -> int:
    """The number of bytes that the file's outermost header claims.

    Returns
    -------
    int
        0 for formats without such a claim, and where the writer left it open.
    """
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF" and head[8:] == b"AVI ":
            return 8 + int(struct.unpack("<I", head[4:8])[0])
        file.seek(0)
        if head[:4] == _EBML.to_bytes(4, "big"):
            return _segment_end(file)
        if head[:6] in (b"GIF87a", b"GIF89a"):
            return _gif_end(file)
        if head[:8] == b"\x89PNG\r\n\x1a\n":
            return _png_end(file)
    return 0


def _segment_end(file: BinaryIO) -> int:
    """End of Matroska's Segment (RFC 8794, sections 4 to 6; RFC 9559, section 5)."""
    while True:
        first = file.read(1)
        if not first or not first[0]:
            return 0
        identity = int.from_bytes(first + file.read(8 - first[0].bit_length()), "big")
        first = file.read(1)
        if not first or not first[0]:
            return 0
        more = 8 - first[0].bit_length()
        unknown = (1 << 7 * (more + 1)) - 1
        size = int.from_bytes(first + file.read(more), "big") & unknown
        if size == unknown:
            return 0
        if identity == _SEGMENT:
            return file.tell() + size
        file.seek(size, 1)


def _png_end(file: BinaryIO) -> int:
    """End of the IEND chunk, or of the chunk that the file breaks off in."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        end = file.seek(size + 4, 1)
        if kind == b"IEND":
            return end
    # No IEND: at least one whole empty chunk (12 bytes) is missing after what was read.
    return file.tell() - len(head) + 12


def _gif_end(file: BinaryIO) -> int:
    """End of the trailer (GIF89a, sections 18 to 27), or one byte past a file without one."""
    file.seek(10)
    _skip_gif_palette(file)
    file.seek(2, 1)  # background colour and aspect ratio precede the palette
    while (kind := file.read(1)) in (b"!", b","):
        if kind == b",":
            file.seek(8, 1)
            _skip_gif_palette(file)
        file.seek(1, 1)  # an extension's label, or an image's code size
        while length := file.read(1).ljust(1, b"\0")[0]:
            file.seek(length, 1)
    return file.tell() + (kind != b";")


def _skip_gif_palette(file: BinaryIO) -> None:
    flags = file.read(1).ljust(1, b"\0")[0]
    if flags & 0x80:
        file.seek(3 << (flags & 7) + 1, 1)
