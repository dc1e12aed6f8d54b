"""Cases: a file made of a sound one by a few changes, all of it decided by a seed."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests import craft, spr_files
from tests.craft import head, plain, runs
from tests.fuzz.structure import Chunk, Stream, copied, put_together, take_apart

INTERESTING = (
    *range(-3, 10), 31, 32, 33, 63, 64, 127, 128, 255, 256, 511, 512, 65535, 65536, 1 << 20,
    (1 << 25) - 1, 1 << 25, (1 << 30) - 1, 1 << 30, (1 << 31) - 1, 1 << 31, (1 << 32) + 1, 1 << 53,
    (1 << 62) - 1, 1 << 62, (1 << 63) - 1, -(1 << 30), -(1 << 31), -(1 << 62), -(1 << 63),
)  # fmt: skip
ODD_FIELDS: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "\x1b[2J",
    b"",
    [],
    {},
)


@dataclass(frozen=True)
class Case:
    """A file to read.

    Attributes
    ----------
    kind : str
        A key of `KINDS`.
    seed : int
    changes : int
        How many were made, the first so many that the seed decides.
    data : bytes
    base : bytes
        What it was made of.
    """

    kind: str
    seed: int
    changes: int
    data: bytes
    base: bytes

    @property
    def repaired(self) -> bool:
        """Whether every checksum fits."""
        return self.kind in REPAIRED


@cache
def bases() -> tuple[bytes, ...]:
    """Small sound files with a bit of everything."""
    small = [
        head(6, 5, 4, psnr=31.5, lossless=False),
        craft.pictures(plain(2, 1, 3), plain(2, 3, 1), b"\0", plain(*range(8)),
                       runs((1, 7), (2, 3)), count=3),
        craft.pictures(plain(9), plain(7), b"\x02\x08", plain(*[200] * 4), plain(0, 1),
                       runs((1, 64), (3, 64)), kind="TEXT"),
        craft.segment(
            2,
            layers=(plain(0, -1, -1), plain(0, 1), plain(0, 0), plain(), plain(0, 2), plain(0, 1)),
            tracks=[
                plain(0, 0, 1), plain(1, 1, 0), plain(0, 1, 0), plain(3, 0, 0), plain(0, 0, 2),
                plain(1, 2, 3), plain(0, 1, 2), plain(0, 3, 1),
                b"\x01", plain(-1, 0), plain(2), b"\x00", plain(1, -1), b"\x03", plain(0, 1),
                b"\0", plain(0, 0),
            ],
            residual=[
                plain(0, 0), plain(0, 1), plain(1, 2), plain(0, 3), b"\x02", plain(2, 1),
                plain(1, 2), b"\x01", plain(7, 0, 0, 255), plain(0, 4, 4, 0), plain(2),
            ],
            recolouring=[plain(0), plain(1), plain(0), plain(), plain(1, 3), plain(3, 1)],
        ),
        craft.segment(2, times=plain(5, 1), layers=(plain(0, 0, 0), plain(0, 0), plain(0, -1))),
        craft.audio(2, size=3),
        ("meta", b"a title", 0),
    ]  # fmt: skip
    direct = [
        head(4, 4, 1, scale=[0, 0, 255, 9, 1, 0, 1, 0, 2, 8, 0, 0, 1, 0, 2, [], [], {"x": 1}]),
        ("TEXT", craft.zstd(b"\x01" + plain(4) + plain(4) + b"\x03" + bytes(range(64))), 0),
        craft.segment(1, layers=(plain(0, 0, 0), plain(0), plain(0))),
    ]
    return craft.file(*small), craft.file(*direct), spr_files.small_file(with_audio=True)


def plain_change(data: bytes, rng: random.Random) -> bytes:
    """Bytes replaced, inserted or removed anywhere."""
    out = bytearray(data)
    at = rng.randrange(len(out) + 1)
    what = rng.randrange(4)
    if what == 0:
        out[at : at + 1] = bytes([rng.randrange(256)])
    elif what == 1:
        out[at:at] = rng.randbytes(rng.randrange(1, 5))
    elif what == 2:
        del out[at : at + rng.randrange(1, 9)]
    else:
        begin = rng.randrange(len(out) + 1)
        out[at:at] = out[begin : begin + rng.randrange(1, 40)]
    return bytes(out)


def flip_bit(data: bytes, rng: random.Random) -> bytes:
    """One bit."""
    out = bytearray(data)
    out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def truncate(data: bytes, rng: random.Random) -> bytes:
    """The beginning alone."""
    return data[: rng.randrange(len(data))]


def change_stream(chunks: list[Chunk], rng: random.Random) -> None:
    """Some values of a stream."""
    streams = [t for c in chunks for s in c.sections for t in s if isinstance(t, Stream)]
    if not streams:
        return
    values = rng.choice(streams).values
    what = rng.randrange(7)
    at = rng.randrange(len(values) + 1)
    if what == 0 and values:
        values[min(at, len(values) - 1)] = rng.choice(INTERESTING)
    elif what == 1 and values:
        values[min(at, len(values) - 1)] += rng.choice((-2, -1, 1, 2))
    elif what == 2:
        values[at:at] = [rng.choice(INTERESTING)] * rng.choice((1, 1, 2, 300))
    elif what == 3:
        del values[at : at + rng.randrange(1, 4)]
    elif what == 4:
        values[:] = [rng.choice(INTERESTING)] * len(values)
    elif what == 5:
        rng.shuffle(values)
    else:
        values[at:at] = rng.choice(streams).values[:50]


def change_token(chunks: list[Chunk], rng: random.Random) -> None:
    """A number, a mode, or the order of what a section holds."""
    sections = [s for c in chunks for s in c.sections if s]
    if not sections:
        return
    tokens = rng.choice(sections)
    at = rng.randrange(len(tokens))
    what, token = rng.randrange(4), tokens[at]
    if isinstance(token, bytes):
        tokens[at] = bytes([rng.randrange(34)]) + token[1:]
    elif isinstance(token, int):
        tokens[at] = rng.choice([n for n in INTERESTING if n >= 0])
    elif what == 0:
        del tokens[at]
    elif what == 1:
        tokens.insert(at, copied(rng.choice(tokens)))
    elif what == 2:
        other = rng.randrange(len(tokens))
        tokens[at], tokens[other] = tokens[other], tokens[at]
    else:
        tokens[at] = rng.randbytes(rng.randrange(12))


def change_chunks(chunks: list[Chunk], rng: random.Random) -> None:
    """The order, the number, the kinds and the frames of chunks."""
    sections = [s for c in chunks for s in c.sections]
    at, other = rng.randrange(len(chunks)), rng.randrange(len(chunks))
    what = rng.randrange(6)
    if what == 0 and len(chunks) > 1:
        del chunks[at]
    elif what == 1:
        chunks[at:at] = [chunks[other].copy()] * rng.choice((1, 1, 30))
    elif what == 2:
        chunks[at], chunks[other] = chunks[other], chunks[at]
    elif what == 3:
        chunks[at].kind = rng.choice(
            ("HEAD", "DICT", "TEXT", "SEGM", "AUDI", "meta", "NEWS", "more")
        )
    elif what == 4:
        chunks[at].frames = rng.choice([n for n in INTERESTING if n >= 0])
    elif sections:
        rng.choice(sections)[:] = [copied(token) for token in rng.choice(sections)]


def change_field(chunks: list[Chunk], rng: random.Random) -> None:
    """A field of the head or of the audio's set-up."""
    fields = rng.choice([c.fields for c in chunks if c.fields] or [[0]])
    at = rng.randrange(len(fields))
    if isinstance(fields[at], list) and fields[at] and rng.random() < 0.9:
        fields = fields[at]
        at = rng.randrange(len(fields))
    numbers = [n for n in INTERESTING if n >= 0]
    odd = copy.copy(rng.choice(ODD_FIELDS))
    fields[at] = odd if rng.random() < 0.4 else rng.choice(numbers)
    if rng.random() < 0.1:
        fields.insert(at, 1)


