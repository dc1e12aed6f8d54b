"""What a .spr file says, as chunk payloads and back (SPEC.md section 7).

========  ===================  ===============================================
chunk     writer               content
========  ===================  ===============================================
``HEAD``  `pack_head`          sizes, time base, what the file claims
``DICT``  `pack_pictures`      more sprites for the dictionary
``TEXT``  `pack_pictures`      more backgrounds
``SEGM``  `pack_segment`       a run of frames: timing, pan, tracks, residual, recolouring
``AUDI``  `pack_audio`         one audio stream, packets as the source has them
========  ===================  ===============================================

DICT and TEXT are one zstd frame each. SEGM is four or five, each behind its length, so that
the bytes of each kind can be counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import AudioStream
from spritecodec.degradation import Degradation, pack_degradation, unpack_degradation
from spritecodec.errors import FormatError
from spritecodec.formats.spr.budget import FRAME_BYTES, LAYER_FRAME_BYTES, Budget
from spritecodec.formats.spr.container import write_varint
from spritecodec.formats.spr.drawing import charge_drawing
from spritecodec.formats.spr.pictures import Palette, Picture, read_pictures, write_pictures
from spritecodec.formats.spr.recolouring import read_recolouring, write_recolouring
from spritecodec.formats.spr.residual import read_residual, write_residual
from spritecodec.formats.spr.streams import (
    Cursor,
    Ints,
    magnitude,
    read_exactly,
    read_stream,
    running_sums,
    write_stream,
)
from spritecodec.formats.spr.tracks import MAX_DISTANCE, read_tracks, write_tracks
from spritecodec.formats.spr.zstd import compress, decompress
from spritecodec.scene import Layer, Recolouring, Residual, Scene, Tracks

# SPEC.md section 9. What a reader is ready to allocate:
PAYLOAD_LIMIT = 1 << 30  # bytes of one compressed frame's content
PICTURE_LIMIT = 1 << 25  # pixels in one DICT or TEXT
SCREEN_LIMIT = 1 << 25  # pixels
MAX_FRAMES = 1 << 24
MAX_SEGMENT_FRAMES = 1 << 16
MAX_LAYERS = 1 << 8
MAX_TEXTURES_PER_LAYER = 1 << 16
HEAD_LIMIT = 1 << 20  # bytes
SEGMENT_PIXELS = 1 << 32  # of all frames of a segment
MAX_NUMBER = (1 << 31) - 1  # of a time base, a rate, a number of channels
MAX_TIME = (1 << 62) - 1  # distance of a time stamp from 0, in ticks

MAX_PSNR = 1000  # dB

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
    degradation : Degradation or None
        How the source shows the screen, where it is not as it is.
    """

    width: int
    height: int
    frames: int
    time_base: Fraction
    frame_rate: Fraction
    quality: float | None
    lossless: bool
    encoder: str
    degradation: Degradation | None = None


