"""Compressed frames (SPEC.md section 4): written as small as we can, read within a limit."""

from __future__ import annotations

from collections.abc import Sequence

import zstandard

from spritecodec.errors import FormatError
from spritecodec.formats.spr.budget import Budget

WINDOW_LIMIT = 1 << 27  # bytes
LEVEL = 22
# Bytes; in a larger payload only two ways to cut it into blocks are tried.
CUT_SEARCH_LIMIT = 1 << 18


def compress(parts: Sequence[bytes]) -> bytes:
    """One zstd frame of all parts in order, without its magic number.

    A part that starts a new block gets entropy tables of its own. That pays where its
    neighbours hold other kinds of values. A greedy search chooses the parts that start one;
    a decoder need not know.
    """
    cuts: frozenset[int] = frozenset()
    best = _compress(parts, cuts)
    if len(parts) < 2:
        return best
    cuts = frozenset(range(1, len(parts)))
    trial = _compress(parts, cuts)
    size = len(trial)
    best = min(best, trial, key=len)
    if sum(map(len, parts)) > CUT_SEARCH_LIMIT:
        return best
    for cut in range(1, len(parts)):
        trial = _compress(parts, cuts - {cut})
        if len(trial) <= size:
            cuts, size = cuts - {cut}, len(trial)
            best = min(best, trial, key=len)
    return best


def _compress(parts: Sequence[bytes], cuts: frozenset[int]) -> bytes:
    size = sum(map(len, parts))
    settings = zstandard.ZstdCompressionParameters.from_level(
        LEVEL,
        source_size=size,
        format=zstandard.FORMAT_ZSTD1_MAGICLESS,
        write_content_size=1,
        write_checksum=1,
        write_dict_id=0,
    )
    frame = zstandard.ZstdCompressor(compression_params=settings).compressobj(size=size)
    out = []
    for i, part in enumerate(parts):
        if i in cuts:
            out.append(frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        out.append(frame.compress(part))
    return b"".join((*out, frame.flush()))


def decompress(data: bytes, limit: int, budget: Budget | None = None) -> bytes:
    """The content of one magicless zstd frame.

    Parameters
    ----------
    data : bytes
        Exactly one frame, with content size and checksum.
    limit : int
        Most bytes of content that the caller is ready for.
    budget : Budget, optional
        The content is drawn from it.

    Raises
    ------
    FormatError
        The frame is damaged, declares more than `limit` bytes or more than its own
        length can hold (checked before anything is allocated), or bytes follow it.
    """
    try:
        frame = zstandard.get_frame_parameters(data, format=zstandard.FORMAT_ZSTD1_MAGICLESS)
    except zstandard.ZstdError as e:
        raise FormatError(f"a compressed stream has a damaged header: {e}") from e
    size = frame.content_size
    if size == zstandard.CONTENTSIZE_UNKNOWN or not frame.has_checksum or frame.dict_id:
        raise FormatError("a compressed stream lacks its content size or checksum")
    if size > limit:
        raise FormatError(f"a compressed stream declares {size} bytes where {limit} are the limit")
    # A block takes 4 bytes at least and gives 128 KiB at most.
    if size > (len(data) // 4 + 1) << 17:
        raise FormatError(f"a compressed stream of {len(data)} bytes cannot hold {size} bytes")
    if frame.window_size > WINDOW_LIMIT and frame.window_size > size:
        raise FormatError(f"a compressed stream asks for a window of {frame.window_size} bytes")
    if budget is not None:
        budget.take(size)
    reader = zstandard.ZstdDecompressor(format=zstandard.FORMAT_ZSTD1_MAGICLESS)
    try:
        if size == 0:  # the one-shot call would not look at the data at all
            stream = reader.decompressobj()
            content = stream.decompress(data)
            if not stream.eof or stream.unused_data:
                raise FormatError("an empty compressed stream is damaged")
        else:
            content = reader.decompress(data, allow_extra_data=False)
    except (zstandard.ZstdError, MemoryError) as e:
        raise FormatError(f"a compressed stream is damaged: {e}") from e
    if len(content) != size:
        raise FormatError(f"a compressed stream holds {len(content)} bytes but declares {size}")
    return content
