"""Cut and join .spr files: frames are drawn as before, and no picture is encoded anew."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import IO, TYPE_CHECKING

import numpy as np

from spritecodec.clip import AudioStream
from spritecodec.errors import FormatError, InputError, SettingsError
from spritecodec.formats.atomic import check_distinct, check_target, create
from spritecodec.formats.spr.chunks import (
    MAX_FRAMES,
    MAX_NUMBER,
    MAX_TIME,
    Head,
    pack_audio,
    pack_head,
)
from spritecodec.formats.spr.container import Container, Writer
from spritecodec.formats.spr.library import Library
from spritecodec.reader import Reader
from spritecodec.reader import open as open_reader
from spritecodec.scene import Scene
from spritecodec.scene_part import part_of, seen_boxes, without_unseen
from spritecodec.span import Span
from spritecodec.trimmed import trim_audio

if TYPE_CHECKING:
    from spritecodec.formats.video.sound_choice import KeptSound
    from spritecodec.span import Moment

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class RearrangeReport:
    """What `cut` or `join` did.

    Attributes
    ----------
    frames : int
        Of the new file. Each was compared with the frame that it was made from.
    seconds : float
        Wall-clock seconds.
    size : int
        Bytes of the new file.
    segments, sprites : int
        Of the new file.
    notes : tuple of str
        What the user should know, one sentence each.
    """

    frames: int
    seconds: float
    size: int
    segments: int
    sprites: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Piece:
    """Frames a to b - 1 of a file, whose time stamps get `shift` ticks of the new time base."""

    reader: Reader
    a: int
    b: int
    shift: int


def cut(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    start: Moment | None = None,
    stop: Moment | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> RearrangeReport:
    """Write a part of a .spr file as a .spr file, with the sound of that time.

    Parameters
    ----------
    source, target : path
    start, stop : int or str, optional
        Frames start to stop - 1. Each is a frame number or words: ``"1.5"`` seconds from the
        first frame, ``"0:01.5"``, ``"1:02:03"``, ``"90f"``.
    overwrite : bool
        Replace an existing target.
    progress : callable, optional
        Called with the frames verified and the frames in all.

    Raises
    ------
    InputError, FormatError
        The source cannot be read, or is damaged.
    OutputError
        The target exists, or cannot be written.
    SettingsError
        No frame is left, or the source is the target.
    """
    began = time.perf_counter()
    check_distinct(source, target)
    check_target(target, overwrite)
    with open_reader(source, "native") as reader:
        pts = reader.pts.tolist()
        a, b = Span(start, stop).frames(pts, reader.time_base)
        whole = (a, b) == (0, len(reader))
        begin, end = (0 if whole else pts[a]), (pts[b] if b < len(pts) else None)
        audio = reader.audio
        if not whole:
            audio = trim_audio(audio, reader.time_base, begin, end)
        head = replace(reader.head, frames=b - a)
        notes = []
        if not whole and not head.lossless and head.quality is not None:
            head = replace(head, quality=None)
            notes.append("the file states no PSNR, because that of a part is not known")
        pieces = [_Piece(reader, a, b, -begin)]
        with create(target, overwrite) as stream:
            written = _write(stream, head, pieces, audio, progress)
            return _report(written, began, notes)


def join(
    sources: Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    *,
    audio: KeptSound = "copy",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> RearrangeReport:
    """Write .spr files one after another as one .spr file, with their sound.

    What their dictionaries and backgrounds share is written once.

    Parameters
    ----------
    sources : sequence of path
        At least one; all of one size.
    target : path
    audio : "copy", "flac", "opus" or "none"
        ``"copy"``: the sound as it is, which must be of one kind in all files that have any.
        Otherwise as for `spritecodec.encode`.
    overwrite : bool
        Replace an existing target.
    progress : callable, optional
        Called with the frames verified and the frames in all.

    Raises
    ------
    InputError, FormatError
        A source cannot be read, is damaged, or does not go with the first one.
    OutputError
        The target exists, or cannot be written.
    SettingsError
        There are no sources, or one is the target.
    """
    began = time.perf_counter()
    if isinstance(sources, (str, os.PathLike)) or not sources:
        raise SettingsError("join takes a list of .spr files, one or more")
    for source in sources:
        check_distinct(source, target)
    check_target(target, overwrite)
    with ExitStack() as stack:
        readers = [stack.enter_context(open_reader(s, "native")) for s in sources]
        head = _joint_head(readers)
        pieces, begins = _placed(readers, head.time_base)
        sound = _joint_sound(readers, begins, audio)
        with create(target, overwrite) as stream:
            written = _write(stream, head, pieces, sound, progress)
            return _report(written, began, [])


def _report(written: Reader, began: float, notes: list[str]) -> RearrangeReport:
    return RearrangeReport(
        frames=len(written),
        seconds=time.perf_counter() - began,
        size=written.size,
        segments=len(written.segments),
        sprites=len(written.sprites),
        notes=tuple(notes),
    )


# --- what files have in common --------------------------------------------------------------


def _joint_head(readers: Sequence[Reader]) -> Head:
    """The head of the file that holds all of some."""
    first = readers[0]
    for reader in readers:
        if len(reader) == 0 or reader.truncated:
            raise FormatError(f"{reader.name} is cut short; repair it or cut its frames out first")
        one, two = first.head, reader.head
        if (one.width, one.height) != (two.width, two.height):
            raise InputError(
                f"{first.name} is {one.width}x{one.height} and {reader.name} is "
                f"{two.width}x{two.height}; only files of one size can be joined"
            )
        if one.degradation != two.degradation:
            raise InputError(
                f"{first.name} and {reader.name} show their native frames in different ways; "
                "encode one of them again without restoring"
            )
    heads = [r.head for r in readers]
    base = heads[0].time_base
    for head in heads:
        base = _common(base, head.time_base)
    if max(base.numerator, base.denominator) > MAX_NUMBER:
        raise InputError("the files count time in ticks that have no common measure")
    frames = sum(h.frames for h in heads)
    if frames > MAX_FRAMES:
        raise InputError(f"a file holds at most {MAX_FRAMES:,} frames, and these are {frames:,}")
    known = [math.inf if h.lossless else h.quality for h in heads]
    claims = [q for q in known if q is not None]
    # Over all frames the PSNR is no lower than the lowest.
    quality = min(claims) if len(claims) == len(heads) else None
    return replace(
        heads[0],
        frames=frames,
        time_base=base,
        quality=quality,
        lossless=all(h.lossless for h in heads),
    )


def _common(one: Fraction, two: Fraction) -> Fraction:
    """The largest tick of which both are multiples."""
    top = math.gcd(one.numerator * two.denominator, two.numerator * one.denominator)
    return Fraction(top, one.denominator * two.denominator)


def _placed(readers: Sequence[Reader], base: Fraction) -> tuple[list[_Piece], list[Fraction]]:
    """The files as pieces one after another, and where each begins, in seconds."""
    pieces, begins = [], []
    at = int(readers[0].pts[0] * (readers[0].time_base / base))
    for reader in readers:
        ratio = int(reader.time_base / base)
        first, last = int(reader.pts[0]) * ratio, int(reader.pts[-1]) * ratio
        pieces.append(_Piece(reader, 0, len(reader), at - first))
        begins.append(at * base)
        at += last - first + max(1, round(1 / (reader.frame_rate * base)))
        if abs(at) > MAX_TIME:
            raise InputError("the files are longer together than a file can say")
    return pieces, begins


def _joint_sound(
    readers: Sequence[Reader], begins: Sequence[Fraction], choice: KeptSound
) -> tuple[AudioStream, ...]:
    """The sound of all files, each at its time and no longer than its frames."""
    count = max(len(r.audio) for r in readers)
    if choice == "none" or not count:
        return ()
    from spritecodec.formats.video.sound import append, trim
    from spritecodec.formats.video.sound_choice import kept_sound

    parts: list[list[tuple[AudioStream, Fraction]]] = [[] for _ in range(count)]
    for i, (reader, begin) in enumerate(zip(readers, begins, strict=True)):
        if len(reader.audio) not in (0, count):
            raise InputError(
                f"{reader.name} has {len(reader.audio)} streams of sound, others have {count}; "
                "join them without sound (none)"
            )
        start = int(reader.pts[0]) * reader.time_base
        stop = int(reader.pts[-1]) * reader.time_base + 1 / reader.frame_rate
        for number, stream in enumerate(reader.audio):
            kept = trim(stream, start if i else None, stop if i < len(readers) - 1 else None)
            if kept is not None:
                if choice != "copy":
                    kept = kept_sound([kept], choice)[0][0]
                parts[number].append((kept, begin if i else Fraction(0)))
    return tuple(append(some) for some in parts if some)


# --- writing --------------------------------------------------------------------------------


def _scenes(pieces: Sequence[_Piece], base: Fraction) -> Iterator[Scene]:
    """The segments of all pieces, in the new file's time, with the pictures that they use."""
    for piece in pieces:
        reader = piece.reader
        whole = (piece.a, piece.b) == (0, len(reader))
        boxes = None if whole else seen_boxes(s for s in _parts(piece))
        for scene in _parts(piece):
            ratio = int(reader.time_base / base)
            moved = replace(scene, pts=scene.pts * ratio + piece.shift, time_base=base)
            yield without_unseen(moved, boxes)


