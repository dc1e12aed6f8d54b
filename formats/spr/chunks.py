"""What a .spr file says, as chunk payloads and back (specification: "Payloads").

========  ===================  ===============================================
chunk     writer               content
========  ===================  ===============================================
``HEAD``  `pack_head`          sizes, time base, what the file claims
``DICT``  `pack_pictures`      more sprites for the dictionary
``TEXT``  `pack_pictures`      more background textures
``SEGM``  `pack_segment`       a run of frames: timing, pan, tracks, residual, recolouring
``AUDI``  `pack_audio`         one audio stream, packets as the source has them
========  ===================  ===============================================

Every payload is one zstd frame, but for SEGM, which is four or five, each behind its
length, so that the bytes of each kind can be told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import AudioStream
from spritecodec.errors import FormatError
from spritecodec.formats.spr.container import write_varint
from spritecodec.formats.spr.pictures import Palette, Picture, read_pictures, write_pictures
from spritecodec.formats.spr.recolouring import read_recolouring, write_recolouring
from spritecodec.formats.spr.streams import Cursor, Ints, read_stream, write_stream
from spritecodec.formats.spr.tracks import read_tracks, write_tracks
from spritecodec.formats.spr.zstd import compress, decompress
from spritecodec.scene import Layer, Recolouring, Residual, Scene, Tracks

# The most that a reader is ready to allocate for one payload.
PAYLOAD_LIMIT = 1 << 30
PICTURE_LIMIT = 1 << 25  # pixels in one DICT or TEXT
RESIDUAL_LIMIT = 1 << 27  # pixels in one segment's patches
SCREEN_LIMIT = 1 << 25
MOST_FRAMES = 1 << 24
MOST_SEGMENT_FRAMES = 1 << 16
MOST_LAYERS = 1 << 8
MOST_PATCHES = 1 << 24
MOST_TEXTURES_PER_LAYER = 1 << 16

SECTIONS = ("timing", "pan", "tracks", "residual", "recolouring")


@dataclass(frozen=True)
class Head:
    """The file as a whole.

    Attributes
    ----------
    width, height : int
        Of the screen, in pixels, 1 to 65535 each and 2**25 pixels together.
    frames : int
        In the whole file.
    time_base : Fraction
        Seconds per tick of the frames' timestamps.
    frame_rate : Fraction
        Nominal frames per second.
    quality : float or None
        PSNR in dB over the whole clip against the source, ``inf`` for lossless; None
        where nothing is claimed.
    lossless : bool
        Every frame is identical to the source's RGB frame.
    encoder : str
        Name and version of the program that wrote the file.
    """

    width: int
    height: int
    frames: int
    time_base: Fraction
    frame_rate: Fraction
    quality: float | None
    lossless: bool
    encoder: str


def pack_head(head: Head) -> bytes:
    """A ``HEAD`` payload: one MessagePack array."""
    data: bytes = msgpack.packb(
        [
            head.width,
            head.height,
            head.frames,
            head.time_base.numerator,
            head.time_base.denominator,
            head.frame_rate.numerator,
            head.frame_rate.denominator,
            None if head.lossless else head.quality,
            head.lossless,
            head.encoder,
        ]
    )
    return data


def _unpack_message(payload: bytes, chunk: str) -> Any:
    try:
        return msgpack.unpackb(payload, strict_map_key=True)
    except Exception as error:  # msgpack raises many kinds, ValueError and its own among them
        raise FormatError("the MessagePack data is damaged", chunk) from error


def unpack_head(payload: bytes) -> Head:
    """Read a ``HEAD`` payload.

    Raises
    ------
    FormatError
        It is damaged, or says what cannot be.
    """
    fields = _unpack_message(payload, "HEAD")
    types: tuple[Any, ...] = (*(int,) * 7, (float, int, type(None)), bool, str)
    if not isinstance(fields, list) or len(fields) != len(types):
        raise FormatError(f"the file's head does not have {len(types)} fields", "HEAD")
    if not all(isinstance(f, t) for f, t in zip(fields, types, strict=True)):
        raise FormatError("a field of the file's head has the wrong type", "HEAD")
    width, height, frames, tn, td, rn, rd, quality, lossless, encoder = fields
    sides = 1 <= width <= 65535 and 1 <= height <= 65535 and width * height <= SCREEN_LIMIT
    if not (sides and 1 <= frames <= MOST_FRAMES):
        raise FormatError(f"impossible size: {frames} frames of {width}x{height}", "HEAD")
    if min(tn, td, rn, rd) < 1:
        raise FormatError("the time base or frame rate is not positive", "HEAD")
    claim = float("inf") if lossless else None if quality is None else float(quality)
    return Head(width, height, frames, Fraction(tn, td), Fraction(rn, rd), claim, lossless, encoder)


def pack_pictures(pictures: tuple[Picture, ...], palette: Palette) -> bytes:
    """A ``DICT`` or ``TEXT`` payload; adds its new colours to the file's `palette`."""
    return compress([write_pictures(pictures, palette)])