def pack_head(head: Head) -> bytes:
    """A ``HEAD`` payload: one MessagePack array."""
    fields: list[Any] = [
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
    if head.degradation is not None:
        fields.append(pack_degradation(head.degradation))
    data: bytes = msgpack.packb(fields)
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
        It is damaged, or a field is out of range.
    """
    if len(payload) > HEAD_LIMIT:
        raise FormatError(f"the file's head is larger than {HEAD_LIMIT:,} bytes", "HEAD")
    fields = _unpack_message(payload, "HEAD")
    types = (*((int,),) * 7, (float, int, type(None)), (bool,), (str,))
    if not isinstance(fields, list) or not 0 <= len(fields) - len(types) <= 1:
        raise FormatError(
            f"the file's head does not have {len(types)} or {len(types) + 1} fields", "HEAD"
        )
    # Not by isinstance: to Python, true is the integer 1.
    if not all(type(f) in t for f, t in zip(fields, types, strict=False)):
        raise FormatError("a field of the file's head has the wrong type", "HEAD")
    width, height, frames, tn, td, rn, rd, quality, lossless, encoder = fields[: len(types)]
    if not (is_screen(width, height) and 1 <= frames <= MAX_FRAMES):
        raise FormatError(f"impossible size: {frames} frames of {width}x{height}", "HEAD")
    if not all(1 <= n <= MAX_NUMBER for n in (tn, td, rn, rd)):
        raise FormatError("the time base or frame rate is out of range", "HEAD")
    claim = _claim(quality, lossless)
    if not encoder.isprintable():
        raise FormatError("the name of the file's writer cannot be printed", "HEAD")
    times = Fraction(tn, td), Fraction(rn, rd)
    scale = None
    if len(fields) > len(types):
        scale = unpack_degradation(fields[-1], width, height)
        if not is_screen(*scale.source_size):
            raise FormatError(
                "the source's size is impossible: {}x{}".format(*scale.source_size), "HEAD"
            )
        scale.x.check_late()
        scale.y.check_late()
    return Head(width, height, frames, *times, claim, lossless, encoder, scale)


def _claim(quality: float | None, lossless: bool) -> float | None:
    """The PSNR that HEAD claims, in dB."""
    if lossless:
        if quality is not None:
            raise FormatError("the file claims to be lossless, and a PSNR as well", "HEAD")
        return math.inf
    if quality is not None and not -MAX_PSNR <= quality <= MAX_PSNR:  # NaN is neither
        raise FormatError(f"the file claims an impossible PSNR of {quality} dB", "HEAD")
    return None if quality is None else float(quality)


def is_screen(width: int, height: int) -> bool:
    """Whether a reader is ready to allocate a frame of this size."""
    return 1 <= width <= 65535 and 1 <= height <= 65535 and width * height <= SCREEN_LIMIT


def pack_pictures(pictures: tuple[Picture, ...], palette: Palette) -> bytes:
    """A ``DICT`` or ``TEXT`` payload; adds its new colours to the file's `palette`."""
    return compress([write_pictures(pictures, palette)])


def unpack_pictures(
    payload: bytes, palette: Palette, chunk: str, budget: Budget | None = None
) -> tuple[Picture, ...]:
    """Read a ``DICT`` or ``TEXT`` payload; adds its new colours to `palette`.

    Raises
    ------
    FormatError
        The payload is damaged, or takes more than the budget holds.
    """
    cursor = Cursor(decompress(payload, PAYLOAD_LIMIT, budget), chunk, budget)
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
        decoded without the earlier ones.

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
        "residual": write_residual(scene.residual, palette) if len(scene.residual) else [],
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
    for _ in range(cursor.count(MAX_LAYERS, "layers")):
        cursor.budget.take(LAYER_FRAME_BYTES * frames)
        rows = read_stream(cursor, 3 * MAX_TEXTURES_PER_LAYER)
        cursor.budget.take(objects=len(rows) // 3)
        if len(rows) % 3:
            raise cursor.fail("a layer's texture list is cut short")
        rows = rows.reshape(-1, 3)
        if len(rows) and (rows[:, 0].min() < 0 or rows[:, 0].max() >= textures):
            raise cursor.fail("a layer uses a texture that does not exist")
        steps = (read_exactly(cursor, frames, "pan") for _ in range(2))
        pan = np.stack([running_sums(cursor, axis) for axis in steps], 1)
        if max(magnitude(rows), magnitude(pan)) > MAX_DISTANCE:
            raise cursor.fail("a layer lies too far away")
        layers.append(Layer(pan.astype(np.int32), rows.astype(np.int32)))
    return tuple(layers)


def _read_times(timing: Cursor, frames: int) -> Ints:
    pts = running_sums(timing, read_exactly(timing, frames, "time stamps"))
    if (pts[1:] <= pts[:-1]).any():
        raise timing.fail("the time stamps do not increase")
    if magnitude(pts) > MAX_TIME:
        raise timing.fail("a time stamp is out of range")
    return pts


def _read_backdrop(timing: Cursor, frames: int) -> NDArray[np.uint8]:
    """RGB of each frame, shape (frames, 3)."""
    colours = read_exactly(timing, frames, "backdrop colours")
    if ((colours < 0) | (colours >> 24 != 0)).any():
        raise timing.fail("a backdrop is not a colour")
    return np.stack([colours >> 16, colours >> 8 & 255, colours & 255], 1).astype(np.uint8)


def unpack_times(payload: bytes, frames: int, budget: Budget | None = None) -> Ints:
    """The time stamps of a ``SEGM`` payload of so many frames, without the rest of it.

    Raises
    ------
    FormatError
        That part of the payload is damaged, or takes more than the budget holds.
    """
    outer = Cursor(payload, "SEGM")
    timing = decompress(_take_section(outer, "timing"), PAYLOAD_LIMIT, budget)
    return _read_times(Cursor(timing, "SEGM", budget), frames)


def unpack_segment(
    payload: bytes,
    head: Head,
    frames: int,
    sprites: tuple[Picture, ...],
    textures: tuple[Picture, ...],
    palette: Palette,
    budget: Budget | None = None,
) -> Scene:
    """Read a ``SEGM`` payload; its inverse is `pack_segment`.

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
    budget : Budget, optional
        What reading and drawing the segment may cost.

    Raises
    ------
    FormatError
        The payload is damaged, or takes more than the budget holds.
    """
    palette = palette.copy()
    budget = budget or Budget()
    budget.take(FRAME_BYTES * frames)
    sections = _open_sections(payload, budget)
    timing, pan, tracks, residual, recolouring = sections
    pts = _read_times(timing, frames)
    backdrop = _read_backdrop(timing, frames)
    layers = _read_pan(pan, frames, len(textures))
    screen = head.width, head.height
    # The residual and the recolouring add colours: read them in the order of the file.
    scene = Scene(
        *screen,
        pts,
        head.time_base,
        backdrop,
        sprites,
        textures,
        layers,
        read_tracks(tracks, layers, frames, len(sprites)) if tracks.data else Tracks.none(),
        read_residual(residual, palette, frames, screen, len(layers))
        if residual.data
        else Residual.none(),
        read_recolouring(recolouring, palette, frames) if recolouring.data else Recolouring.none(),
    )
    for section in sections:
        section.end()
    charge_drawing(scene, budget)
    return scene


def _open_sections(payload: bytes, budget: Budget) -> list[Cursor]:
    """A cursor on the content of each of SECTIONS."""
    outer = Cursor(payload, "SEGM")
    frames = [_take_section(outer, name) for name in SECTIONS]
    outer.end()
    return [
        Cursor(decompress(f, PAYLOAD_LIMIT, budget) if f else b"", "SEGM", budget) for f in frames
    ]


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


def unpack_audio(payload: bytes, budget: Budget | None = None) -> AudioStream:
    """Read an ``AUDI`` payload.

    Raises
    ------
    FormatError
        The payload is damaged, or takes more than the budget holds.
    """
    cursor = Cursor(payload, "AUDI")
    fields = _unpack_message(cursor.take(cursor.varint()), "AUDI")
    types = (str, int, int, str, bytes, int, int)
    if (
        not isinstance(fields, list)
        or len(fields) != len(types)
        or not all(type(f) is t for f, t in zip(fields, types, strict=True))
        or not all(1 <= fields[i] <= MAX_NUMBER for i in (1, 2, 5, 6))
        or not (fields[0].isprintable() and fields[3].isprintable())
    ):
        raise cursor.fail("the audio stream's set-up is damaged")
    codec, rate, channels, layout, extradata, numerator, denominator = fields
    content = decompress(cursor.take(cursor.varint()), PAYLOAD_LIMIT, budget)
    timing = Cursor(content, "AUDI", budget)
    steps = read_stream(timing, MAX_FRAMES)
    timing.budget.take(objects=len(steps))
    pts = running_sums(timing, steps)
    early, duration, sizes = (read_exactly(timing, len(pts), "audio packets") for _ in range(3))
    timing.end()
    if max(map(magnitude, (pts, early, duration))) > MAX_TIME:
        raise timing.fail("a time of the audio is out of range")
    packets = tuple(cursor.take(size) for size in sizes.tolist())
    cursor.end()
    base = Fraction(numerator, denominator)
    return AudioStream(
        codec, rate, channels, layout, extradata, base, pts, early + pts, duration, packets
    )
