"""Streams: arrays of integers as bytes, not compressed yet (SPEC.md section 5).

A stream is written as a mode byte, a varint count, and one or more bodies. The writer
tries every mode that may be the best and keeps the one that zstd makes smallest; the
reader follows the mode byte.

===== ======== ==============================================================
mode  name     bodies
===== ======== ==============================================================
0     plain    the values
1     delta    differences from the previous value (the first from 0)
2     runs     the value of each run; run lengths less one
3     sparse   the values that are not 0; how many zeros precede each
===== ======== ==============================================================

A body is a varint count (left out where it is known), a width byte, and the numbers:
zigzag-coded, then little endian in `width` planes (all low bytes first), or, for width
0, as varints.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from spritecodec.errors import FormatError
from spritecodec.formats.spr.budget import Budget
from spritecodec.formats.spr.container import write_varint

Ints = NDArray[np.int64]

PLAIN, DELTA, RUNS, SPARSE = range(4)
WIDTHS = (1, 2, 4, 8)
VARINT = 0
MAX_VARINT = 9  # bytes

# A candidate within this ratio of the quickly compressed smallest is compressed strongly too.
SHORTLIST_RATIO = 1.25
STRONG_LIMIT = 1 << 16  # bytes; more are compressed at a medium level
# The mode of more values than this is chosen by a sample of so many, in parts spread evenly.
SAMPLE_SIZE = 1 << 18
SAMPLE_PARTS = 16


class _Trials(threading.local):
    """Compressors for trials. Each thread has its own set, since threads cannot share one.

    The quick one finds the candidates that may be the smallest. The strong one, or for much
    data the medium one, decides between these.
    """

    def __init__(self) -> None:
        self.quick, self.strong, self.medium = (
            zstandard.ZstdCompressor(level=level) for level in (3, 19, 12)
        )


_trials = _Trials()


class Cursor:
    """Reads a payload front to back; every read checks that the bytes are there.

    Parameters
    ----------
    data : bytes
    chunk : str
        The chunk's kind, for messages.
    budget : Budget, optional
        What reading may cost; as much as it takes when left out.
    """

    def __init__(self, data: bytes, chunk: str, budget: Budget | None = None) -> None:
        self.data = data
        self.at = 0
        self.chunk = chunk
        self.budget = budget or Budget()

    def fail(self, message: str) -> FormatError:
        """The error for damage found at the current position."""
        return FormatError(f"{message}, {self.at} bytes into the payload", self.chunk)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count < 0 or count > len(self.data) - self.at:
            raise self.fail("the data ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def varint(self) -> int:
        """The next unsigned LEB128 number, below 2**63."""
        value = 0
        for shift in range(0, 63, 7):
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise self.fail("a number is too long")

    def count(self, limit: int, what: str) -> int:
        """A varint that must not exceed `limit`; checked before anything is allocated."""
        value = self.varint()
        if value > limit:
            raise self.fail(f"{value} {what} where at most {limit} are allowed")
        return value

    def end(self) -> None:
        """Check that everything was read."""
        if self.at != len(self.data):
            raise self.fail(f"{len(self.data) - self.at} bytes too many")


def _zigzag(values: Ints) -> NDArray[np.uint64]:
    return ((values << 1) ^ (values >> 63)).view(np.uint64)


def _unzigzag(codes: NDArray[np.uint64]) -> Ints:
    return ((codes >> np.uint64(1)) ^ (np.uint64(0) - (codes & np.uint64(1)))).view(np.int64)


_OF_BYTE: Ints = _unzigzag(np.arange(256, dtype=np.uint64))


def _varints(codes: NDArray[np.uint64]) -> bytes:
    """LEB128 of many numbers at once."""
    most = max(1, -(-int(codes.max(initial=0)).bit_length() // 7))
    parts = codes[:, None] >> (np.arange(most, dtype=np.uint64) * np.uint64(7))
    septets = (parts & np.uint64(127)).astype(np.uint8)
    more = np.zeros(septets.shape, bool)
    more[:, :-1] = parts[:, 1:] > 0
    used = np.ones(septets.shape, bool)
    used[:, 1:] = parts[:, 1:] > 0
    return (septets | (more.astype(np.uint8) << 7))[used].tobytes()


def _read_varints(cursor: Cursor, count: int) -> NDArray[np.uint64]:
    if count == 0:
        return np.zeros(0, np.uint64)
    data = np.frombuffer(cursor.data[cursor.at : cursor.at + MAX_VARINT * count], np.uint8)
    ends = np.flatnonzero(data < 128)[:count]
    if len(ends) < count:
        long = len(data) == MAX_VARINT * count
        raise cursor.fail("a number is too long" if long else "the data ends too early")
    starts = np.append(0, ends[:-1] + 1)
    if int((ends - starts).max()) >= MAX_VARINT:
        raise cursor.fail("a number is too long")
    used = data[: int(ends[-1]) + 1]
    position = np.arange(len(used)) - np.repeat(starts, ends - starts + 1)
    septets = (used & 127).astype(np.uint64) << (position.astype(np.uint64) * np.uint64(7))
    cursor.at += len(used)
    return np.add.reduceat(septets, starts)


def _planes(codes: NDArray[np.uint64], width: int) -> bytes:
    return codes.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :width].T.tobytes()


def _sample(values: NDArray[Any]) -> NDArray[Any]:
    """The values by which the way to write all of them is chosen."""
    if len(values) <= SAMPLE_SIZE:
        return values
    parts = np.array_split(values, SAMPLE_PARTS)
    return np.concatenate([part[: SAMPLE_SIZE // SAMPLE_PARTS] for part in parts])


def _body(values: Ints) -> bytes:
    """Width byte and numbers, in whichever of planes and varints zstd makes smaller."""
    codes = _zigzag(values)
    top = int(codes.max()) if len(codes) else 0
    width = next(w for w in WIDTHS if top < 1 << (8 * w))
    if width > 1 and top < 1 << 63:
        tried = _sample(codes)
        if smallest([_planes(tried, width), _varints(tried)]) == 1:
            return bytes([VARINT]) + _varints(codes)
    return bytes([width]) + _planes(codes, width)


def _read_body(cursor: Cursor, count: int) -> Ints:
    width = cursor.byte()
    if width == VARINT:
        return _unzigzag(_read_varints(cursor, count))
    if width not in WIDTHS:
        raise cursor.fail(f"unknown number width {width}")
    planes = np.frombuffer(cursor.take(count * width), np.uint8).reshape(width, count)
    if width == 1:
        values: Ints = _OF_BYTE[planes[0]]
        return values
    codes = np.zeros((count, 8), np.uint8)
    codes[:, :width] = planes.T
    return _unzigzag(codes.view("<u8")[:, 0].astype(np.uint64))


def _runs(values: Ints) -> tuple[Ints, Ints]:
    starts = np.append(0, np.flatnonzero(np.diff(values)) + 1)
    return values[starts], np.diff(np.append(starts, len(values))) - 1


def magnitude(values: Ints) -> int:
    """The largest distance of a value from 0. It may be 2**63, which int64 does not hold."""
    return max(-int(values.min()), int(values.max())) if values.size else 0


def running_sums(cursor: Cursor, steps: Ints) -> Ints:
    """The sums of the first 1, 2, ... values, from 64 bits to 64 bits.

    Raises
    ------
    FormatError
        A sum does not fit.
    """
    sums = np.cumsum(steps, dtype=np.int64)
    if magnitude(steps) * len(steps) >= 1 << 63:
        # A sum has wrapped around where its sign is neither that of the one before nor the step's.
        wrapped = (sums[1:] ^ sums[:-1]) & (sums[1:] ^ steps[1:]) < 0
        if wrapped.any():
            raise cursor.fail("a sum is larger than 64 bits hold")
    return sums


def smallest(candidates: Sequence[bytes]) -> int:
    """The index of the candidate that zstd makes smallest, by trial compression."""
    quick = [len(_trials.quick.compress(data)) for data in candidates]
    shortlist = [i for i, size in enumerate(quick) if size <= SHORTLIST_RATIO * min(quick)]
    if len(shortlist) == 1:
        return shortlist[0]
    much = max(len(candidates[i]) for i in shortlist) > STRONG_LIMIT
    trial = _trials.medium if much else _trials.strong
    return min(shortlist, key=lambda i: len(trial.compress(candidates[i])))


def _in_mode(v: Ints, mode: int) -> bytes:
    """Mode byte, count and bodies of a stream of at least one value."""
    head = bytes([mode]) + write_varint(len(v))
    if mode == PLAIN:
        return head + _body(v)
    if mode == DELTA:
        return head + _body(np.diff(v, prepend=0))
    if mode == RUNS:
        value, length = _runs(v)
    else:
        where = np.flatnonzero(v)
        value, length = v[where], np.diff(where, prepend=-1) - 1
    return head + write_varint(len(value)) + _body(value) + _body(length)


def _likely_modes(v: Ints) -> list[int]:
    """The modes that may take the fewest bytes."""
    if len(v) < 2:
        return [PLAIN]
    modes = [PLAIN, DELTA]
    if np.count_nonzero(np.diff(v)) + 1 < len(v) * 0.7:
        modes.append(RUNS)
    if np.count_nonzero(v) < len(v) * 0.7:
        modes.append(SPARSE)
    return modes


def write_stream(values: NDArray[np.generic] | Sequence[int]) -> bytes:
    """Write integers in the mode that compresses best.

    Parameters
    ----------
    values : array, shape (n,), any integers that fit int64
    """
    v: Ints = np.asarray(values, np.int64).ravel()
    if len(v) == 0:
        return bytes([PLAIN]) + write_varint(0)
    tried = _sample(v)
    modes = _likely_modes(tried)
    candidates = [_in_mode(tried, mode) for mode in modes]
    best = smallest(candidates)
    return candidates[best] if tried is v else _in_mode(v, modes[best])


def read_stream(cursor: Cursor, limit: int) -> Ints:
    """Read what `write_stream` wrote.

    Parameters
    ----------
    cursor : Cursor
        Stands at the mode byte; moves behind the stream.
    limit : int
        The most values allowed; checked before anything is allocated.

    Returns
    -------
    ndarray, shape (n,), int64

    Raises
    ------
    FormatError
        The stream is damaged, longer than `limit`, or more than the budget holds.
    """
    mode = cursor.byte()
    count = cursor.count(limit, "values")
    if count == 0:
        return np.zeros(0, np.int64)
    cursor.budget.take(8 * count)
    if mode == PLAIN:
        return _read_body(cursor, count)
    if mode == DELTA:
        return running_sums(cursor, _read_body(cursor, count))
    if mode not in (RUNS, SPARSE):
        raise cursor.fail(f"unknown stream mode {mode}")
    parts = cursor.count(count, "runs")
    cursor.budget.take(16 * parts)
    value, length = _read_body(cursor, parts), _read_body(cursor, parts)
    if (length < 0).any() or (length > count).any():
        raise cursor.fail("a run has an impossible length")
    if mode == RUNS:
        if int(length.sum()) + parts != count:
            raise cursor.fail("the runs do not add up")
        return np.repeat(value, length + 1)
    out = np.zeros(count, np.int64)
    where = np.cumsum(length + 1) - 1
    if parts and int(where[-1]) >= count:
        raise cursor.fail("the runs do not add up")
    out[where] = value
    return out


def read_exactly(cursor: Cursor, count: int, what: str) -> Ints:
    """Read a stream that must have `count` values.

    Raises
    ------
    FormatError
        The stream is damaged or has another number of values; the message says of `what`.
    """
    values = read_stream(cursor, count)
    if len(values) != count:
        raise cursor.fail(f"{len(values)} values of {what} instead of {count}")
    return values