def grow(chunks: list[Chunk], rng: random.Random) -> None:
    """More frames, or a larger screen, with all that a sound file then needs to say."""
    fields = chunks[0].fields
    if len(fields) > 3 and rng.random() < 0.5:
        for i in (0, 1):
            if type(fields[i]) is int:
                fields[i] = min(fields[i] * rng.choice((1, 2, 5)), 40)
        return
    for chunk in chunks:
        if chunk.kind == "SEGM" and len(chunk.sections) > 1 and len(chunk.sections[0]) == 2:
            for tokens in chunk.sections[:2]:
                for token in tokens:
                    if isinstance(token, Stream) and len(token.values) == chunk.frames:
                        token.values += [1] * 3 if tokens is chunk.sections[0] else [0] * 3
            chunk.frames = min(chunk.frames + 3, craft.INT64_MAX)
            if len(fields) > 2 and type(fields[2]) is int:
                fields[2] += 3


PLAIN: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "plain": plain_change,
    "bit flip": flip_bit,
    "truncation": truncate,
}
REPAIRED: dict[str, Callable[[list[Chunk], random.Random], None]] = {
    "stream": change_stream,
    "token": change_token,
    "chunks": change_chunks,
    "field": change_field,
    "grow": grow,
}
KINDS = (*PLAIN, *REPAIRED)


def make_case(kind: str, seed: int, changes: int | None = None) -> Case:
    """The case of a seed; with `changes`, only the first so many are made."""
    rng = random.Random(f"{kind} {seed}")
    base = rng.choice(bases()[:2] if rng.random() < 0.95 else bases())
    count = 1 if kind in ("bit flip", "truncation") else rng.choice((1, 1, 2, 3, 5))
    count = count if changes is None else min(count, changes)
    if kind in PLAIN:
        data = base
        for _ in range(count):
            data = PLAIN[kind](data, rng)
        return Case(kind, seed, count, data, base)
    chunks = [chunk.copy() for chunk in _apart(base)]
    for _ in range(count):
        change = REPAIRED[kind] if rng.random() < 0.7 else rng.choice(list(REPAIRED.values()))
        change(chunks, rng)
    return Case(kind, seed, count, put_together(chunks, rng), base)


@cache
def _apart(base: bytes) -> list[Chunk]:
    return take_apart(base)


def shrink(case: Case, fails: Callable[[Case], bool]) -> Case:
    """The case with the fewest changes that fails, too."""
    for changes in range(1, case.changes):
        smaller = make_case(case.kind, case.seed, changes)
        if fails(smaller):
            return smaller
    return case
