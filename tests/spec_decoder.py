"""A .spr decoder written from formats/SPEC.md alone: plain Python, slow.

It shares no code with spritecodec, so where the two agree on a file, the specification says what
the codec does: which frames it shows, and whether it is one at all. Whatever is raised means that
the file is refused. Section numbers are those of the specification.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import msgpack
import zstandard

Colour = tuple[int, int, int, int]
Rows = list[list[Colour]]

HEADER = bytes.fromhex("89 53 50 52 0d 0a 1a 0a 00 00 00")
NAMES = ("HEAD", "DICT", "TEXT", "SEGM", "AUDI", "meta")
MAX_DISTANCE = 2**30 - 1
MAX_TIME = 2**62 - 1


class Refused(Exception):
    """The file is not one that a reader decodes."""


def check(holds: bool) -> None:
    if not holds:
        raise Refused


class Budget:
    """Section 10."""

    def __init__(self, payload: int, frames: int, area: int) -> None:
        shown = frames * area
        memory = min(2**25, 2**14 * payload) + 2**8 * payload + 2**5 * shown
        self.memory = min(memory, 2**31)
        self.objects = 16 * payload + shown // 16
        self.pixels = 4096 * payload + 32 * frames * (area + 64)

    def take(self, memory: int = 0, objects: int = 0, pixels: int = 0) -> None:
        self.memory -= memory + 512 * objects
        self.objects -= objects
        self.pixels -= pixels
        check(min(self.memory, self.objects, self.pixels) >= 0)


class Bytes:
    """Reads numbers front to back (sections 1, 4, 5)."""

    def __init__(self, data: bytes, budget: Budget | None = None) -> None:
        self.data, self.at = data, 0
        self.budget = budget or Budget(2**40, 0, 0)

    def take(self, n: int) -> bytes:
        self.at += n
        check(n >= 0 and self.at <= len(self.data))
        return self.data[self.at - n : self.at]

    def varint(self, shortest: bool = False) -> int:
        value = 0
        for i in range(9):
            (byte,) = self.take(1)
            value |= (byte & 127) << 7 * i
            if byte < 128:
                check(not shortest or byte > 0 or i == 0)
                return value
        raise Refused

    def body(self, n: int) -> list[int]:
        (width,) = self.take(1)
        if width == 0:
            codes = [self.varint() for _ in range(n)]
        else:
            check(width in (1, 2, 4, 8))
            planes = [self.take(n) for _ in range(width)]
            codes = [int.from_bytes(digits, "little") for digits in zip(*planes, strict=True)]
        return [c // 2 if c % 2 == 0 else -(c + 1) // 2 for c in codes]

    def stream(self, most: int, exactly: bool = True) -> list[int]:
        (mode,) = self.take(1)
        count = self.varint()
        check(count == most or (count < most and not exactly))
        if count == 0:
            return []
        self.budget.take(8 * count)
        if mode == 0:
            return self.body(count)
        if mode == 1:
            return sums(self.body(count))
        check(mode in (2, 3))
        n = self.varint()
        check(n <= count)
        self.budget.take(16 * n)
        values, others = self.body(n), self.body(n)
        check(all(other >= 0 for other in others) and sum(others) + n <= count)
        out: list[int] = []
        for value, other in zip(values, others, strict=True):
            out += [value] * (other + 1) if mode == 2 else [0] * other + [value]
        check(mode == 3 or len(out) == count)
        return out + [0] * (count - len(out))

    def end(self) -> None:
        check(self.at == len(self.data))


def sums(steps: list[int]) -> list[int]:
    out: list[int] = []
    for step in steps:
        out.append(step + (out[-1] if out else 0))
        check(-(2**63) <= out[-1] < 2**63)
    return out


def inflate(data: bytes, budget: Budget) -> Bytes:
    """Section 4."""
    if not data:
        return Bytes(b"", budget)
    data = zstandard.FRAME_HEADER + data
    frame = zstandard.get_frame_parameters(data)
    size = frame.content_size
    check(size != zstandard.CONTENTSIZE_UNKNOWN and frame.has_checksum and not frame.dict_id)
    check(size <= 2**30 and frame.window_size <= max(2**27, size))
    budget.take(size)
    reader = zstandard.ZstdDecompressor().decompressobj()
    content = reader.decompress(data)
    check(reader.eof and not reader.unused_data and len(content) == size)
    return Bytes(content, budget)


def picture_list(data: Bytes, palette: list[Colour], most_pixels: int) -> list[Rows]:
    """Section 6."""
    count = data.varint()
    check(count <= most_pixels)
    if count == 0:
        return []
    data.budget.take(objects=count)
    widths, heights = data.stream(count), data.stream(count)
    check(all(1 <= side <= 2**20 for side in widths + heights))
    sizes = list(zip(widths, heights, strict=True))
    total = sum(w * h for w, h in sizes)
    check(total <= most_pixels)
    data.budget.take(12 * total)
    (layout,) = data.take(1)
    side = data.take(1)[0] if layout == 2 else 0
    if layout == 3:
        return direct(data, sizes)
    read_colours(data, palette)
    out = []
    if layout == 2:
        check(side in (8, 16, 32))
        cells = sum(-(-w // side) * -(-h // side) for w, h in sizes)
        tile_map = data.stream(cells)
        tiles = data.stream(cells * side * side, exactly=False)
        check(len(tiles) % (side * side) == 0)
        check(all(0 <= number < len(tiles) // (side * side) for number in tile_map))
        places = iter(tile_map)
        for w, h in sizes:
            across, down = -(-w // side), -(-h // side)
            numbers = [next(places) for _ in range(across * down)]
            picture = []
            for y in range(h):
                row = []
                for x in range(w):
                    tile = numbers[y // side * across + x // side]
                    colour = tiles[tile * side * side + y % side * side + x % side]
                    check(0 <= colour < len(palette))
                    row.append(palette[colour])
                picture.append(row)
            out.append(picture)
        return out
    check(layout in (0, 1))
    colours = data.stream(total)
    check(all(0 <= colour < len(palette) for colour in colours))
    pixels = iter(colours)
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
    colours = data.stream(4 * (2**16 - len(palette)), exactly=False)
    check(len(colours) % 4 == 0 and all(0 <= value <= 255 for value in colours))
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

    width: int
    height: int
    count: int
    frames: list[list[list[tuple[int, ...]]]] = field(default_factory=list)
    pts: list[int] = field(default_factory=list)
    scale: list[Any] = field(default_factory=list)


def chunks(data: bytes) -> list[tuple[str, int, bytes]]:
    """Sections 2 and 3: by the index, every CRC checked."""
    check(data[:8] == HEADER[:8] and data[9:11] == HEADER[9:])  # a reader ignores the version

    def chunk(at: int) -> tuple[str, int, bytes, int]:
        reader = Bytes(data)
        reader.at = at
        kind = reader.take(4)
        frames, length = reader.varint(shortest=True), reader.varint(shortest=True)
        check(kind.isalpha() and kind.isascii() and length < 2**31)
        payload = reader.take(length)
        crc = zlib.crc32(data[:11] + data[at : reader.at])
        check(reader.take(4) == crc.to_bytes(4, "little"))
        return kind.decode(), frames, payload, reader.at

    start = len(data) - 4 - int.from_bytes(data[-4:], "little")
    check(start >= 11)
    kind, _, payload, end = chunk(start)
    check((kind, end) == ("INDX", len(data) - 4))
    index, at, out = Bytes(payload), 11, []
    while index.at < len(payload):
        (code,) = index.take(1)
        check(code <= len(NAMES))
        listed = NAMES[code - 1] if code else index.take(4).decode()
        sizes = index.varint(shortest=True), index.varint(shortest=True)
        kind, frames, content, at = chunk(at)
        check((kind, frames, len(content)) == (listed, *sizes))
        check(kind in NAMES or not kind[0].isupper())
        out.append((kind, frames, content))
    check(at == start)
    return out


def decode(data: bytes) -> Video:
    """Section 7, chunk by chunk."""
    parts = chunks(data)
    check([i for i, part in enumerate(parts) if part[0] == "HEAD"] == [0])
    check(all(frames == 0 for kind, frames, _ in parts if kind != "SEGM"))
    video = read_head(parts[0][2])
    area = video.width * video.height
    size = {name: sum(len(p) for kind, _, p in parts if kind == name) for name in NAMES}
    check(sum(frames for _, frames, _ in parts) == video.count)
    library = Budget(size["DICT"] + size["TEXT"], video.count, area)
    audio = Budget(size["AUDI"], 0, area)
    palette: list[Colour] = [(0, 0, 0, 0)]
    pictures: dict[str, list[Rows]] = {"DICT": [], "TEXT": []}
    for kind, n, payload in parts:
        if kind in pictures:
            content = inflate(payload, library)
            pictures[kind] += picture_list(content, palette, 2**25)
            content.end()
        elif kind == "SEGM":
            check(1 <= n <= 2**16 and n * area <= 2**32)
            budget = Budget(len(payload), n, area)
            segment(
                video,
                n,
                Bytes(payload, budget),
                pictures["DICT"],
                pictures["TEXT"],
                list(palette),
            )
        elif kind == "AUDI":
            read_audio(payload, audio)
    check(all(a < b for a, b in zip(video.pts, video.pts[1:], strict=False)))
    if video.scale and video.scale[1] == 0:
        video.frames = [enlarged(frame, video.scale) for frame in video.frames]
    return video


def read_head(payload: bytes) -> Video:
    """HEAD in section 7."""
    check(len(payload) <= 2**20)
    head = msgpack.unpackb(payload)
    check(type(head) is list and len(head) in (10, 11))
    check(all(type(n) is int and 1 <= n < 2**31 for n in head[:7]))
    width, height, count = head[:3]
    check(is_screen(width, height) and count <= 2**24)
    psnr, lossless, writer = head[7:10]
    check(type(lossless) is bool and type(writer) is str and writer.isprintable())
    check(psnr is None or (type(psnr) in (int, float) and not lossless and -1000 <= psnr <= 1000))
    scale = head[10] if len(head) == 11 else []
    if len(head) == 11:
        check_scale(scale, width, height)
    return Video(width, height, count, scale=scale)


def is_screen(width: int, height: int) -> bool:
    return 1 <= width <= 65535 and 1 <= height <= 65535 and width * height <= 2**25


def check_scale(scale: Any, width: int, height: int) -> None:
    check(type(scale) is list and len(scale) in (15, 18))
    check(all(type(n) is int and 0 <= n < 2**31 for n in scale[:15]))
    late, facts = scale[15:17] or [[], []], scale[17] if len(scale) == 18 else {}
    check(all(type(steps) is list for steps in late) and type(facts) is dict)
    check(all(type(n) is int and n >= 0 for steps in late for n in steps))
    check(all(type(k) is str and type(v) in (int, str) for k, v in facts.items()))
    kernel, restored, border = scale[:3]
    check(kernel <= 4 and border < 2**24 and restored <= 1 and (kernel == 0 or restored == 1))
    axes = scale[3:9], scale[9:15]
    check(is_screen(axes[0][0], axes[1][0]))
    for axis, steps, native in zip(axes, late, (width, height), strict=True):
        size, left, right, step, phase, unit = axis
        inner = size - left - right
        check(inner >= 1 and 1 <= step <= unit and phase < unit)
        rule = [(step * j + phase) // unit for j in range(inner)]
        check(rule[-1] == native - 1)
        places = sums(steps)
        check(all(a < b for a, b in zip([0, *places], places, strict=False)))
        for j in places:
            check(j < inner - 1 and rule[j - 1] < rule[j] == rule[j + 1])


def read_audio(payload: bytes, budget: Budget) -> None:
    """AUDI in section 7; nobody here plays it."""
    data = Bytes(payload, budget)
    setup = msgpack.unpackb(data.take(data.varint()))
    check(type(setup) is list)
    check([type(value) for value in setup] == [str, int, int, str, bytes, int, int])
    codec, rate, channels, layout, _, numerator, denominator = setup
    check(codec.isprintable() and layout.isprintable())
    check(all(1 <= n < 2**31 for n in (rate, channels, numerator, denominator)))
    timing = inflate(data.take(data.varint()), budget)
    steps = timing.stream(2**24, exactly=False)
    budget.take(objects=len(steps))
    times = sums(steps)
    early, durations, sizes = (timing.stream(len(times)) for _ in range(3))
    timing.end()
    check(all(abs(n) <= MAX_TIME for n in times + early + durations))
    for size in sizes:
        data.take(size)
    data.end()


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
    budget = payload.budget
    budget.take(256 * n)
    sections = [payload.take(payload.varint()) for _ in range(4)]
    if payload.at < len(payload.data):
        sections.append(payload.take(payload.varint()))
        check(len(sections[4]) > 0)
    payload.end()
    opened = [inflate(section, budget) for section in sections] + [Bytes(b"", budget)]
    timing, pan_section, track_section, residual, recolouring = opened[:5]
    times = sums(timing.stream(n))
    check(all(abs(t) <= MAX_TIME for t in times))
    video.pts += times
    backdrop = timing.stream(n)
    check(all(0 <= colour < 2**24 for colour in backdrop))
    layers = read_pan(pan_section, n, len(textures))
    shown = read_tracks(track_section, [pan for _, pan in layers], n, len(sprites))
    patches = read_residual(residual, palette, n, video, len(layers))
    tables = recolour_tables(recolouring, palette, n)
    for section in opened:
        section.end()
    charge_drawing(budget, video, n, layers, shown, sprites, textures, patches, tables)
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


Layers = list[tuple[list[list[int]], list[tuple[int, int]]]]
Patches = list[tuple[int, int, int, int, Rows, int]]


def read_pan(data: Bytes, n: int, textures: int) -> Layers:
    layers: Layers = []
    count = data.varint()
    check(count <= 2**8)
    for _ in range(count):
        data.budget.take(64 * n)
        triples = data.stream(3 * 2**16, exactly=False)
        check(len(triples) % 3 == 0)
        rows = [triples[i : i + 3] for i in range(0, len(triples), 3)]
        data.budget.take(objects=len(rows))
        check(all(0 <= texture < textures for texture, _, _ in rows))
        x, y = sums(data.stream(n)), sums(data.stream(n))
        check(all(abs(value) <= MAX_DISTANCE for value in [*triples, *x, *y]))
        layers.append((rows, list(zip(x, y, strict=True))))
    return layers


def read_residual(data: Bytes, palette: list[Colour], n: int, video: Video, layers: int) -> Patches:
    if not data.data:
        return []
    start = sums(data.stream(2**24, exactly=False))
    length, x, y = (data.stream(len(start)) for _ in range(3))
    pictures = picture_list(data, palette, 2**27)
    moves_with = [0] * len(start)
    if data.at < len(data.data):
        lasting = data.stream(sum(more > 0 for more in length))
        check(any(lasting) and all(0 <= layer <= layers for layer in lasting))
        layer_of_lasting = iter(lasting)
        moves_with = [next(layer_of_lasting) if more > 0 else 0 for more in length]
    check(start == sorted(start))
    patches = list(zip(start, length, x, y, pictures, moves_with, strict=True))
    for begin, more, x0, y0, picture, _ in patches:
        check(begin >= 0 and more >= 0 and begin + more < n and min(x0, y0) >= 0)
        check(x0 + len(picture[0]) <= video.width and y0 + len(picture) <= video.height)
        check(all(a in (0, 255) for row in picture for *_, a in row))
    return patches


def charge_drawing(  # section 10
    budget: Budget,
    video: Video,
    n: int,
    layers: Layers,
    shown: dict[tuple[int, int], list[Placement]],
    sprites: list[Rows],
    textures: list[Rows],
    patches: Patches,
    tables: dict[int, Any],
) -> None:
    width, height = video.width, video.height
    for rows, pan in layers:
        budget.take(pixels=512 * len(rows) * n)
        for texture, x, y in rows:
            wide, high = len(textures[texture][0]), len(textures[texture])
            for px, py in pan:
                across = min(x - px + wide, width) - max(x - px, 0)
                down = min(y - py + high, height) - max(y - py, 0)
                budget.take(pixels=max(across, 0) * max(down, 0))
    for placements in shown.values():
        for p in placements:
            picture = sprites[p.sprite]
            area = min(len(picture[0]), width) * min(len(picture), height)
            budget.take(pixels=512 + area)
    for _, more, _, _, picture, _ in patches:
        budget.take(pixels=(more + 1) * (512 + len(picture) * len(picture[0])))
    budget.take(pixels=4 * len(tables) * width * height)


def recolour_tables(
    data: Bytes, palette: list[Colour], n: int
) -> dict[int, dict[tuple[int, ...], tuple[int, ...]]]:
    """The table of each frame that has one."""
    if not data.data:
        return {}
    gap = data.stream(n, exactly=False)
    more, number = data.stream(len(gap)), data.stream(len(gap))
    check(len(gap) > 0 and min(gap) >= 0 and min(more) >= 0)
    check(sum(gap) + sum(more) + len(gap) <= n)
    data.budget.take(objects=len(gap))
    read_colours(data, palette)
    source = data.stream(2**15, exactly=False)
    target = data.stream(2**24, exactly=False)
    check(all(0 <= colour < len(palette) for colour in source + target))
    check(len(source) > 0 and len(target) % len(source) == 0)
    check(len({palette[colour][:3] for colour in source}) == len(source))
    count = len(target) // len(source)
    check(all(0 <= k < count for k in number))
    tables: list[dict[tuple[int, ...], tuple[int, ...]]] = [
        {palette[s][:3]: palette[target[i * count + k]][:3] for i, s in enumerate(source)}
        for k in range(count)
    ]
    out: dict[int, dict[tuple[int, ...], tuple[int, ...]]] = {}
    t = 0
    for a, b, k in zip(gap, more, number, strict=True):
        out |= dict.fromkeys(range(t + a, t + a + b + 1), tables[k])
        t += a + b + 1
    return out


def read_tracks(
    data: Bytes, pans: list[list[tuple[int, int]]], n: int, sprites: int
) -> dict[tuple[int, int], list[Placement]]:
    """All placements by layer and frame."""
    if not data.data:
        return {}
    start = data.stream(2**22, exactly=False)
    data.budget.take(objects=len(start))
    length, layer, z, code, x, y, flip = (data.stream(len(start)) for _ in range(7))
    for begin, more in zip(start, length, strict=True):
        check(begin >= 0 and more >= 0 and begin + more < n)
    check(all(0 <= number < len(pans) for number in layer))
    count = sum(length) + len(length)
    check(count <= 2**24)
    data.budget.take(160 * count)
    tracks: list[list[Placement]] = []
    newest = -1
    for i in range(len(start)):
        s = newest + 1 - code[i]
        check(0 <= s < sprites)
        newest = max(newest, s)
        px, py = pans[layer[i]][start[i]]
        first = Placement(z[i], i, s, x[i] + px, y[i] + py, flip[i])
        tracks.append([first, *(Placement(z[i], i, 0, 0, 0, 0) for _ in range(length[i]))])
    by_track = [(i, k) for i, track in enumerate(tracks) for k in range(1, len(track))]
    by_frame = sorted(by_track, key=lambda ik: (start[ik[0]] + ik[1], ik[0]))
    orders = (by_track, by_frame)
    (mode,) = data.take(1)
    check(mode <= 1)
    codes = data.stream(len(by_track))
    new = data.stream(len(by_track), exactly=False)
    check(all(0 <= sprite < sprites for sprite in new) and len(new) == codes.count(-1))
    check(all(c >= -1 for c in codes))
    changes = len(codes) - codes.count(0)
    data.budget.take(objects=changes + sum(c for c in codes if c > 0) // 256)
    spelled = iter(new)
    followers: dict[int, list[int]] = {}
    for (i, k), c in zip(orders[mode], codes, strict=True):
        before = tracks[i][k - 1].sprite
        recent = followers.setdefault(before, [])
        now = before
        if c == -1:
            now = next(spelled)
            check(now not in recent)
            recent.insert(0, now)
        elif c:
            check(c <= len(recent))
            now = recent.pop(c - 1)
            recent.insert(0, now)
        tracks[i][k].sprite = now
    for name in ("x", "y", "flip"):
        read_steps(data, tracks, orders, name)
    for track in tracks:
        for p in track:
            check(max(abs(p.x), abs(p.y), abs(p.z)) <= MAX_DISTANCE and 0 <= p.flip <= 3)
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
    check(mode <= 3)
    order = orders[mode % 2]
    coded = dict(zip(order, data.stream(len(order)), strict=True))
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
        width, height = len(self.pixels[0]), len(self.pixels)
        for y in range(max(y0, 0), min(y0 + len(picture), height)):
            row, under = picture[y - y0], self.pixels[y]
            for x in range(max(x0, 0), min(x0 + len(row), width)):
                *colour, a = row[x - x0]
                under[x] = tuple(
                    (a * s + (255 - a) * d + 127) // 255
                    for s, d in zip(colour, under[x], strict=True)
                )
