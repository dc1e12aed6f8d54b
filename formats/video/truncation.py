"""How long a video file says that it is, to notice one that was cut short.

Decoders stop at the end of a file without an error. A cut Matroska, AVI, GIF, Y4M, NUT or MPEG-TS
file would pass for a shorter video, or its last frame for a whole one.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_NUT_ID, _NUT_INDEX = b"nut/multimedia container\0", 0x4E58DD672F23E64E
_TS_SYNC, _TS_PACKETS = 0x47, ((188, 0), (192, 4))  # size of a packet, and where its sync byte is

# Columns and rows of a Y4M frame's luma for each of its chroma.
_Y4M_CHROMA = {"420": (2, 2), "422": (2, 1), "444": (1, 1), "411": (4, 1)}


def declared_end(path: Path) -> int:
    """The number of bytes that the file needs, by its headers, to be whole.

    Returns
    -------
    int
        0 for formats without such a claim, and where the writer left it open. Where all that is
        known is that something is missing, one more than there are.
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
        if head.startswith(b"YUV4MPEG2 "):
            return _y4m_end(file)
        if head == _NUT_ID[:12]:
            return _nut_end(file)
        return _ts_end(file)


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


def _y4m_end(file: BinaryIO) -> int:
    """End of the last frame that begins, or 0 where a frame's size is not known."""
    file.seek(0)
    size = _y4m_frame(file.readline(1 << 16).decode("latin-1").split()[1:])
    end = file.seek(0, 2)
    if not size:
        return 0
    file.seek(0)
    file.readline()
    while head := file.readline(1 << 16):
        begun = file.tell() - len(head)
        if not head.endswith(b"\n"):
            return max(end, begun + len(b"FRAME\n")) + 1
        if file.seek(size, 1) > end:
            return file.tell()
    return end


def _y4m_frame(fields: list[str]) -> int:
    """Bytes of a frame by the fields of the file's first line; 0 where they are not understood."""
    values = {field[0]: field[1:] for field in fields if field[0] in "WHC"}
    space = values.get("C", "420jpeg")
    found = re.fullmatch(r"(420|422|444|411|mono)(?:p?(\d+)|alpha|jpeg|mpeg2|paldv)?", space)
    if found is None or not all(values.get(key, "").isdigit() for key in "WH"):
        return 0
    width, height = int(values["W"]), int(values["H"])
    samples = width * height * (2 if space.endswith("alpha") else 1)
    if found[1] != "mono":
        across, down = _Y4M_CHROMA[found[1]]
        if int(found[2] or 8) > 8 and width % across:
            return 0  # writers disagree about the half sample
        samples += 2 * -(-width // across) * -(-height // down)
    return samples * (2 if int(found[2] or 8) > 8 else 1)


def _nut_end(file: BinaryIO) -> int:
    """End of the index, which a finished file ends with; its last bytes say how long it is."""
    end = file.seek(0, 2)
    file.seek(max(0, end - 12))
    begin = end - int.from_bytes(file.read(8), "big")
    if begin >= 0:
        file.seek(begin)
        if file.read(8) == _NUT_INDEX.to_bytes(8, "big"):
            return end
    return end + 1


def _ts_end(file: BinaryIO) -> int:
    """End of the packet of MPEG-TS that the file ends in; 0 where it is no such file."""
    for size, sync in _TS_PACKETS:
        file.seek(0)
        begins = file.read(3 * size)
        if len(begins) == 3 * size and all(begins[sync + i * size] == _TS_SYNC for i in range(3)):
            end = file.seek(0, 2)
            return end + -end % size
    return 0


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