def _parts(piece: _Piece) -> Iterator[Scene]:
    for number, segment in enumerate(piece.reader.segments):
        a, b = max(0, piece.a - segment.first), min(segment.frames, piece.b - segment.first)
        if a < b:
            yield part_of(piece.reader.scene(number), a, b)


def _write(
    stream: IO[bytes],
    head: Head,
    pieces: Sequence[_Piece],
    audio: Iterable[AudioStream],
    progress: Progress | None,
) -> Reader:
    """Write the file, read it back, and compare every frame with what it was."""
    writer = Writer(stream)
    writer.add("HEAD", pack_head(head))
    library = Library()
    for scene in _scenes(pieces, head.time_base):
        packed = library.pack(scene)
        library = packed.library
        for kind, payload, count in packed.chunks:
            writer.add(kind, payload, count)
    for sound in audio:
        writer.add("AUDI", pack_audio(sound))
    for text in dict.fromkeys(text for p in pieces for text in p.reader.texts()):
        writer.add("meta", text)
    writer.finish()
    stream.flush()
    stream.seek(0)
    written = Reader(Container(stream), "the new file", "native")
    t = 0
    for piece in pieces:
        for old in range(piece.a, piece.b):
            if not np.array_equal(written.frame(t), piece.reader.frame(old)):
                raise AssertionError(
                    f"frame {t} is not drawn as frame {old} of {piece.reader.name}"
                )
            t += 1
            if progress is not None:
                progress(t, head.frames)
    assert t == len(written)
    return written
