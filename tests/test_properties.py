"""What must hold for any content: it survives being written, and damage is an error.

Hypothesis makes up the content, always the same in the same order.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any
from unittest import mock

import numpy as np
import pytest
import spec_decoder
import spr_files
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import spritecodec as sc
from spritecodec.errors import FormatError
from spritecodec.formats.spr import chunks, container, library, recolouring, residual, tracks
from spritecodec.formats.spr import pictures as pictures_module
from spritecodec.formats.spr.pictures import Palette, read_pictures, write_pictures
from spritecodec.formats.spr.streams import Cursor, _in_mode, read_stream, write_stream
from spritecodec.formats.spr.zstd import compress, decompress

settings.register_profile(
    "spritecodec",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("spritecodec")

INT64 = st.integers(-(2**63), 2**63 - 1)
SMALL = st.integers(-3, 8)
# What sums and products of 64 bits go wrong on, among numbers that look right.
NASTY = st.one_of(
    SMALL, SMALL, st.sampled_from([2**16, 2**30, 2**31, 2**62, 2**63 - 1, -(2**63)]), INT64
)


def lists_of(values: st.SearchStrategy[int], most: int = 40) -> st.SearchStrategy[list[int]]:
    """Lists as streams hold them: anything, runs of one value, or mostly zeros."""
    run = st.tuples(values, st.integers(1, 30)).map(lambda r: [r[0]] * r[1])
    gap = st.tuples(values, st.integers(0, 30)).map(lambda r: [0] * r[1] + [r[0]])
    joined = st.lists(st.one_of(run, gap), max_size=6).map(lambda parts: [*itertools.chain(*parts)])
    return st.one_of(st.lists(values, max_size=most), joined)


def assert_same(got: Any, wanted: Any) -> None:
    """Two records of arrays are equal, types included."""
    for field in dataclasses.fields(wanted):
        a, b = getattr(got, field.name), getattr(wanted, field.name)
        if dataclasses.is_dataclass(b):
            assert_same(a, b)
        elif isinstance(b, np.ndarray):
            assert (a.dtype, a.shape) == (b.dtype, b.shape), field.name
            np.testing.assert_array_equal(a, b, err_msg=field.name)
        elif isinstance(b, tuple):
            assert len(a) == len(b), field.name
            for x, y in zip(a, b, strict=True):
                if isinstance(y, np.ndarray):
                    np.testing.assert_array_equal(x, y)
                else:
                    assert_same(x, y)
        else:
            assert a == b, field.name


# --- numbers --------------------------------------------------------------------------


@given(st.integers(0, 2**63 - 1))
def test_varints(value: int) -> None:
    data = container.write_varint(value)
    assert len(data) == max(1, -(-value.bit_length() // 7))
    assert container.read_varint(data, 0) == (value, len(data))
    cursor = Cursor(data, "TEST")
    assert cursor.varint() == value
    cursor.end()


@given(st.binary(max_size=12))
def test_a_varint_has_one_form(data: bytes) -> None:
    try:
        value, end = container.read_varint(data, 0)
    except FormatError:
        return
    assert container.write_varint(value) == data[:end]


@given(lists_of(st.one_of(SMALL, INT64)))
def test_streams(values: list[int]) -> None:
    cursor = Cursor(write_stream(values), "TEST")
    assert read_stream(cursor, len(values)).tolist() == values
    cursor.end()


@given(lists_of(st.one_of(SMALL, INT64)).filter(bool), st.integers(0, 3))
def test_every_mode_of_a_stream(values: list[int], mode: int) -> None:
    cursor = Cursor(_in_mode(np.array(values, np.int64), mode), "TEST")
    assert read_stream(cursor, len(values)).tolist() == values
    cursor.end()


@given(lists_of(SMALL).filter(bool), st.data())
def test_a_stream_longer_than_its_limit_is_refused(values: list[int], data: st.DataObject) -> None:
    limit = data.draw(st.integers(0, len(values) - 1))
    with pytest.raises(FormatError):
        read_stream(Cursor(write_stream(values), "TEST"), limit)


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_compressed_frames(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert decompress(compress(parts), len(whole)) == whole


# --- the container --------------------------------------------------------------------

KINDS = st.one_of(
    st.sampled_from(["HEAD", "DICT", "TEXT", "SEGM", "AUDI", "meta"]),
    st.text("abyzAZ", min_size=3, max_size=3).map("x".__add__),
)
CHUNKS = st.lists(st.tuples(KINDS, st.binary(max_size=30), st.integers(0, 2**63 - 1)), max_size=4)


@given(CHUNKS)
def test_containers(parts: list[tuple[str, bytes, int]]) -> None:
    box = container.Container.from_bytes(spr_files.join(parts))
    assert [(c.kind, box.payload(c), c.frames) for c in box.chunks] == parts
    assert box.damage is None
    box.verify()


@given(CHUNKS, st.data())
def test_a_damaged_container_is_noticed(
    parts: list[tuple[str, bytes, int]], data: st.DataObject
) -> None:
    whole = bytearray(spr_files.join(parts))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        box = container.Container.from_bytes(bytes(whole))
        box.verify()
    except FormatError:
        return
    assert bytes(whole) == spr_files.join(parts)


# --- pictures -------------------------------------------------------------------------


@st.composite
def palettes(draw: st.DrawFn) -> Palette:
    palette = Palette()
    colours = draw(st.lists(st.integers(0, 2**32 - 1), max_size=5, unique=True))
    palette.add(np.array([c for c in colours if c], np.uint32).view(np.uint8).reshape(-1, 4))
    return palette


@st.composite
def pictures(draw: st.DrawFn, most: int = 4, side: int = 40) -> tuple[NDArray[np.uint8], ...]:
    """Pictures of few colours, some translucent or clear, at random or in tiles."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    colours = rng.integers(0, 256, (draw(st.integers(1, 12)), 4), np.uint8)
    colours[:, 3] = rng.choice([0, 128, 255, 255], len(colours))
    out = []
    for _ in range(draw(st.integers(0, most))):
        h, w = draw(st.tuples(st.integers(1, side), st.integers(1, side)))
        if draw(st.booleans()):
            tile = rng.integers(0, len(colours), (8, 8))
            out.append(colours[np.tile(tile, (-(-h // 8), -(-w // 8)))[:h, :w]])
        else:
            out.append(colours[rng.integers(0, len(colours), (h, w))])
    return tuple(out)


def cleared(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """As a file keeps it: a clear pixel has no colour."""
    return np.where(picture[..., 3:] == 0, np.uint8(0), picture)


@given(pictures(), palettes())
def test_pictures(wanted: tuple[NDArray[np.uint8], ...], palette: Palette) -> None:
    written, read = palette.copy(), palette.copy()
    cursor = Cursor(write_pictures(wanted, written), "TEST")
    got = read_pictures(cursor, read, 1 << 14)
    cursor.end()
    np.testing.assert_array_equal(read.packed, written.packed)
    assert len(got) == len(wanted)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(a, cleared(b))


# --- scenes ---------------------------------------------------------------------------

WIDTH, HEIGHT = 20, 14


def random_tracks(
    rng: np.random.Generator, count: int, frames: int, layers: int, sprites: int
) -> sc.Tracks:
    start = rng.integers(0, frames, count)
    length = rng.integers(1, frames - start + 1) if count else np.zeros(0, np.int64)
    total = int(length.sum())
    step = rng.integers(-2, 3, (2, total)) * rng.integers(0, 2, total)
    x, y = np.cumsum(step, axis=1) + rng.integers(-5, WIDTH, (2, 1))
    changes = rng.integers(0, sprites, total) * rng.integers(0, 2, total)
    return sc.Tracks(
        layer=rng.integers(0, layers, count).astype(np.int32),
        z=rng.integers(-2, 3, count).astype(np.int32),
        start=start.astype(np.int32),
        first=np.append(0, np.cumsum(length)).astype(np.int64),
        sprite=changes.astype(np.int32),
        x=x.astype(np.int32),
        y=y.astype(np.int32),
        flip=(rng.integers(0, 4, total) * rng.integers(0, 2, total)).astype(np.uint8),
    )


def random_residual(rng: np.random.Generator, count: int, frames: int, layers: int) -> sc.Residual:
    start = np.sort(rng.integers(0, frames, count))
    length = rng.integers(1, frames - start + 1) if count else np.zeros(0, np.int64)
    width, height = rng.integers(1, 5, (2, count))
    first = np.append(0, np.cumsum(width * height))
    pixels = rng.integers(0, 256, (int(first[-1]), 4), np.uint8)
    pixels[:, 3] = rng.choice([0, 255], len(pixels))
    moves_with = rng.integers(-1, layers, count)
    columns = {
        "start": start,
        "length": length,
        "layer": np.where(length > 1, moves_with, -1),
        "x": rng.integers(0, WIDTH - width + 1),
        "y": rng.integers(0, HEIGHT - height + 1),
        "width": width,
        "height": height,
    }
    narrow = {name: column.astype(np.int32) for name, column in columns.items()}
    return sc.Residual(first=first.astype(np.int64), pixels=cleared(pixels), **narrow)


def random_recolouring(rng: np.random.Generator, frames: int) -> sc.Recolouring:
    ends = np.sort(rng.choice(frames + 1, 2 * rng.integers(1, 1 + (frames + 1) // 2), False))
    start, stop = ends[::2], ends[1::2]
    tables, sources = rng.integers(1, 4), rng.integers(1, 6)
    source = np.unique(rng.integers(0, 256, (sources, 3), np.uint8), axis=0)
    return sc.Recolouring(
        start=start.astype(np.int32),
        length=(stop - start).astype(np.int32),
        table=rng.integers(0, tables, len(start)).astype(np.int32),
        source=source,
        target=rng.integers(0, 256, (tables, len(source), 3), np.uint8),
    )


@st.composite
def scenes(draw: st.DrawFn) -> sc.Scene:
    """Any Scene that a file can hold, but a small one."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    frames = draw(st.integers(1, 9))
    sprites = tuple(cleared(p) for p in draw(pictures(most=3, side=9)))
    textures = tuple(cleared(p) for p in draw(pictures(most=2, side=30)))
    layers = tuple(
        sc.Layer(
            np.cumsum(rng.integers(-1, 2, (frames, 2)), axis=0).astype(np.int32),
            np.column_stack(
                [rng.integers(0, max(len(textures), 1), k), rng.integers(-9, 9, (k, 2))]
            ).astype(np.int32),
        )
        for k in (rng.integers(0, 3) if textures else 0 for _ in range(draw(st.integers(0, 3))))
    )
    count = draw(st.integers(0, 5)) if sprites and layers else 0
    recoloured = draw(st.booleans())
    return sc.Scene(
        width=WIDTH,
        height=HEIGHT,
        pts=np.cumsum(rng.integers(1, 4, frames)) - draw(st.integers(-5, 5)),
        time_base=Fraction(1, 60),
        backdrop=rng.integers(0, 256, (frames, 3), np.uint8),
        sprites=sprites,
        textures=textures,
        layers=layers,
        tracks=random_tracks(rng, count, frames, len(layers), len(sprites)),
        residual=random_residual(rng, draw(st.integers(0, 4)), frames, len(layers)),
        recolouring=random_recolouring(rng, frames) if recoloured else sc.Recolouring.none(),
    )


def file_of(scene: sc.Scene) -> bytes:
    """A file of one segment, whose pictures stay as they are."""
    palette = Palette()
    head = spr_files.head(width=WIDTH, height=HEIGHT, frames=len(scene))
    parts = [("HEAD", chunks.pack_head(head), 0)]
    for kind, shown in (("DICT", scene.sprites), ("TEXT", scene.textures)):
        parts.append((kind, chunks.pack_pictures(shown, palette), 0))
    return spr_files.join([*parts, ("SEGM", chunks.pack_segment(scene, palette), len(scene))])


def drawn(scene: sc.Scene) -> NDArray[np.uint8]:
    return np.stack(list(sc.Renderer(scene).frames()))


@given(scenes())
def test_scenes_come_back_and_show_the_same(scene: sc.Scene) -> None:
    reader = sc.open(io.BytesIO(file_of(scene)))
    assert_same(reader.scene(0), scene)
    np.testing.assert_array_equal(reader[:], drawn(scene))


@settings(max_examples=25)
@given(scenes())
def test_a_decoder_written_from_the_specification_shows_the_same(scene: sc.Scene) -> None:
    video = spec_decoder.decode(file_of(scene))
    assert video.pts == scene.pts.tolist()
    np.testing.assert_array_equal(np.array(video.frames), drawn(scene))


@given(scenes())
def test_frames_are_the_same_in_any_order(scene: sc.Scene) -> None:
    expected, renderer = drawn(scene), sc.Renderer(scene)
    for t in np.random.default_rng(0).permutation(len(scene)).tolist():
        np.testing.assert_array_equal(renderer.frame(t), expected[t])


@given(scenes())
def test_a_library_of_shared_sprites_shows_the_same(scene: sc.Scene) -> None:
    packed = library.Library().pack(scene)
    np.testing.assert_array_equal(drawn(packed.scene), drawn(scene))


@given(scenes(), palettes())
def test_tracks_and_recolourings_alone(scene: sc.Scene, palette: Palette) -> None:
    cursor = Cursor(b"".join(tracks.write_tracks(scene.tracks, scene.layers)), "TEST")
    got = tracks.read_tracks(cursor, scene.layers, len(scene), len(scene.sprites))
    cursor.end()
    assert_same(got, scene.tracks)
    if len(scene.recolouring):
        parts = recolouring.write_recolouring(scene.recolouring, palette.copy())
        cursor = Cursor(b"".join(parts), "TEST")
        changed = recolouring.read_recolouring(cursor, palette, len(scene))
        cursor.end()
        assert_same(changed, scene.recolouring)


# --- damage ---------------------------------------------------------------------------


def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(out)))
        out[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=4))
    return bytes(out)


@st.composite
def damaged_segments(draw: st.DrawFn) -> tuple[sc.Scene, list[bytes]]:
    """What the sections of a segment hold, damaged; and the scene that they were of."""
    scene = draw(scenes())
    payload, sections = chunks.pack_segment(scene, Palette()), []
    at = 0
    while at < len(payload):
        size, at = container.read_varint(payload, at)
        sections.append(decompress(payload[at : at + size], 1 << 20) if size else b"")
        at += size
    which = draw(st.integers(0, len(sections) - 1))
    sections[which] = damaged(draw, sections[which])
    return scene, sections


def segment_of(sections: Sequence[bytes]) -> bytes:
    frames = [compress([content]) if content else b"" for content in sections]
    return b"".join(container.write_varint(len(f)) + f for f in frames)


def reads_or_refuses(scene: sc.Scene, payload: bytes) -> None:
    """Reading either raises FormatError or gives a scene that can be drawn."""
    head = spr_files.head(width=scene.width, height=scene.height, frames=len(scene))
    try:
        read = chunks.unpack_segment(
            payload, head, len(scene), scene.sprites, scene.textures, Palette()
        )
    except FormatError:
        return
    assert (read.pts[1:] > read.pts[:-1]).all()
    for name, limit in (("sprite", len(read.sprites)), ("start", len(read))):
        values = getattr(read.tracks, name)
        assert ((values >= 0) & (values < limit)).all(), name
    assert drawn(read).shape == (len(scene), scene.height, scene.width, 3)


@settings(max_examples=100)
@given(damaged_segments())
def test_damaged_segments_end_in_one_error(found: tuple[sc.Scene, list[bytes]]) -> None:
    scene, sections = found
    reads_or_refuses(scene, segment_of(sections))


class Forger:
    """Writes streams as they are, but for one number of one of them."""

    def __init__(self, call: int, place: int, value: int) -> None:
        self.call, self.place, self.value = call, place, value
        self.calls = 0

    def __call__(self, values: NDArray[np.generic] | Sequence[int]) -> bytes:
        numbers = np.array(values, np.int64).ravel()
        if self.calls == self.call and len(numbers):
            numbers[self.place % len(numbers)] = self.value
        self.calls += 1
        return write_stream(numbers)


def forged(scene: sc.Scene, forger: Forger) -> bytes:
    """The scene's segment, its streams written by a forger."""
    with contextlib.ExitStack() as stack:
        for module in (chunks, pictures_module, tracks, residual, recolouring):
            stack.enter_context(mock.patch.object(module, "write_stream", forger))
        return chunks.pack_segment(scene, Palette())


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 2**62, 2**31, 1000])
def test_every_number_may_be_absurd(value: int) -> None:
    scene = spr_files.scenes()[1]
    counter = Forger(-1, 0, 0)
    forged(scene, counter)
    for call in range(counter.calls):
        reads_or_refuses(scene, forged(scene, Forger(call, 1, value)))


@settings(max_examples=100)
@given(scenes(), st.integers(0, 99), st.integers(0, 99), NASTY)
def test_absurd_numbers_end_in_one_error(
    scene: sc.Scene, call: int, place: int, value: int
) -> None:
    counter = Forger(-1, 0, 0)
    forged(scene, counter)
    reads_or_refuses(scene, forged(scene, Forger(call % counter.calls, place, value)))


@st.composite
def absurd_pictures(draw: st.DrawFn) -> bytes:
    count = draw(st.integers(1, 3))
    layout = draw(st.integers(0, 4))
    sizes = [write_stream(draw(st.lists(NASTY, min_size=count, max_size=count))) for _ in range(2)]
    side = bytes([draw(st.sampled_from([8, 16, 32, 7]))]) if layout == 2 else b""
    rest = [draw(st.binary(max_size=80))]
    if layout != 3:
        rest = [write_stream(draw(st.lists(NASTY, max_size=20))) for _ in range(2 + (layout == 2))]
    return b"".join([container.write_varint(count), *sizes, bytes([layout]), side, *rest])


@settings(max_examples=150)
@given(absurd_pictures())
def test_absurd_pictures_end_in_one_error(data: bytes) -> None:
    palette = Palette()
    try:
        got = read_pictures(Cursor(data, "TEST"), palette, 1 << 12)
    except FormatError:
        return
    assert sum(p.size for p in got) <= 4 << 12


@given(st.binary(max_size=60))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    readers = (
        lambda cursor: read_stream(cursor, 1000),
        lambda cursor: read_pictures(cursor, Palette(), 1000),
        lambda cursor: tracks.read_tracks(cursor, (), 9, 3),
        lambda cursor: recolouring.read_recolouring(cursor, Palette(), 9),
        lambda cursor: residual.read_residual(cursor, Palette(), 9, (WIDTH, HEIGHT), 1),
        lambda cursor: chunks.unpack_head(cursor.data),
        lambda cursor: chunks.unpack_audio(cursor.data),
        lambda cursor: decompress(cursor.data, 1000),
    )
    for read in readers:
        try:
            read(Cursor(data, "TEST"))
        except FormatError:
            continue


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    """Whole files in which one payload is damaged and every checksum is right."""
    parts = spr_files.chunks(with_audio=True)
    at = draw(st.integers(0, len(parts) - 1))
    kind, payload, count = parts[at]
    if draw(st.booleans()):
        count = draw(st.integers(0, 2**63 - 1))
    else:
        payload = damaged(draw, payload)
    parts[at] = (kind, payload, count)
    return spr_files.join(parts)


@given(damaged_files())
def test_damaged_files_end_in_one_error(data: bytes) -> None:
    try:
        with sc.open(io.BytesIO(data)) as reader:
            reader.verify()
            reader.breakdown()
    except FormatError:
        return
