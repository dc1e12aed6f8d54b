"""One segment after another: candidates, the smallest of them, chunks."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import IO, TYPE_CHECKING, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import AudioStream, Clip, Doubt, Misfit, Restored
from spritecodec.degradation import Degradation
from spritecodec.errors import InputError
from spritecodec.formats.spr.chunks import MAX_FRAMES, MAX_TIME, Head, pack_audio, pack_head
from spritecodec.formats.spr.container import Container, Writer
from spritecodec.formats.spr.library import Chunk, Library, Packed
from spritecodec.metrics import psnr_from_mse, squared_error
from spritecodec.reader import Reader
from spritecodec.render import Renderer
from spritecodec.scene import Scene

if TYPE_CHECKING:
    from spritecodec.mining.indexed import Indexed
    from spritecodec.model.discovery import Discovery
    from spritecodec.model.training import Training
    from spritecodec.restore.simplify import Simplifier

_Item = TypeVar("_Item")

Quality = Literal["auto", "lossless", "base"] | float

Progress = Callable[[str, int, int, str], None]
"""Called with the stage, the work done, the work in all, and a few words more."""

AUTO_PSNR = 40.0
"""Decibels that "auto" aims at where the source is not pixel-exact."""
SEGMENT_FRAMES = 4096
"""A segment ends after at most so many frames."""
SEGMENT_BYTES = 400 << 20
"""A segment ends when its frames take so many bytes of memory."""
COMPARED_STEP = 8
"""Of frames that are restored from a lossy recording, one in so many is compared with it."""

PIECE_FRAMES = 32
"""Frames read at a time."""
MAX_EXACT_COLOURS = 1024
"""Where a PSNR is asked for, frames with at most so many colours are tried exactly too."""
MODEL_FRAMES = 200
"""Frames of a segment that the model decomposes, evenly spaced."""


@dataclass
class Run:
    """The frames of a segment while it is read.

    Attributes
    ----------
    simple : Indexed or None
        The frames simplified; None where they stay exact.
    exact : Indexed or None
        The source's frames; None where they are simplified and have too many colours.
    pts : list of int
        Time stamps.
    """

    simple: Indexed | None
    exact: Indexed | None
    pts: list[int] = field(default_factory=list)

    @staticmethod
    def empty(clip: Clip, simplified: bool) -> Run:
        """No frames yet."""
        from spritecodec.mining.indexed import Indexed

        size = clip.height, clip.width
        return Run(Indexed(*size) if simplified else None, Indexed(*size))

    def add(
        self,
        simplified: NDArray[np.uint8] | None,
        frame: NDArray[np.uint8],
        pts: int,
        doubt: Doubt | None,
    ) -> None:
        """Append a frame, simplified and as it came."""
        if self.simple is not None and simplified is not None:
            self.simple.add(simplified)
        if self.exact is not None:
            self.exact.add(frame, doubt)
            if self.simple is not None and len(self.exact.colours) > MAX_EXACT_COLOURS:
                self.exact = None
        self.pts.append(pts)

    def versions(self) -> list[Indexed]:
        """The frames in each way in which they are to be mined."""
        return [r for r in (self.simple, self.exact) if r is not None]

    def full(self) -> bool:
        """Whether the segment must end here."""
        size = sum(r.nbytes for r in self.versions())
        return size > SEGMENT_BYTES or len(self.pts) == SEGMENT_FRAMES


@dataclass
class Comparison:
    """What decoding will give, compared with the source frame by frame.

    Attributes
    ----------
    values : int
        Pixels of all frames so far, times three channels.
    error : int
        Summed squared error.
    lowest : float
        PSNR in dB of the worst frame.
    hashes : list of bytes
        MD5 of each frame that decoding must give.
    planes_error, samples, explained, luma
        As those of `spritecodec.clip.Misfit`, summed.
    """

    values: int = 0
    error: int = 0
    lowest: float = math.inf
    hashes: list[bytes] = field(default_factory=list)
    planes_error: float = 0.0
    samples: int = 0
    explained: int = 0
    luma: int = 0

    def add(self, drawn: NDArray[np.uint8], source: NDArray[np.uint8]) -> None:
        """Compare the next frame; each (h, w, 3), uint8."""
        self._add_error(squared_error(drawn, source), source.size)
        self.hashes.append(_digest(drawn))

    def _add_error(self, error: int, values: int) -> None:
        self.values += values
        self.error += error
        self.lowest = min(self.lowest, psnr_from_mse(error / values))

    def add_misfit(self, misfit: Misfit) -> None:
        """Add a frame that was compared with the recording it was restored from."""
        self._add_error(misfit.error, misfit.values)
        self.planes_error += misfit.planes_error
        self.samples += misfit.samples
        self.explained += misfit.explained
        self.luma += misfit.luma

    def add_same(self, drawn: NDArray[np.uint8], source: bytes) -> None:
        """Take the next frame, which must have the source's MD5."""
        digest = _digest(drawn)
        if digest != source:
            raise AssertionError(f"frame {len(self.hashes)} is not drawn as it was read")
        self.values += drawn.size
        self.hashes.append(digest)

    def quality(self) -> float:
        """PSNR in dB over all frames."""
        return psnr_from_mse(self.error / self.values)

    def planes_quality(self) -> float | None:
        """PSNR in dB of the stored samples; None of a source that is not restored."""
        return psnr_from_mse(self.planes_error / self.samples) if self.samples else None

    def share_explained(self) -> float | None:
        """Of the samples of luma; None of a source that is not restored."""
        return self.explained / self.luma if self.luma else None


