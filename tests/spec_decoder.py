"""A .spr decoder written from formats/SPEC.md alone: plain Python, slow, no checks.

It shares no code with spritecodec, so where the two agree on a file, the specification
says what the codec does. Section numbers are those of the specification.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import msgpack
import zstandard

Colour = tuple[int, int, int, int]
Rows = list[list[Colour]]


class Bytes:
    """Reads numbers front to back (sections 1, 4, 5)."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, n: int) -> bytes:
        self.at += n
        assert self.at <= len(self.data)
        return self.data[self.at - n : self.at]

    def varint(self) -> int:
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def body(self, n: int) -> list[int]:
        (width,) = self.take(1)
        if width == 0:
            codes = [self.varint() for _ in range(n)]
        else:
            planes = [self.take(n) for _ in range(width)]
            codes = [sum(p[i] << 8 * k for k, p in enumerate(planes)) for i in range(n)]
        return [c // 2 if c % 2 == 0 else -(c + 1) // 2 for c in codes]

    def stream(self) -> list[int]:
        (mode,) = self.take(1)
        count = self.varint()
        if count == 0:
            return []
        if mode == 0:
            return self.body(count)
        if mode == 1:
            return sums(self.body(count))
        n = self.varint()
        values, others = self.body(n), self.body(n)
        out: list[int] = []
        for value, other in zip(values, others, strict=True):
            out += [value] * (other + 1) if mode == 2 else [0] * other + [value]
        return out + [0] * (count - len(out))


def sums(steps: list[int]) -> list[int]:
    out: list[int] = []
    for step in steps:
        out.append(step + (out[-1] if out else 0))
    return out


def inflate(data: bytes) -> Bytes:
    magic = zstandard.FRAME_HEADER
    return Bytes(zstandard.ZstdDecompressor().decompress(magic + data) if data else b"")


def picture_list(data: Bytes, palette: list[Colour]) -> list[Rows]:
    """Section 6."""
    if data.varint() == 0:
        return []
    widths, heights = data.stream(), data.stream()
    (layout,) = data.take(1)
    side = data.take(1)[0] if layout == 2 else 0
    sizes = list(zip(widths, heights, strict=True))
    if layout == 3:
        return direct(data, sizes)
    read_colours(data, palette)
    out = []
    if layout == 2:
        tile_map, tiles = iter(data.stream()), data.stream()
        for w, h in sizes:
            across, down = -(-w // side), -(-h // side)
            numbers = [next(tile_map) for _ in range(across * down)]
            picture = []
            for y in range(h):
                row = []
                for x in range(w):
                    tile = numbers[y // side * across + x // side]
                    row.append(palette[tiles[tile * side * side + y % side * side + x % side]])
                picture.append(row)
            out.append(picture)
        return out
    pixels = iter(data.stream())
    for w, h in sizes:
        picture = [[(0, 0, 0, 0)] * w for _ in range(h)]
        if layout == 0:
            for y in range(h):
                for x in range(w):
                    picture[y][x] = palette[next(pixels)]
        else:
            for x in range(w):
                for y in range(h):
                    picture[y][x] = palette[next(pixels)]
        out.append(picture)
    return out


def read_colours(data: Bytes, palette: list[Colour]) -> None:
    colours = data.stream()
    c = len(colours) // 4
    palette += list(zip(*(colours[i * c : i * c + c] for i in range(4)), strict=True))


def direct(data: Bytes, sizes: list[tuple[int, int]]) -> list[Rows]:
    channels = []
    for _ in range(4):
        pictures = []
        for w, h in sizes:
            plane = [[0] * w for _ in range(h)]
            for y in range(h):
                for x in range(w):
                    left = plane[y][x - 1] if x else 0
                    above = plane[y - 1][x] if y else 0
                    corner = plane[y - 1][x - 1] if x and y else 0
                    plane[y][x] = (data.take(1)[0] + left + above - corner) % 256
            pictures.append(plane)
        channels.append(pictures)
    out = []
    for i, (w, h) in enumerate(sizes):
        r, g, b, a = (channel[i] for channel in channels)
        out.append([[(r[y][x], g[y][x], b[y][x], a[y][x]) for x in range(w)] for y in range(h)])
    return out


@dataclass
class Video:
    """What the file shows: frames as rows of (r, g, b), and their times in ticks.

    `scale` is the eleventh field of the head, empty where there is none.
    """

    width: int = 0
    height: int = 0
    frames: list[list[list[tuple[int, ...]]]] = field(default_factory=list)
    pts: list[int] = field(default_factory=list)
    scale: list[Any] = field(default_factory=list)


def chunks(data: bytes) -> list[tuple[str, int, bytes]]:
    """Sections 2 and 3: by the index, every CRC checked."""
    header = data[:11]
    assert header == bytes.fromhex("89 53 50 52 0d 0a 1a 0a 00 00 00")

    def chunk(at: int) -> tuple[str, int, bytes, int]:
        reader = Bytes(data)
        reader.at = at
        kind = reader.take(4)
        frames, length = reader.varint(), reader.varint()
        payload = reader.take(length)
        crc = zlib.crc32(header + data[at : reader.at])
        assert reader.take(4) == crc.to_bytes(4, "little")
        return kind.decode(), frames, payload, reader.at

    start = len(data) - 4 - int.from_bytes(data[-4:], "little")
    kind, _, payload, end = chunk(start)
    assert (kind, end) == ("INDX", len(data) - 4)
    index, at, out = Bytes(payload), 11, []
    names = ("HEAD", "DICT", "TEXT", "SEGM", "AUDI", "meta")
    while index.at < len(payload):
        (code,) = index.take(1)
        listed = names[code - 1] if code else index.take(4).decode()
        sizes = index.varint(), index.varint()
        kind, frames, content, at = chunk(at)
        assert (kind, frames, len(content)) == (listed, *sizes)
        out.append((kind, frames, content))
    assert at == start
    return out


def decode(data: bytes) -> Video:
    """Section 7, chunk by chunk."""
    video = Video()
    palette: list[Colour] = [(0, 0, 0, 0)]
    sprites: list[Rows] = []
    textures: list[Rows] = []
    for kind, n, payload in chunks(data):
        if kind == "HEAD":
            head = msgpack.unpackb(payload)
            video.width, video.height = head[:2]
            video.scale = head[10] if len(head) == 11 else []
        elif kind == "DICT":
            sprites += picture_list(inflate(payload), palette)
        elif kind == "TEXT":
            textures += picture_list(inflate(payload), palette)
        elif kind == "SEGM":
            segment(video, n, Bytes(payload), sprites, textures, list(palette))
    if video.scale and video.scale[1] == 0:
        video.frames = [enlarged(frame, video.scale) for frame in video.frames]
    return video


def enlarged(frame: list[list[tuple[int, ...]]], scale: list[Any]) -> list[list[tuple[int, ...]]]:
    """The source's frame of a native one: HEAD in section 7."""
    kernel, _, border, *axes = scale[:15]
    assert kernel == 0
    colour = (border >> 16, border >> 8 & 255, border & 255)
    late = [sums(steps) for steps in scale[15:17]] or [[], []]
    columns, rows = shown(axes[:6], late[0]), shown(axes[6:], late[1])
    return [[colour if x is None or y is None else frame[y][x] for x in columns] for y in rows]


def shown(axis: list[int], late: list[int]) -> list[int | None]:
    """The native column of each source column; None in the border."""
    size, left, right, step, phase, unit = axis
    inner = [(step * j + phase) // unit - (j in late) for j in range(size - left - right)]
    return [*[None] * left, *inner, *[None] * right]


@dataclass
class Placement:
    z: int
    track: int
    sprite: int
    x: int
    y: int
    flip: int


def segment(
    video: Video,
    n: int,
    payload: Bytes,
    sprites: list[Rows],
    textures: list[Rows],
    palette: list[Colour],
) -> None:
    timing, pan_section, track_section, residual = (
        inflate(payload.take(payload.varint())) for _ in range(4)
    )
    recolouring = Bytes(b"")
    if payload.at < len(payload.data):
        recolouring = inflate(payload.take(payload.varint()))
    video.pts += sums(timing.stream())
    backdrop = timing.stream()
    layers = []
    for _ in range(pan_section.varint()):
        triples = pan_section.stream()
        rows = [triples[i : i + 3] for i in range(0, len(triples), 3)]
        pan = list(zip(sums(pan_section.stream()), sums(pan_section.stream()), strict=True))
        layers.append((rows, pan))
    shown = read_tracks(track_section, [pan for _, pan in layers])
    patches = []
    if residual.data:
        start = sums(residual.stream())
        length, x, y = residual.stream(), residual.stream(), residual.stream()
        pictures = picture_list(residual, palette)
        moves_with = [0] * len(start)
        if residual.at < len(residual.data):
            layer_of_lasting = iter(residual.stream())
            moves_with = [next(layer_of_lasting) if more else 0 for more in length]
        patches = list(zip(start, length, x, y, pictures, moves_with, strict=True))
    tables = recolour_tables(recolouring, palette)
    for t in range(n):
        screen = Screen(video.width, video.height, backdrop[t])
        for number, (rows, pan) in enumerate(layers):
            px, py = pan[t]
            for texture, x0, y0 in rows:
                screen.draw(textures[texture], x0 - px, y0 - py)
            for p in sorted(shown.get((number, t), []), key=lambda p: (p.z, p.track)):
                picture = sprites[p.sprite]
                if p.flip & 1:
                    picture = [row[::-1] for row in picture]
                if p.flip & 2:
                    picture = picture[::-1]
                screen.draw(picture, p.x - px, p.y - py)
        table = tables.get(t, {})
        screen.pixels = [[table.get(p, p) for p in row] for row in screen.pixels]
        for begin, more, x0, y0, picture, layer in patches:
            if begin <= t <= begin + more:
                pan = layers[layer - 1][1] if layer else [(0, 0)] * n
                moved = pan[t][0] - pan[begin][0], pan[t][1] - pan[begin][1]
                screen.draw(picture, x0 - moved[0], y0 - moved[1])
        video.frames.append(screen.pixels)


def recolour_tables(
    data: Bytes, palette: list[Colour]
) -> dict[int, dict[tuple[int, ...], tuple[int, ...]]]:
    """The table of each frame that has one."""
    if not data.data:
        return {}
    gap, more, number = data.stream(), data.stream(), data.stream()
    read_colours(data, palette)
    source, target = data.stream(), data.stream()
    count = len(target) // len(source)
    tables = [
        {palette[s][:3]: palette[target[i * count + k]][:3] for i, s in enumerate(source)}
        for k in range(count)
    ]
    out, t = {}, 0
    for a, b, k in zip(gap, more, number, strict=True):
        out |= dict.fromkeys(range(t + a, t + a + b + 1), tables[k])
        t += a + b + 1
    return out


def read_tracks(
    data: Bytes, pans: list[list[tuple[int, int]]]
) -> dict[tuple[int, int], list[Placement]]:
    """All placements by layer and frame."""
    if not data.data:
        return {}
    start, length, layer, z, code, x, y, flip = (data.stream() for _ in range(8))
    tracks: list[list[Placement]] = []
    newest = -1
    for i in range(len(start)):
        s = newest + 1 - code[i]
        newest = max(newest, s)
        px, py = pans[layer[i]][start[i]]
        first = Placement(z[i], i, s, x[i] + px, y[i] + py, flip[i])
        tracks.append([first, *(Placement(z[i], i, 0, 0, 0, 0) for _ in range(length[i]))])
    by_track = [(i, k) for i, track in enumerate(tracks) for k in range(1, len(track))]
    by_frame = sorted(by_track, key=lambda ik: (start[ik[0]] + ik[1], ik[0]))
    orders = (by_track, by_frame)
    (mode,) = data.take(1)
    codes, spelled = data.stream(), iter(data.stream())
    followers: dict[int, list[int]] = {}
    for (i, k), c in zip(orders[mode], codes, strict=True):
        before = tracks[i][k - 1].sprite
        recent = followers.setdefault(before, [])
        now = before
        if c:
            now = next(spelled) if c == -1 else recent.pop(c - 1)
            recent.insert(0, now)
        tracks[i][k].sprite = now
    read_steps(data, tracks, orders, "x")
    read_steps(data, tracks, orders, "y")
    read_steps(data, tracks, orders, "flip")
    out: dict[tuple[int, int], list[Placement]] = {}
    for i, track in enumerate(tracks):
        for k, placement in enumerate(track):
            out.setdefault((layer[i], start[i] + k), []).append(placement)
    return out


def read_steps(
    data: Bytes,
    tracks: list[list[Placement]],
    orders: tuple[list[tuple[int, int]], list[tuple[int, int]]],
    name: str,
) -> None:
    (mode,) = data.take(1)
    coded = dict(zip(orders[mode % 2], data.stream(), strict=True))
    for i, track in enumerate(tracks):
        step = 0
        for k in range(1, len(track)):
            step = coded[i, k] + (step if mode >= 2 else 0)
            setattr(track[k], name, getattr(track[k - 1], name) + step)


class Screen:
    """Section 8."""

    def __init__(self, width: int, height: int, backdrop: int) -> None:
        colour = (backdrop >> 16, backdrop >> 8 & 255, backdrop & 255)
        self.pixels: list[list[tuple[int, ...]]] = [[colour] * width for _ in range(height)]

    def draw(self, picture: Rows, x0: int, y0: int) -> None:
        for y, row in enumerate(picture, y0):
            for x, (*colour, a) in enumerate(row, x0):
                if 0 <= y < len(self.pixels) and 0 <= x < len(self.pixels[y]):
                    under = self.pixels[y][x]
                    self.pixels[y][x] = tuple(
                        (a * s + (255 - a) * d + 127) // 255
                        for s, d in zip(colour, under, strict=True)
                    )
