"""Read a .spr file: any frame, its scene, its sprites, and where every byte goes."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, partial
from itertools import pairwise
from types import TracebackType
from typing import IO, Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import AudioStream, Piece
from spritecodec.degradation import Degradation
from spritecodec.errors import FormatError, InputError, SettingsError
from spritecodec.formats.spr.budget import Budget, Limits
from spritecodec.formats.spr.chunks import (
    MAX_SEGMENT_FRAMES,
    SECTIONS,
    SEGMENT_PIXELS,
    Head,
    segment_sections,
    unpack_audio,
    unpack_head,
    unpack_pictures,
    unpack_segment,
    unpack_times,
)
from spritecodec.formats.spr.container import HEADER, ChunkInfo, Container
from spritecodec.formats.spr.pictures import Palette, Picture
from spritecodec.progress import shows_progress
from spritecodec.render import Renderer
from spritecodec.scene import Scene

_Value = TypeVar("_Value")

Which = int | np.integer[Any] | slice | Sequence[int] | NDArray[Any]
"""Which frames: a number, a slice, or a list or an array of numbers or of truth values."""

Size = Literal["auto", "native", "source"]
"""At which size frames are shown, where the file says that the source was enlarged."""

# Segments kept unpacked and ready to draw, the most recently used.
SEGMENTS_KEPT = 3

# What arithmetic and look-ups raise that meet numbers which no check has foreseen. Files are not
# to be trusted, so whoever reads one gets a FormatError all the same.
_UNFORESEEN = (ArithmeticError, AssertionError, LookupError, TypeError, ValueError)

# What `Reader.breakdown` calls the bytes of each kind of chunk; SEGM has its own names.
_NAMES = {"HEAD": "header", "DICT": "dictionary", "TEXT": "background", "AUDI": "audio"}


@dataclass(frozen=True)
class Segment:
    """A run of frames that can be decoded alone.

    Attributes
    ----------
    first, frames : int
        The number of its first frame in the file, and how many it has.
    chunk : ChunkInfo
        Where it lies in the file.
    position : int
        Of that chunk among the file's chunks; the dictionary grows from chunk to chunk.
    """

    first: int
    frames: int
    chunk: ChunkInfo
    position: int


@dataclass(frozen=True)
class Verification:
    """What `Reader.verify` found in a sound file.

    Attributes
    ----------
    frames : int
    md5 : str
        Of the RGB bytes of all frames one after another, in hexadecimal.
    """

    frames: int
    md5: str


@dataclass(frozen=True)
class _Library:
    """The pictures and colours that a segment may use: those of the earlier chunks."""

    sprites: tuple[Picture, ...]
    textures: tuple[Picture, ...]
    palette: Palette


class _Shelf:
    """All pictures and colours of the file, read as far as they were needed.

    Parameters
    ----------
    chunks : sequence of (int, ChunkInfo)
        The ``DICT`` and ``TEXT`` chunks in file order, and their places among all chunks.
    budget : Budget
        What all of them may cost.
    """

    def __init__(self, chunks: Sequence[tuple[int, ChunkInfo]], budget: Budget) -> None:
        self._positions = [position for position, _ in chunks]
        self._chunks = [chunk for _, chunk in chunks]
        self._budget = budget
        self._pictures: dict[str, list[Picture]] = {"DICT": [], "TEXT": []}
        self._palette = Palette()
        self._counts = [(0, 0, 1)]  # sprites, backgrounds and colours after so many chunks
        self._last = 0, _Library((), (), Palette())

    def at(
        self, position: int, unpack: Callable[[ChunkInfo, Palette, Budget], tuple[Picture, ...]]
    ) -> _Library:
        """What the chunks in front of the one at `position` give; `unpack` reads one chunk."""
        wanted = bisect_left(self._positions, position)
        for chunk in self._chunks[len(self._counts) - 1 : wanted]:
            # Only what was read to its end counts: a damaged chunk stays as damaged as it was.
            palette, budget = self._palette.copy(), replace(self._budget)
            self._pictures[chunk.kind] += unpack(chunk, palette, budget)
            self._palette, self._budget = palette, budget
            sprites, textures = (len(self._pictures[kind]) for kind in ("DICT", "TEXT"))
            self._counts.append((sprites, textures, len(palette.packed)))
        if self._last[0] != wanted:
            sprites, textures, colours = self._counts[wanted]
            self._last = (
                wanted,
                _Library(
                    tuple(self._pictures["DICT"][:sprites]),
                    tuple(self._pictures["TEXT"][:textures]),
                    self._palette.copy(colours),
                ),
            )
        return self._last[1]


def open(
    source: str | os.PathLike[str] | IO[bytes] | bytes,
    size: Size = "auto",
    *,
    limits: Limits | None = None,
) -> Reader:
    """Open a .spr file for reading.

    Parameters
    ----------
    source : path, binary file object or bytes
        ``"-"`` is standard input. A file object must be seekable.
    size : "auto", "native" or "source"
        Of the frames, where the source was an enlargement: the pixels as they were drawn
        (native), or as the source showed them. ``"auto"``: as the source, unless the native
        frames were only estimated.
    limits : Limits, optional
        What the file may cost; those of the specification where they are left out.

    Returns
    -------
    Reader
        Use it in a ``with`` statement, or call its `close`.

    Raises
    ------
    InputError
        No such file, or it cannot be read, or the source is something else.
    FormatError
        Not a .spr file, or damaged. A file that was merely cut short opens: it has the
        frames up to the cut, and `Reader.truncated` is True.
    VersionError
        A .spr file of another version or draft of the format.
    SettingsError
        There is no such size.
    """
    if isinstance(source, (str, os.PathLike)):
        if os.fspath(source) == "-":
            data = io.BytesIO(sys.stdin.buffer.read())
            return Reader(Container(data), "standard input", size, limits)
        container = Container.open(source)
        try:
            return Reader(container, os.fspath(source), size, limits)
        except BaseException:
            container.close()
            raise
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Reader(Container.from_bytes(bytes(source)), "bytes", size, limits)
    if not (hasattr(source, "read") and hasattr(source, "seek")):
        raise InputError(
            f"a {type(source).__name__} is no .spr file; open takes a path, a seekable binary file "
            "object or bytes"
        )
    return Reader(Container(source), str(getattr(source, "name", "stream")), size, limits)


class Reader:
    """The frames of a .spr file; also a `Clip`, so it can be compared and encoded again.

    ``reader[t]`` is frame t, shape (h, w, 3), uint8 RGB; ``reader[a:b]`` and ``reader[[3, 1]]``
    are arrays of frames, shape (n, h, w, 3); negative numbers count from the end. Any frame is
    decoded from its own segment alone; frames in order are the fastest. Threads may share a
    reader.

    Parameters
    ----------
    container : Container
        Closed with the reader.
    name : str
        For messages.
    size : "auto", "native" or "source"
    limits : Limits, optional
        Both as for `open`.

    Attributes
    ----------
    head : Head
        What the file says about itself; its size is that of the native frames.
    segments : tuple of Segment
    truncated : bool
        The file is cut short or its index is damaged; the frames up to there are here.

    Raises
    ------
    FormatError
        The file is damaged beyond use.
    """

    def __init__(
        self,
        container: Container,
        name: str = "file",
        size: Size = "auto",
        limits: Limits | None = None,
    ) -> None:
        if size not in get_args(Size):
            raise SettingsError(f"the size is auto, native or source, not {size!r}")
        self._container = container
        self.name = name
        self._lock = threading.RLock()
        self._limits = limits or Limits()
        self._renderers: OrderedDict[int, Renderer] = OrderedDict()
        self.head = self._read_head()
        self._enlargement = self._choose(size)
        self.segments = self._find_segments()
        self._firsts = [s.first for s in self.segments]
        self._shelf = self._find_library()

    # --- what the file is -------------------------------------------------------------

    def _read_head(self) -> Head:
        chunks = self._container.chunks
        if not chunks or chunks[0].kind != "HEAD":
            if self._container.damage:
                raise FormatError(self._container.damage)
            raise FormatError("the file does not begin with its head", "HEAD", len(HEADER))
        return self._unpack(chunks[0], unpack_head)

    def _choose(self, size: Size) -> Degradation | None:
        """What enlarges the frames that are asked for; None where they are shown as drawn."""
        found = self.head.degradation
        if found is None or size == "native" or (size == "auto" and found.restored):
            return None
        return found

    def _find_segments(self) -> tuple[Segment, ...]:
        segments: list[Segment] = []
        first = 0
        for position, chunk in enumerate(self._container.chunks):
            if chunk.kind == "SEGM":
                if not 1 <= chunk.frames <= MAX_SEGMENT_FRAMES:
                    raise FormatError(
                        f"a segment has {chunk.frames} frames, not 1 to {MAX_SEGMENT_FRAMES}",
                        chunk.kind,
                        chunk.offset,
                    )
                if chunk.frames * self.head.width * self.head.height > SEGMENT_PIXELS:
                    raise FormatError(
                        f"a segment shows {chunk.frames:,} frames of {self.head.width}x"
                        f"{self.head.height}, more than {SEGMENT_PIXELS:,} pixels",
                        chunk.kind,
                        chunk.offset,
                    )
                segments.append(Segment(first, chunk.frames, chunk, position))
                first += chunk.frames
            elif chunk.frames or (chunk.kind == "HEAD") != (position == 0):
                raise FormatError("a chunk stands in the wrong place", chunk.kind, chunk.offset)
        if first > self.head.frames or (first < self.head.frames and not self.truncated):
            raise FormatError(f"the file claims {self.head.frames} frames but holds {first}")
        return tuple(segments)

    def _find_library(self) -> _Shelf:
        found = enumerate(self._container.chunks)
        pictures = [(i, c) for i, c in found if c.kind in ("DICT", "TEXT")]
        budget = self._budget("the dictionary", [c for _, c in pictures], len(self))
        return _Shelf(pictures, budget)

    def _budget(self, part: str, chunks: Sequence[ChunkInfo], frames: int) -> Budget:
        """What a part of the file may cost that consists of these chunks."""
        payload = sum(c.length for c in chunks)
        return Budget(
            part, self._limits.derive(payload, frames, self.head.width * self.head.height)
        )

    @property
    def truncated(self) -> bool:
        """The file is cut short or its index is damaged."""
        return self._container.damage is not None

    @property
    def size(self) -> int:
        """Of the file in bytes."""
        return self._container.size

    @property
    def width(self) -> int:
        """Of the picture in pixels."""
        return self._enlargement.x.size if self._enlargement else self.head.width

    @property
    def height(self) -> int:
        """Of the picture in pixels."""
        return self._enlargement.y.size if self._enlargement else self.head.height

    @property
    def degradation(self) -> Degradation | None:
        """How the source showed the native frames; None where it showed them as they are."""
        return self.head.degradation

    @property
    def time_base(self) -> Fraction:
        """Seconds per tick of `pts`."""
        return self.head.time_base

    @property
    def frame_rate(self) -> Fraction:
        """Nominal frames per second."""
        return self.head.frame_rate

    @property
    def frame_count(self) -> int:
        """The number of frames, as `len` gives it."""
        return len(self)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of all frames as an array: (n, h, w, 3)."""
        return len(self), self.height, self.width, 3

    @property
    def ndim(self) -> int:
        """Of all frames as an array: 4."""
        return 4

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Of the frames: uint8."""
        return np.dtype(np.uint8)

    @property
    def pixel_exact(self) -> bool:
        """True: the decoded pixels are exact by definition."""
        return True

    def __len__(self) -> int:
        last = self.segments[-1] if self.segments else None
        return last.first + last.frames if last else 0

    @cached_property
    def pts(self) -> NDArray[np.int64]:
        """Presentation times in ticks of `time_base`, shape (n,), strictly increasing."""
        parts = [
            self._unpack(
                s.chunk,
                partial(
                    unpack_times,
                    frames=s.frames,
                    budget=self._budget("a segment", [s.chunk], s.frames),
                ),
            )
            for s in self.segments
        ]
        pts = np.concatenate([np.zeros(0, np.int64), *parts])
        for one, two in pairwise(self.segments):
            if pts[two.first] <= pts[two.first - 1]:
                raise FormatError(
                    f"the time stamps of the segments at offsets {one.chunk.offset} and "
                    f"{two.chunk.offset} overlap",
                    "SEGM",
                    two.chunk.offset,
                )
        return pts

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """Presentation times in seconds, shape (n,)."""
        seconds: NDArray[np.float64] = self.pts.astype(np.float64) * float(self.time_base)
        return seconds

    @property
    def duration(self) -> float:
        """Of all frames when played, in seconds; the last one shows for 1 / frame_rate."""
        ticks = int(self.pts[-1]) - int(self.pts[0]) if len(self) else 0
        return float(ticks * self.time_base + min(len(self), 1) / self.frame_rate)

    @cached_property
    def audio(self) -> tuple[AudioStream, ...]:
        """All audio streams, their packets as the source stored them."""
        chunks = [c for c in self._container.chunks if c.kind == "AUDI"]
        budget = self._budget("the audio", chunks, 0)
        return tuple(self._unpack(c, partial(unpack_audio, budget=budget)) for c in chunks)

    def texts(self) -> list[bytes]:
        """What is written about the video (UTF-8), a chunk each."""
        return [self._container.payload(c) for c in self._container.chunks if c.kind == "meta"]

    @property
    def sprites(self) -> tuple[Picture, ...]:
        """The whole dictionary, each shape (h, w, 4), uint8, straight alpha."""
        return self._library_at(len(self._container.chunks)).sprites

    @property
    def textures(self) -> tuple[Picture, ...]:
        """All backgrounds, each shape (h, w, 4), uint8."""
        return self._library_at(len(self._container.chunks)).textures

    # --- frames -----------------------------------------------------------------------

    def scene(self, segment: int) -> Scene:
        """The Scene of one segment, 0 to len(segments) - 1, at the native size.

        Raises
        ------
        IndexError
            There is no such segment.
        FormatError
            It is damaged.
        """
        return self._renderer(range(len(self.segments))[segment]).scene

    def frame(self, t: int, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Frame t, 0 to len - 1, shape (h, w, 3), uint8 RGB.

        Written to `out` where one is given: contiguous, of that shape and type.

        Raises
        ------
        IndexError
            There is no such frame.
        FormatError
            Its segment is damaged.
        """
        if not 0 <= t < len(self):
            raise IndexError(f"frame {t} of a file of {len(self)} frames")
        segment = bisect_right(self._firsts, t) - 1
        t -= self._firsts[segment]
        with self._lock:
            if self._enlargement is None:
                return self._renderer(segment).frame(t, out)
            native = self._renderer(segment).frame(t)
        return self._enlargement.enlarge(native, out)

    def __getitem__(self, which: Which) -> NDArray[np.uint8]:
        numbers = range(len(self))
        if not isinstance(which, (int, np.integer)):
            # An index error of numpy's says what is wrong with a list.
            wanted = numbers[which] if isinstance(which, slice) else self._numbers(which)
            out = np.empty((len(wanted), self.height, self.width, 3), np.uint8)
            for i, t in enumerate(wanted):
                self.frame(t, out[i])
            return out
        try:
            t = numbers[which]
        except IndexError:
            raise IndexError(f"frame {which} of a file of {len(self)} frames") from None
        return self.frame(t)

    def _numbers(self, which: Sequence[int] | NDArray[Any]) -> list[int]:
        """The numbers of frames that a list or an array of numbers or of truth values means.

        Raises
        ------
        IndexError
            It means none, or one that is not there.
        """
        if isinstance(which, tuple):
            raise IndexError("frames have one number each; index what comes out for pixels")
        chosen = np.asarray(which)
        if chosen.ndim != 1:
            raise IndexError(f"a list of frames has one dimension, not {chosen.ndim}")
        if not len(chosen):
            return []
        found: list[int] = np.arange(len(self))[chosen].tolist()
        return found

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (self.frame(t) for t in range(len(self)))

    def pieces(self, size: int = 64, start: int = 0, stop: int | None = None) -> Iterator[Piece]:
        """Frames start to stop - 1, at most `size` at a time, with their `pts`."""
        stop = len(self) if stop is None else min(stop, len(self))
        for a in range(start, stop, size):
            b = min(a + size, stop)
            yield Piece(self[a:b], self.pts[a:b])

    # --- bytes and checks ----------------------------------------------------------------

    def breakdown(self) -> dict[str, int]:
        """Where every byte of the file goes.

        Returns
        -------
        dict of str to int
            Bytes of: header, dictionary, background, audio, timing, pan, tracks, residual,
            recolouring, other (optional chunks), framing (around the segments), index, and, in
            a file that is cut short, damaged. The sum is the file's size.
        """
        names = (*_NAMES.values(), *SECTIONS, "other", "framing")
        out = dict.fromkeys(names, 0)
        out["header"] += len(HEADER)
        for chunk in self._container.chunks:
            if chunk.kind == "SEGM":
                for name, size in self.segment_breakdown(chunk).items():
                    out[name] += size
            else:
                out[_NAMES.get(chunk.kind, "other")] += chunk.size
        out["index"] = self._container.index_size
        rest = self.size - sum(out.values())
        return out | {"damaged": rest} if rest else out

    def segment_breakdown(self, chunk: ChunkInfo) -> dict[str, int]:
        """The part of `breakdown` that one segment's chunk makes."""
        sections = self._unpack(chunk, segment_sections)
        return sections | {"framing": chunk.size - sum(sections.values())}

    @shows_progress("Verifying")
    def verify(self, progress: Callable[[int, int], None] | bool | None = None) -> Verification:
        """Check every checksum, unpack every chunk and draw every frame.

        Parameters
        ----------
        progress : callable or bool, optional
            Called with the frames done and the frames in all. ``progress=True``: a bar.

        Raises
        ------
        FormatError
            Anything is damaged or cut short.
        """
        self._container.verify()
        _ = self.pts, self.audio, self.sprites, self.textures
        digest = hashlib.md5(usedforsecurity=False)
        for t, frame in enumerate(self):
            digest.update(frame.data)
            if callable(progress):
                progress(t + 1, len(self))
        return Verification(len(self), digest.hexdigest())

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Reader {self.name}: {len(self)} frames of {self.width}x{self.height}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: frames that play, where the bytes go, the dictionary."""
        from spritecodec.notebook import reader_html

        return reader_html(self)

    # --- unpacking --------------------------------------------------------------------

    def _unpack(self, chunk: ChunkInfo, unpack: Callable[[bytes], _Value]) -> _Value:
        """Unpack a chunk's payload; errors say at which offset the chunk lies."""
        payload = self._container.payload(chunk)
        try:
            return unpack(payload)
        except FormatError as e:
            message = str(e).removesuffix(f" (chunk {e.chunk})")
            raise type(e)(message, chunk.kind, chunk.offset) from e
        except MemoryError as e:
            raise FormatError("needs more memory than there is", chunk.kind, chunk.offset) from e
        except _UNFORESEEN as e:
            raise FormatError(
                f"cannot be decoded: {type(e).__name__}, {e}", chunk.kind, chunk.offset
            ) from e

    def _renderer(self, segment: int) -> Renderer:
        with self._lock:
            if segment not in self._renderers:
                self._renderers[segment] = self._read_renderer(self.segments[segment])
            self._renderers.move_to_end(segment)
            while len(self._renderers) > SEGMENTS_KEPT:
                self._renderers.popitem(last=False)
            return self._renderers[segment]

    def _read_renderer(self, segment: Segment) -> Renderer:
        library = self._library_at(segment.position)

        def unpack(payload: bytes) -> Renderer:
            scene = unpack_segment(
                payload,
                self.head,
                segment.frames,
                library.sprites,
                library.textures,
                library.palette,
                self._budget("a segment", [segment.chunk], segment.frames),
            )
            return Renderer(scene)

        return self._unpack(segment.chunk, unpack)

    def _library_at(self, position: int) -> _Library:
        """Pictures and colours of the chunks in front of the one at `position`."""
        with self._lock:
            return self._shelf.at(position, self._read_pictures)

    def _read_pictures(
        self, chunk: ChunkInfo, palette: Palette, budget: Budget
    ) -> tuple[Picture, ...]:
        return self._unpack(
            chunk, lambda payload: unpack_pictures(payload, palette, chunk.kind, budget)
        )