def unpack_pictures(payload: bytes, palette: Palette, chunk: str) -> tuple[Picture, ...]:
    """Read a ``DICT`` or ``TEXT`` payload; adds its new colours to `palette`.

    Raises
    ------
    FormatError
        The payload is damaged.
    """
    cursor = Cursor(decompress(payload, PAYLOAD_LIMIT), chunk)
    pictures = read_pictures(cursor, palette, PICTURE_LIMIT)
    cursor.end()
    return pictures


def _colours(backdrop: NDArray[np.uint8]) -> Ints:
    c = backdrop.astype(np.int64)
    return c[:, 0] << 16 | c[:, 1] << 8 | c[:, 2]


def _write_timing(scene: Scene) -> list[bytes]:
    steps = np.diff(scene.pts, prepend=0)
    return [write_stream(steps), write_stream(_colours(scene.backdrop))]


def _write_pan(scene: Scene) -> list[bytes]:
    parts = [write_varint(len(scene.layers))]
    for layer in scene.layers:
        parts.append(write_stream(layer.textures.ravel()))
        for axis in range(2):
            steps = np.diff(layer.pan[:, axis].astype(np.int64), prepend=0)
            parts.append(write_stream(steps))
    return parts


def _write_residual(residual: Residual, palette: Palette) -> list[bytes]:
    pictures = [
        residual.pixels[a:b].reshape(h, w, 4)
        for a, b, h, w in zip(
            residual.first[:-1].tolist(),
            residual.first[1:].tolist(),
            residual.height.tolist(),
            residual.width.tolist(),
            strict=True,
        )
    ]
    parts = [
        write_stream(np.diff(residual.start, prepend=0)),
        write_stream(residual.length - 1),
        write_stream(residual.x),
        write_stream(residual.y),
        write_pictures(pictures, palette),
    ]
    moves_with = residual.layer[residual.length > 1]  # nothing moves in a single frame
    if (moves_with >= 0).any():
        parts.append(write_stream(moves_with + 1))
    return parts


def pack_segment(scene: Scene, palette: Palette) -> bytes:
    """A ``SEGM`` payload: the sections that `pack_sections` gives, one after another."""
    return b"".join(pack_sections(scene, palette).values())


def pack_sections(scene: Scene, palette: Palette) -> dict[str, bytes]:
    """The sections of a ``SEGM`` payload, each behind its length, by their names in SECTIONS.

    Parameters
    ----------
    scene : Scene
        The segment. Its sprites and textures are those of the whole file so far and are
        not written here.
    palette : Palette
        The file's colours up to this chunk. It stays as it is: colours that the residual
        and the recolouring add count in this segment alone, so that any segment can be
        decoded without those before it.

    Returns
    -------
    dict of str to bytes
        A recolouring that is not there has no bytes at all, not even a length.
    """
    palette = palette.copy()
    parts = {
        "timing": _write_timing(scene),
        "pan": _write_pan(scene),
        "tracks": write_tracks(scene.tracks, scene.layers) if len(scene.tracks) else [],
        "residual": _write_residual(scene.residual, palette) if len(scene.residual) else [],
    }
    sections = {name: _write_section(streams) for name, streams in parts.items()}
    if len(scene.recolouring):
        sections["recolouring"] = _write_section(write_recolouring(scene.recolouring, palette))
    return dict.fromkeys(SECTIONS, b"") | sections


def _write_section(streams: list[bytes]) -> bytes:
    frame = compress(streams) if streams else b""
    return write_varint(len(frame)) + frame


