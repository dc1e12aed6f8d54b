"""A .spr file as a tree that can be changed: chunks, sections, and in them numbers and streams.

Writing it back makes every size, checksum and frame of zstd fit again, so that a change reaches
the code behind them.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgpack

from spritecodec.formats.spr.container import write_varint
from tests import craft, spec_decoder
from tests.spec_decoder import Bytes

MOST = 1 << 30  # values of a stream, when a sound file is taken apart


@dataclass
class Stream:
    """Integers; how they are written is chosen anew each time."""

    values: list[int]


Token = int | bytes | Stream  # a varint, bytes as they are, a stream


def copied(token: Token) -> Token:
    """A token of its own."""
    return Stream(token.values.copy()) if isinstance(token, Stream) else token


@dataclass
class Chunk:
    """A chunk, taken apart as far as its kind is known.

    Attributes
    ----------
    kind : str
    frames : int
    sections : list of list of Token
        Of DICT and TEXT one, of SEGM four or five; of AUDI the packets' streams.
    fields : list
        Of HEAD, and of AUDI's set-up.
    rest : bytes
        What is not taken apart.
    """

    kind: str
    frames: int
    sections: list[list[Token]]
    fields: list[Any]
    rest: bytes = b""

    def copy(self) -> Chunk:
        """A chunk of its own; `copy.deepcopy` takes as long as reading the file."""
        sections = [[copied(token) for token in section] for section in self.sections]
        return Chunk(self.kind, self.frames, sections, copy.deepcopy(self.fields), self.rest)


def take_apart(data: bytes) -> list[Chunk]:
    """The chunks of a sound file."""
    out = []
    for kind, frames, payload in spec_decoder.chunks(data):
        chunk = Chunk(kind, frames, [], [])
        if kind == "HEAD":
            chunk.fields = msgpack.unpackb(payload)
        elif kind in ("DICT", "TEXT"):
            chunk.sections = [_tokens(_inflate(payload), _picture_list)]
        elif kind == "SEGM":
            outer = Bytes(payload)
            for walk in (_timing, _pan, _tracks, _residual, _recolouring):
                if outer.at < len(payload):
                    chunk.sections.append(_tokens(_inflate(outer.take(outer.varint())), walk))
        elif kind == "AUDI":
            outer = Bytes(payload)
            chunk.fields = msgpack.unpackb(outer.take(outer.varint()))
            chunk.sections = [_tokens(_inflate(outer.take(outer.varint())), _timing)]
            chunk.rest = payload[outer.at :]
        else:
            chunk.rest = payload
        out.append(chunk)
    return out


def put_together(chunks: list[Chunk], rng: random.Random) -> bytes:
    """A file of these chunks; `rng` chooses how streams are written."""
    parts = []
    for chunk in chunks:
        sections = [b"".join(_written(t, rng) for t in tokens) for tokens in chunk.sections]
        packed = [craft.zstd(s) if s else b"" for s in sections]
        if chunk.kind == "HEAD":
            payload = msgpack.packb(chunk.fields)
        elif chunk.kind in ("DICT", "TEXT"):
            payload = b"".join(packed)
        elif chunk.kind == "SEGM":
            payload = b"".join(write_varint(len(p)) + p for p in packed)
        elif chunk.kind == "AUDI":
            framed = [msgpack.packb(chunk.fields), *packed]
            payload = b"".join(write_varint(len(p)) + p for p in framed) + chunk.rest
        else:
            payload = chunk.rest
        parts.append((chunk.kind, payload, chunk.frames))
    return craft.file(*parts)


def _inflate(data: bytes) -> Bytes:
    return spec_decoder.inflate(data, spec_decoder.Budget(1 << 40, 0, 0))


def _tokens(data: Bytes, walk: Callable[[Bytes], list[Token]]) -> list[Token]:
    return walk(data) if data.data else []


def _streams(data: Bytes, count: int) -> list[Token]:
    return [Stream(data.stream(MOST, exactly=False)) for _ in range(count)]


def _rest(data: Bytes) -> list[Token]:
    """Streams up to the end."""
    out: list[Token] = []
    while data.at < len(data.data):
        out += _streams(data, 1)
    return out


def _timing(data: Bytes) -> list[Token]:
    return _rest(data)


def _pan(data: Bytes) -> list[Token]:
    return [data.varint(), *_rest(data)]


def _tracks(data: Bytes) -> list[Token]:
    out = [*_streams(data, 8), data.take(1), *_streams(data, 2)]
    for _ in range(3):
        out += [data.take(1), *_streams(data, 1)]
    return out


def _picture_list(data: Bytes) -> list[Token]:
    count = data.varint()
    if not count:
        return [count]
    sizes = _streams(data, 2)
    layout = data.take(1)
    out: list[Token] = [count, *sizes, layout]
    if layout == b"\x03":
        widths, heights = (s.values for s in sizes if isinstance(s, Stream))
        total = sum(w * h for w, h in zip(widths, heights, strict=True))
        return [*out, data.take(4 * total)]
    if layout == b"\x02":
        out.append(data.take(1))
    return out + _streams(data, 3 if layout == b"\x02" else 2)


def _residual(data: Bytes) -> list[Token]:
    return [*_streams(data, 4), *_picture_list(data), *_rest(data)]


def _recolouring(data: Bytes) -> list[Token]:
    return _rest(data)


def _written(token: Token, rng: random.Random) -> bytes:
    if isinstance(token, bytes):
        return token
    if isinstance(token, int):
        return write_varint(token)
    values = token.values
    if not all(craft.INT64_MIN <= v <= craft.INT64_MAX for v in values):
        values = [(v + (1 << 63)) % (1 << 64) - (1 << 63) for v in values]
    way = rng.randrange(3)
    if way == 0 or not values:
        return craft.plain(*values)
    steps = [b - a for a, b in zip([0, *values], values, strict=False)]
    if way == 1 and all(craft.INT64_MIN <= s <= craft.INT64_MAX for s in steps):
        return b"\x01" + write_varint(len(values)) + craft.body(steps)
    pairs: list[tuple[int, int]] = []
    for value in values:
        if pairs and pairs[-1][0] == value:
            pairs[-1] = value, pairs[-1][1] + 1
        else:
            pairs.append((value, 1))
    return craft.runs(*pairs)
