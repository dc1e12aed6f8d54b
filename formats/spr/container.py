"""The .spr container: signature, chunks and index.

    file   = header chunk* index footer
    header = signature (8 bytes), version, lowest reader version, draft (1 byte each)
    chunk  = kind (4 ASCII letters), frames (varint), length (varint), payload, CRC-32

The byte layout is that of ``SPEC.md``, sections 1 to 3. Nothing here knows what the payloads
mean.
"""

from __future__ import annotations

import io
import os
import threading
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from spritecodec.errors import FormatError, InputError, VersionError

SIGNATURE = b"\x89SPR\r\n\x1a\n"
VERSION = 0
LOWEST_READER = 0
DRAFT = 0
HEADER = SIGNATURE + bytes((VERSION, LOWEST_READER, DRAFT))

# Index codes of the kinds, counted from 1; 0 means that a kind is spelled out.
KINDS = ("HEAD", "DICT", "TEXT", "SEGM", "AUDI", "meta")
INDEX_KIND = "INDX"

CRC_SIZE = 4
FOOTER_SIZE = 4
VARINT_SIZE = 9  # bytes; a varint holds 63 bits at most
CHUNK_LIMIT = 1 << 31


# --- integers -------------------------------------------------------------------------


def write_varint(value: int) -> bytes:
    """Little-endian base 128 (SPEC.md section 1): 7 bits a byte, high bit = more follow."""
    if not 0 <= value < 1 << 63:
        raise ValueError(f"a varint holds 0 to 2**63 - 1, not {value}")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The varint at `at` and the position after it.

    Raises
    ------
    FormatError
        It runs past the end of `data`, is longer than 9 bytes, or is not the
        shortest form of its value.
    """
    value = 0
    for i in range(VARINT_SIZE):
        if at + i >= len(data):
            raise FormatError("an integer is cut short")
        byte = data[at + i]
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            if byte == 0 and i > 0:
                raise FormatError("an integer is written longer than it needs to be")
            return value, at + i + 1
    raise FormatError("an integer is longer than 9 bytes")


# --- chunks ---------------------------------------------------------------------------


@dataclass(frozen=True)
class ChunkInfo:
    """One chunk's place in the file.

    Attributes
    ----------
    kind : str
        Four ASCII letters; a reader must understand a kind that starts with a capital.
    frames : int
        Video frames that the chunk adds; 0 for everything that is not a segment.
    offset : int
        Of the chunk's first byte in the file.
    length : int
        Of the payload in bytes.
    size : int
        Of the whole chunk in bytes, its kind, lengths and CRC included.
    """

    kind: str
    frames: int
    offset: int
    length: int

    @property
    def size(self) -> int:
        return self.prefix_size + self.length + CRC_SIZE

    @property
    def prefix_size(self) -> int:
        """Size of kind, frames and length in bytes."""
        return 4 + len(write_varint(self.frames)) + len(write_varint(self.length))

    def prefix(self) -> bytes:
        """Kind, frames and length as bytes."""
        return self.kind.encode("ascii") + write_varint(self.frames) + write_varint(self.length)


def _crc(header: bytes, prefix: bytes, payload: bytes) -> bytes:
    """CRC-32 of file header, prefix and payload; damage to the header shows in it too."""
    return zlib.crc32(payload, zlib.crc32(prefix, zlib.crc32(header))).to_bytes(4, "little")


def _is_kind(kind: bytes) -> bool:
    return len(kind) == 4 and kind.isalpha() and kind.isascii()


class Writer:
    """Writes a .spr file front to back; the stream needs no seeking.

    Parameters
    ----------
    stream : binary file object
        Stays open; the caller closes it.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._chunks: list[ChunkInfo] = []
        self._offset = len(HEADER)
        stream.write(HEADER)

    def add(self, kind: str, payload: bytes, frames: int = 0) -> ChunkInfo:
        """Append one chunk.

        Parameters
        ----------
        kind : str
            Four ASCII letters.
        payload : bytes
            Less than 2 GiB.
        frames : int
            Video frames that the chunk adds.
        """
        if not _is_kind(kind.encode("ascii", "replace")):
            raise ValueError(f"a chunk kind is four ASCII letters, not {kind!r}")
        if len(payload) >= CHUNK_LIMIT:
            raise ValueError(f"chunk {kind} would hold {len(payload)} bytes, the limit is 2 GiB")
        info = ChunkInfo(kind, frames, self._offset, len(payload))
        prefix = info.prefix()
        self._stream.write(prefix + payload + _crc(HEADER, prefix, payload))
        self._offset += info.size
        if kind != INDEX_KIND:
            self._chunks.append(info)
        return info

    def finish(self) -> int:
        """Write index and footer; returns the size of the whole file in bytes."""
        info = self.add(INDEX_KIND, _pack_index(self._chunks))
        self._stream.write(info.size.to_bytes(FOOTER_SIZE, "little"))
        return self._offset + FOOTER_SIZE