def segment_sections(payload: bytes) -> dict[str, int]:
    """How many bytes of a ``SEGM`` payload each of SECTIONS takes, its length included.

    Raises
    ------
    FormatError
        The payload is damaged.
    """
    cursor = Cursor(payload, "SEGM")
    sizes = {}
    for name in SECTIONS:
        begin = cursor.at
        _take_section(cursor, name)
        sizes[name] = cursor.at - begin
    cursor.end()
    return sizes


def _take_section(cursor: Cursor, name: str) -> bytes:
    """The next section's compressed frame, empty where the segment does without."""
    if name == "recolouring":
        if cursor.at == len(cursor.data):
            return b""
        frame = cursor.take(cursor.varint())
        if not frame:
            raise cursor.fail("the recolouring is empty")
        return frame
    return cursor.take(cursor.varint())


def _read_pan(cursor: Cursor, frames: int, textures: int) -> tuple[Layer, ...]:
    layers = []
    for _ in range(cursor.count(MOST_LAYERS, "layers")):
        rows = read_stream(cursor, 3 * MOST_TEXTURES_PER_LAYER)
        if len(rows) % 3:
            raise cursor.fail("a layer's texture list is cut short")
        rows = rows.reshape(-1, 3)
        if len(rows) and (rows[:, 0].min() < 0 or rows[:, 0].max() >= textures):
            raise cursor.fail("a layer uses a texture that does not exist")
        pan = np.stack([np.cumsum(_exactly(cursor, frames, "pan")) for _ in range(2)], 1)
        if max(_magnitude(rows), _magnitude(pan)) >= 1 << 30:
            raise cursor.fail("a layer lies absurdly far away")
        layers.append(Layer(pan.astype(np.int32), rows.astype(np.int32)))
    return tuple(layers)


def _magnitude(values: Ints) -> int:
    return max(-int(values.min()), int(values.max())) if values.size else 0


def _exactly(cursor: Cursor, count: int, what: str) -> Ints:
    values = read_stream(cursor, count)
    if len(values) != count:
        raise cursor.fail(f"{len(values)} values of {what} instead of {count}")
    return values


def _read_residual(
    cursor: Cursor, palette: Palette, frames: int, width: int, height: int, layers: int
) -> Residual:
    start = np.cumsum(read_stream(cursor, MOST_PATCHES))
    length, x, y = (_exactly(cursor, len(start), "residual patches") for _ in range(3))
    length = length + 1
    pictures = read_pictures(cursor, palette, RESIDUAL_LIMIT)
    if len(pictures) != len(start):
        raise cursor.fail("the residual's patches and pictures differ in number")
    h = np.array([p.shape[0] for p in pictures], np.int64)
    w = np.array([p.shape[1] for p in pictures], np.int64)
    inside = (start >= 0) & (length >= 1) & (length <= frames) & (start + length <= frames)
    inside &= (x >= 0) & (y >= 0) & (x <= width) & (y <= height)
    inside &= (x + w <= width) & (y + h <= height)
    if not inside.all() or (np.diff(start) < 0).any():
        raise cursor.fail("a residual patch lies outside the segment")
    pixels = np.concatenate([p.reshape(-1, 4) for p in pictures] or [np.zeros((0, 4), np.uint8)])
    if not np.isin(pixels[:, 3], (0, 255)).all():
        raise cursor.fail("a residual pixel is translucent")
    layer = np.full(len(start), -1)
    if cursor.at < len(cursor.data):
        lasting = np.flatnonzero(length > 1)
        moves_with = _exactly(cursor, len(lasting), "residual layers") - 1
        if not ((moves_with >= -1) & (moves_with < layers)).all():
            raise cursor.fail("a residual patch moves with a layer that does not exist")
        if (moves_with == -1).all():
            raise cursor.fail("the residual's layers are stored though no patch moves")
        layer[lasting] = moves_with
    first = np.append(0, np.cumsum(w * h)).astype(np.int64)
    columns = {"start": start, "length": length, "layer": layer}
    columns |= {"x": x, "y": y, "width": w, "height": h}
    narrow = {name: column.astype(np.int32) for name, column in columns.items()}
    return Residual(first=first, pixels=pixels, **narrow)


def _read_times(timing: Cursor, frames: int) -> Ints:
    pts = np.cumsum(_exactly(timing, frames, "time stamps"))
    if (np.diff(pts) <= 0).any():
        raise timing.fail("the time stamps do not increase")
    return pts