class SegmentEncoder:
    """Writes one file, segment by segment.

    Parameters
    ----------
    clip : Clip
    aim : "lossless", "base" or float
        What is asked for, once the clip is known.
    training : Training or None
        Trains the sprite model where it may help; None where mining works alone.
    stream : binary file
    say : callable
        Called with the progress.
    degradation : Degradation or None
        How the source shows the clip's frames, where `clip` is not the source itself.
    audio : sequence of AudioStream
        The sound to write.

    Attributes
    ----------
    library : Library
        What the file holds so far.
    frames : int
        Encoded so far.
    candidates : dict of str to int
        Bytes of all segments, by kind of discovery.
    compared : Comparison
    degradation : Degradation or None
    """

    def __init__(
        self,
        clip: Clip,
        aim: Quality,
        training: Training | None,
        stream: IO[bytes],
        say: Progress,
        degradation: Degradation | None = None,
        audio: Sequence[AudioStream] = (),
    ) -> None:
        self.degradation = degradation
        self._audio = audio
        self.library = Library()
        self.frames = 0
        self.candidates: dict[str, int] = {}
        self.compared = Comparison()
        self._clip = clip
        self._aim = aim
        self._training = training
        self._say = say
        self._writer = Writer(stream)
        self._simplifier = self._simplify()
        # To compare with: the digests of the frames as they are read where all must be the same,
        # else a second pass over the source, one segment behind the first.
        self._exact = aim == "lossless" and not isinstance(clip, Restored)
        self._digests: list[bytes] = []
        self._source = (f for piece in clip.pieces(PIECE_FRAMES) for f in piece.frames)
        self._misfits = clip.compare() if isinstance(clip, Restored) else iter(())

    def run(self) -> None:
        """Encode segment after segment; the head stands first but is known last."""
        chunks: list[Chunk] = []
        for run in self._runs():
            versions, pts = run.versions(), np.array(run.pts, np.int64)
            expected: tuple[NDArray[np.uint8], ...] = ()
            if isinstance(self._clip, Restored):
                again, expected = self._reconsider(self._clip, versions[0], pts)
                versions = [again]
            chunks += self._encode(versions, pts, expected)
        if not self.frames:
            raise InputError(f"{self._clip.name} has no frames")
        self._writer.add("HEAD", pack_head(self._head()))
        for kind, payload, count in chunks:
            self._writer.add(kind, payload, count)
        for audio in self._audio:
            self._writer.add("AUDI", pack_audio(audio))
        self._writer.finish()

    def verify(self, stream: IO[bytes]) -> Reader:
        """Read the finished file back and compare every frame with what was measured.

        Frames are compared as they were encoded. Where the source is an enlargement of them, it
        was compared with it frame by frame as they were read, and the file must say the same.
        """
        stream.flush()
        stream.seek(0)
        reader = Reader(Container(stream), "the new file", "native")
        if reader.degradation != self.degradation:
            raise AssertionError("the new file's scale is not the one that was found")
        for t, frame in enumerate(reader):
            self._say("Verifying", t + 1, self.frames, "")
            if _digest(frame) != self.compared.hashes[t]:
                raise AssertionError(f"frame {t} does not decode to what was encoded")
        assert len(reader) == self.frames
        return reader

    def _simplify(self) -> Simplifier | None:
        """What makes frames cheap at the quality asked for; None where they stay exact."""
        wanted = self._aim
        if wanted == "base" and not self._clip.pixel_exact:
            wanted = AUTO_PSNR
        if isinstance(wanted, str):
            return None
        from spritecodec.restore.simplify import simplify

        return simplify(
            self._clip, wanted, lambda done, total: self._say("Simplifying", done, total, "")
        )

    def _head(self) -> Head:
        from spritecodec import __version__

        quality = self.compared.quality()
        return Head(
            self._clip.width,
            self._clip.height,
            self.frames,
            Fraction(self._clip.time_base),
            Fraction(self._clip.frame_rate),
            None if math.isinf(quality) else round(quality, 2),
            self.compared.error == 0,
            f"spritecodec {__version__}",
            self.degradation,
        )

    def _runs(self) -> Iterator[Run]:
        """The clip's frames, cut into segments that fit the memory set aside for them."""
        total = self._clip.frame_count or 0
        simplifier = self._simplifier
        run = Run.empty(self._clip, simplifier is not None)
        t = 0
        for piece in self._clip.pieces(PIECE_FRAMES):
            doubts = piece.doubts or (None,) * len(piece.pts)
            for frame, pts, doubt in zip(piece.frames, piece.pts.tolist(), doubts, strict=True):
                run.add(simplifier.frame(t, frame) if simplifier else None, frame, pts, doubt)
                if self._exact:
                    self._digests.append(_digest(frame))
                t += 1
                if t > MAX_FRAMES or abs(pts) > MAX_TIME:
                    raise InputError(
                        f"frame {t - 1} of {self._clip.name}, at time {pts}, is beyond what a file "
                        "holds: cut it first"
                    )
                if run.full():
                    yield run
                    run = Run.empty(self._clip, simplifier is not None)
            self._say("Reading", t, max(total, t), "")
        if run.pts:
            yield run

    def _encode(
        self,
        runs: list[Indexed],
        pts: NDArray[np.int64],
        expected: tuple[NDArray[np.uint8], ...],
    ) -> list[Chunk]:
        """The chunks of one segment: new sprites, new backgrounds, the segment itself.

        Mining tries the sprites that are `expected` first.

        Two segments or more, where one would hold more pixels than a reader accepts.
        """
        from spritecodec.mining.search import Search

        best: Packed | None = None

        def discover() -> Discovery | None:
            return self._discover(best, runs[-1])

        search = Search(
            self.library,
            self.frames,
            pts,
            Fraction(self._clip.time_base),
            discover,
            self._aim != "base",
            self._say,
            expected,
        )
        sizes: dict[str, int] = {}
        for name, packed in search.attempts(runs):
            sizes[name] = min(packed.size, sizes.get(name, packed.size))
            if best is None or packed.size < best.size:
                best = packed
        if best is None:
            return self._encode_halves(runs, pts, expected)
        if isinstance(self._clip, Restored):
            # Frames that were restored with all expected still part a few pictures in two.
            agreed = self.library.pack(self._clip.agree_again(best.scene, self.frames))
            best = min(agreed, best, key=lambda packed: packed.size)
        for name, size in sizes.items():
            self.candidates[name] = self.candidates.get(name, 0) + size
        self.library = best.library
        self._compare(best.scene)
        self.frames += len(pts)
        return best.chunks

    def _reconsider(
        self, clip: Restored, first: Indexed, pts: NDArray[np.int64]
    ) -> tuple[Indexed, tuple[NDArray[np.uint8], ...]]:
        """A run of restored frames, restored once more with what a first mining expects.

        To be called once for each run, in order: the clip goes through its source again.

        Returns
        -------
        Indexed
        tuple of ndarray, each shape (h, w, 4), uint8
            The sprites that the recording shows.
        """
        from spritecodec.mining.indexed import Indexed
        from spritecodec.mining.search import Search

        base = Fraction(self._clip.time_base)
        search = Search(self.library, self.frames, pts, base, lambda: None, False, self._say)
        scene = search.mine_once([first])
        expect: Callable[[int], NDArray[np.uint8]] = first.rgb
        sprites: tuple[NDArray[np.uint8], ...] = ()
        if scene is not None:
            agreed = clip.agree(scene, self.frames)
            expect, sprites = Renderer(agreed).frame, agreed.sprites
        run = Indexed(clip.height, clip.width)
        for frame, doubt in clip.again(expect(t) for t in range(len(first))):
            run.add(frame, doubt)
            self._say("Restoring", self.frames + len(run), self.frames + len(pts), "")
        return run, sprites

    def _encode_halves(
        self,
        runs: list[Indexed],
        pts: NDArray[np.int64],
        expected: tuple[NDArray[np.uint8], ...],
    ) -> list[Chunk]:
        """A run as two segments."""
        if len(pts) == 1:
            raise InputError(
                f"frame {self.frames} of {self._clip.name} needs more pixels than a file can hold; "
                "encode the clip at a smaller size"
            )
        half = len(pts) // 2
        chunks: list[Chunk] = []
        for part in (range(half), range(half, len(pts))):
            halves = [r.part(part) for r in runs]
            chunks += self._encode(halves, pts[part.start : part.stop], expected)
        return chunks

    def _discover(self, mined: Packed | None, run: Indexed) -> Discovery | None:
        """What the model places on some frames of a segment that has been mined.

        The frames are those of the run, so that nothing is read again: the source's, or the
        simplified ones where only those are kept.
        """
        model = self._training.after_mining(mined) if self._training else None
        if model is None:
            return None
        chosen = np.linspace(0, len(run) - 1, min(len(run), MODEL_FRAMES)).astype(np.int64)
        return model.discover_frames((self.frames + t, run.rgb(t)) for t in np.unique(chosen))

    def _compare(self, scene: Scene) -> None:
        """Compare what will be decoded with the source."""
        renderer = Renderer(scene)
        for t in range(len(scene)):
            drawn = renderer.frame(t)
            if self._exact:
                self.compared.add_same(drawn, self._digests[self.frames + t])
                continue
            if not isinstance(self._clip, Restored):
                self.compared.add(drawn, self._next(self._source))
                continue
            compare = self._next(self._misfits)
            # Frames are large, and the recording's chroma keeps them from being equal.
            if (self.frames + t) % COMPARED_STEP == 0 or self.compared.error == 0:
                self.compared.add_misfit(compare(drawn))
            self.compared.hashes.append(_digest(drawn))

    def _next(self, frames: Iterator[_Item]) -> _Item:
        """The next of the source's frames when it is read again."""
        for frame in frames:
            return frame
        raise InputError(
            f"{self._clip.name} has fewer frames than when it was read first; leave it as it is "
            "while it is encoded"
        )


def _digest(frame: NDArray[np.uint8]) -> bytes:
    """MD5 of a frame's pixels."""
    return hashlib.md5(np.ascontiguousarray(frame).data, usedforsecurity=False).digest()