def _pack_index(chunks: Sequence[ChunkInfo]) -> bytes:
    """Kind code, frames and length of every chunk in file order (SPEC.md section 3)."""
    out = bytearray()
    for c in chunks:
        if c.kind in KINDS:
            out.append(KINDS.index(c.kind) + 1)
        else:
            out += b"\0" + c.kind.encode("ascii")
        out += write_varint(c.frames) + write_varint(c.length)
    return bytes(out)


def _unpack_index(payload: bytes) -> list[ChunkInfo]:
    chunks = []
    at, offset = 0, len(HEADER)
    while at < len(payload):
        code, at = payload[at], at + 1
        if code == 0:
            spelled, at = payload[at : at + 4], at + 4
            if not _is_kind(spelled):
                raise FormatError("the index names a chunk that is not four letters")
            kind = spelled.decode("ascii")
        elif code <= len(KINDS):
            kind = KINDS[code - 1]
        else:
            raise FormatError(f"the index holds an unknown chunk code {code}")
        frames, at = read_varint(payload, at)
        length, at = read_varint(payload, at)
        chunks.append(ChunkInfo(kind, frames, offset, length))
        offset += chunks[-1].size
    return chunks


class Container:
    """A .spr file opened for reading: its chunks, and their payloads on request.

    Attributes
    ----------
    chunks : tuple of ChunkInfo
        In file order, without the index.
    size : int
        Of the file in bytes.
    index_size : int
        Of index and footer in bytes; 0 where they are missing.
    damage : str or None
        None for a complete file. Otherwise a sentence that says where the file ends
        early; `chunks` then lists the chunks up to there.

    Raises
    ------
    FormatError
        Not a .spr file, or damaged so that not even its first chunks are found.
    VersionError
        A .spr file of a version, a draft or with a chunk that this reader does not know.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self.size = stream.seek(0, io.SEEK_END)
        self.index_size = 0
        self.damage: str | None = None
        self._header = self._read_header()
        indexed = self._read_index()
        if indexed is None:
            self.chunks = tuple(self._scan())
        else:
            self.chunks = tuple(indexed)
        for c in self.chunks:
            if c.kind not in KINDS and c.kind[0].isupper():
                raise VersionError(
                    f"this file needs a newer spritecodec: it holds a chunk of kind {c.kind}",
                    c.kind,
                    c.offset,
                )

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Container:
        """Open a file.

        Raises
        ------
        InputError
            It does not exist or cannot be read.
        FormatError, VersionError
            As the class says.
        """
        try:
            stream = open(path, "rb")  # noqa: SIM115 - close() closes it
        except FileNotFoundError as e:
            raise InputError(f"no such file: {os.fspath(path)}") from e
        except OSError as e:
            raise InputError(f"cannot read {os.fspath(path)}: {e.strerror or e}") from e
        try:
            if not stream.seekable():
                with stream:
                    return cls(io.BytesIO(stream.read()))
            return cls(stream)
        except BaseException:
            stream.close()
            raise

    @classmethod
    def from_bytes(cls, data: bytes) -> Container:
        """Read a file that already lies in memory."""
        return cls(io.BytesIO(data))

    def close(self) -> None:
        """Close the file; payloads cannot be read afterwards."""
        self._stream.close()

    def payload(self, info: ChunkInfo) -> bytes:
        """The payload of one chunk, its CRC checked.

        Raises
        ------
        FormatError
            The chunk is damaged; the message names it and its offset.
        """
        if info.length >= CHUNK_LIMIT or info.offset + info.size > self.size:
            raise FormatError("a chunk claims to reach past the file", info.kind, info.offset)
        raw = self._read(info.offset, info.size)
        prefix, payload = raw[: info.prefix_size], raw[info.prefix_size : -CRC_SIZE]
        if prefix != info.prefix() or raw[-CRC_SIZE:] != _crc(self._header, prefix, payload):
            raise FormatError("the file is damaged: a checksum fails", info.kind, info.offset)
        return payload

    def verify(self) -> None:
        """Check the CRC of every chunk and that the file is complete.

        Raises
        ------
        FormatError
            Something is damaged or cut short.
        """
        for c in self.chunks:
            self.payload(c)
        if self.damage is not None:
            raise FormatError(self.damage)

    def _read(self, offset: int, size: int) -> bytes:
        with self._lock:
            self._stream.seek(offset)
            return self._stream.read(size)

    def _read_header(self) -> bytes:
        head = self._read(0, len(HEADER))
        if head[:4] != SIGNATURE[:4]:
            raise FormatError("this is not a .spr file", offset=0)
        if head[: len(SIGNATURE)] != SIGNATURE[: len(head)]:
            raise FormatError(
                "the signature is damaged, as by a transfer in text mode; copy the file as binary",
                offset=0,
            )
        if len(head) < len(HEADER):
            raise FormatError("the file is cut short inside its header", offset=len(head))
        _, lowest, draft = head[len(SIGNATURE) :]
        if lowest > VERSION:
            raise VersionError(
                f"this file needs a reader of format version {lowest}, this one knows {VERSION}; "
                "install a newer spritecodec",
                offset=len(SIGNATURE),
            )
        if draft != DRAFT:
            raise VersionError(
                f"this file follows draft {draft} of the format, this reader knows only draft "
                f"{DRAFT}; use the spritecodec that wrote it",
                offset=len(SIGNATURE) + 2,
            )
        return head

    def _read_index(self) -> list[ChunkInfo] | None:
        """The chunks that the index lists; None where there is no sound index."""
        end = self.size - FOOTER_SIZE
        if end < len(HEADER):
            return None
        start = end - int.from_bytes(self._read(end, FOOTER_SIZE), "little")
        if start < len(HEADER):
            return None
        try:
            info = self._chunk_at(start)
            if info.kind != INDEX_KIND or start + info.size != end:
                return None
            chunks = _unpack_index(self.payload(info))
        except FormatError:
            return None
        if (chunks[-1].offset + chunks[-1].size if chunks else len(HEADER)) != start:
            return None
        self.index_size = info.size + FOOTER_SIZE
        return chunks

    def _scan(self) -> Iterator[ChunkInfo]:
        """Walk the chunks of a file without an index, up to where it is cut or damaged."""
        offset = len(HEADER)
        while True:
            try:
                info = self._chunk_at(offset)
                self.payload(info)
            except FormatError:
                self.damage = f"the file is cut short or damaged from offset {offset} on"
                return
            if info.kind == INDEX_KIND:
                self.damage = f"the index at offset {offset} is damaged"
                return
            yield info
            offset += info.size

    def _chunk_at(self, offset: int) -> ChunkInfo:
        raw = self._read(offset, 4 + 2 * VARINT_SIZE)
        if not _is_kind(raw[:4]):
            raise FormatError("no chunk starts here", offset=offset)
        frames, at = read_varint(raw, 4)
        length, _ = read_varint(raw, at)
        return ChunkInfo(raw[:4].decode("ascii"), frames, offset, length)