def unpack_times(payload: bytes, frames: int) -> Ints:
    """The time stamps of a ``SEGM`` payload of so many frames, without the rest of it.

    Raises
    ------
    FormatError
        That part of the payload is damaged.
    """
    outer = Cursor(payload, "SEGM")
    return _read_times(
        Cursor(decompress(outer.take(outer.varint()), PAYLOAD_LIMIT), "SEGM"), frames
    )


def unpack_segment(
    payload: bytes,
    head: Head,
    frames: int,
    sprites: tuple[Picture, ...],
    textures: tuple[Picture, ...],
    palette: Palette,
) -> Scene:
    """Read a ``SEGM`` payload.

    Parameters
    ----------
    payload : bytes
    head : Head
    frames : int
        Of this segment.
    sprites, textures : tuple of ndarray
        All that the file's earlier chunks gave.
    palette : Palette
        The file's colours up to this chunk; stays as it is.

    Raises
    ------
    FormatError
        The payload is damaged.
    """
    palette = palette.copy()
    outer = Cursor(payload, "SEGM")
    contents = []
    for name in SECTIONS:
        frame = _take_section(outer, name)
        contents.append(Cursor(decompress(frame, PAYLOAD_LIMIT) if frame else b"", "SEGM"))
    outer.end()
    timing, pan, tracks, residual, recolouring = contents
    pts = _read_times(timing, frames)
    colours = _exactly(timing, frames, "backdrop colours")
    if ((colours < 0) | (colours >> 24 != 0)).any():
        raise timing.fail("a backdrop is not a colour")
    backdrop = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], 1).astype(np.uint8)
    layers = _read_pan(pan, frames, len(textures))
    # The palette grows from section to section: the order of these is that of the file.
    scene = Scene(
        head.width,
        head.height,
        pts,
        head.time_base,
        backdrop,
        sprites,
        textures,
        layers,
        read_tracks(tracks, layers, frames, len(sprites)) if tracks.data else Tracks.none(),
        _read_residual(residual, palette, frames, head.width, head.height, len(layers))
        if residual.data
        else Residual.none(),
        read_recolouring(recolouring, palette, frames) if recolouring.data else Recolouring.none(),
    )
    for cursor in contents:
        cursor.end()
    return scene


def pack_audio(audio: AudioStream) -> bytes:
    """An ``AUDI`` payload: set-up and timing as MessagePack and streams, packets as they are."""
    head: bytes = msgpack.packb(
        [
            audio.codec,
            audio.sample_rate,
            audio.channels,
            audio.layout,
            audio.extradata,
            audio.time_base.numerator,
            audio.time_base.denominator,
        ]
    )
    timing = compress(
        [
            write_stream(np.diff(audio.pts, prepend=0)),
            write_stream(audio.dts - audio.pts),
            write_stream(audio.duration),
            write_stream([len(p) for p in audio.packets]),
        ]
    )
    parts = (head, timing)
    return b"".join(write_varint(len(p)) + p for p in parts) + b"".join(audio.packets)


def unpack_audio(payload: bytes) -> AudioStream:
    """Read an ``AUDI`` payload.

    Raises
    ------
    FormatError
        The payload is damaged.
    """
    cursor = Cursor(payload, "AUDI")
    fields = _unpack_message(cursor.take(cursor.varint()), "AUDI")
    types = (str, int, int, str, bytes, int, int)
    if (
        not isinstance(fields, list)
        or len(fields) != len(types)
        or not all(isinstance(f, t) for f, t in zip(fields, types, strict=True))
        or min(fields[1], fields[2], fields[5], fields[6]) < 1
    ):
        raise cursor.fail("the audio stream's set-up is damaged")
    codec, rate, channels, layout, extradata, numerator, denominator = fields
    timing = Cursor(decompress(cursor.take(cursor.varint()), PAYLOAD_LIMIT), "AUDI")
    pts = np.cumsum(read_stream(timing, MOST_FRAMES))
    dts, duration, sizes = (_exactly(timing, len(pts), "audio packets") for _ in range(3))
    timing.end()
    packets = tuple(cursor.take(size) for size in sizes.tolist())
    cursor.end()
    base = Fraction(numerator, denominator)
    return AudioStream(
        codec, rate, channels, layout, extradata, base, pts, dts + pts, duration, packets
    )
