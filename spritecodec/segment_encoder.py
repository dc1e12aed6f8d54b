"""One segment after another: candidates, the smallest of them, chunks."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import IO, TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import Clip
from spritecodec.errors import InputError
from spritecodec.formats.spr.chunks import Head, pack_audio, pack_head
from spritecodec.formats.spr.container import Container, Writer
from spritecodec.formats.spr.library import Chunk, Library, Packed
from spritecodec.metrics import psnr_from_mse, squared_error
from spritecodec.reader import Reader
from spritecodec.render import Renderer
from spritecodec.scene import Scene

if TYPE_CHECKING:
    from spritecodec.mining.indexed import Indexed
    from spritecodec.model.discovery import Discovery
    from spritecodec.model.train import TrainedModel
    from spritecodec.restore.simplify import Simplifier

Quality = Literal["auto", "lossless", "base"] | float

# PSNR in dB that "auto" aims at where the source is not pixel-exact.
AUTO_PSNR = 40.0

# A segment ends at so many frames, or when its frames take so many bytes of memory.
SEGMENT_FRAMES = 4096

SEGMENT_BYTES = 400 << 20

PIECE_FRAMES = 32

# Where a PSNR is asked for, frames with at most so many colours are tried exactly too.
FEW_COLOURS = 1024

# stage, work done, work in all, a few words more
Progress = Callable[[str, int, int, str], None]


class _Encoder:
    """Writes one file: what grows from segment to segment, and what is measured."""

    def __init__(
        self,
        clip: Clip,
        aim: Quality,
        model: TrainedModel | None,
        stream: IO[bytes],
        say: Progress,
    ) -> None:
        self.clip = clip
        self.aim = aim
        self.model = model
        self.say = say
        self.writer = Writer(stream)
        self.library = Library()
        self.frames = 0
        self.error = 0  # summed squared error of all frames
        self.lowest = math.inf
        self.hashes: list[bytes] = []  # of the frames that decoding must give
        self.candidates: dict[str, int] = {}
        self.simplifier = self.simplify()
        # The source a second time, as far behind as a segment is long: to measure against.
        self.source = (f for piece in clip.pieces(PIECE_FRAMES) for f in piece.frames)

    def simplify(self) -> Simplifier | None:
        """What makes frames cheap at the quality asked for; None where they stay exact."""
        wanted = self.aim
        if wanted == "base" and not self.clip.pixel_exact:
            wanted = AUTO_PSNR
        if isinstance(wanted, str):
            return None
        from spritecodec.restore.simplify import simplify

        return simplify(
            self.clip, wanted, lambda done, total: self.say("Simplifying", done, total, "")
        )

    def quality(self) -> float:
        """PSNR in dB over the whole clip."""
        return psnr_from_mse(self.error / (self.frames * self.clip.height * self.clip.width * 3))

    def run(self) -> None:
        """Encode segment after segment; the head stands first but is known last."""
        chunks: list[Chunk] = []
        for runs, pts in self.read_segments():
            chunks += self.encode_segment(runs, pts)
        if not self.frames:
            raise InputError(f"{self.clip.name} has no frames")
        self.writer.add("HEAD", pack_head(self.head()))
        for kind, payload, count in chunks:
            self.writer.add(kind, payload, count)
        for audio in self.clip.audio:
            self.writer.add("AUDI", pack_audio(audio))
        self.writer.finish()

    def head(self) -> Head:
        from spritecodec import __version__

        quality = self.quality()
        return Head(
            self.clip.width,
            self.clip.height,
            self.frames,
            Fraction(self.clip.time_base),
            Fraction(self.clip.frame_rate),
            None if math.isinf(quality) else round(quality, 2),
            self.error == 0,
            f"spritecodec {__version__}",
        )

    def read_segments(self) -> Iterator[tuple[list[Indexed], NDArray[np.int64]]]:
        """Runs of frames that fit the memory set aside for them.

        Each run comes simplified, where that is wanted, and exact, unless that is hopeless.
        """
        total = self.clip.frame_count or 0
        simple, exact, pts = self.new_run()
        t = 0
        for piece in self.clip.pieces(PIECE_FRAMES):
            for frame, stamp in zip(piece.frames, piece.pts.tolist(), strict=True):
                if simple is not None and self.simplifier is not None:
                    simple.add(self.simplifier.frame(t, frame))
                if exact is not None:
                    exact.add(frame)
                    if simple is not None and len(exact.colours) > FEW_COLOURS:
                        exact = None
                pts.append(stamp)
                t += 1
                runs = [r for r in (simple, exact) if r is not None]
                full = sum(r.nbytes for r in runs) > SEGMENT_BYTES
                if full or len(pts) == SEGMENT_FRAMES:
                    yield runs, np.array(pts, np.int64)
                    simple, exact, pts = self.new_run()
            self.say("Reading", t, max(total, t), "")
        if pts:
            yield [r for r in (simple, exact) if r is not None], np.array(pts, np.int64)

    def new_run(self) -> tuple[Indexed | None, Indexed | None, list[int]]:
        """Nothing read yet: simplified frames, exact ones, time stamps."""
        from spritecodec.mining.indexed import Indexed

        height, width = self.clip.height, self.clip.width
        return Indexed(height, width) if self.simplifier else None, Indexed(height, width), []

    def encode_segment(self, runs: list[Indexed], pts: NDArray[np.int64]) -> list[Chunk]:
        """The chunks of one segment: new sprites, new textures, the segment itself.

        Two segments or more, where one would hold more pixels than a reader accepts.
        """
        from spritecodec.mining.search import Search

        search = Search(
            self.library,
            self.frames,
            pts,
            Fraction(self.clip.time_base),
            self.discover(len(pts)),
            self.aim != "base",
            self.say,
        )
        best: Packed | None = None
        sizes: dict[str, int] = {}
        for name, packed in search.attempts(runs):
            sizes[name] = min(packed.size, sizes.get(name, packed.size))
            if best is None or packed.size < best.size:
                best = packed
        if best is None:
            return self.encode_halves(runs, pts)
        for name, size in sizes.items():
            self.candidates[name] = self.candidates.get(name, 0) + size
        self.library = best.library
        self.measure(best.scene)
        self.frames += len(pts)
        return best.chunks

    def encode_halves(self, runs: list[Indexed], pts: NDArray[np.int64]) -> list[Chunk]:
        """A run as two segments."""
        from spritecodec.mining.indexed import Indexed

        if len(pts) == 1:
            raise InputError(
                f"frame {self.frames} of {self.clip.name} needs more pixels than a file can hold; "
                "encode the clip at a smaller size"
            )
        half = len(pts) // 2
        chunks: list[Chunk] = []
        for part in (range(half), range(half, len(pts))):
            halves = [
                Indexed.of((r.rgb(t) for t in part), self.clip.height, self.clip.width)
                for r in runs
            ]
            chunks += self.encode_segment(halves, pts[part.start : part.stop])
        return chunks

    def discover(self, count: int) -> Discovery | None:
        """What the model places on some frames of the segment at hand."""
        if self.model is None:
            return None
        chosen = np.unique(np.linspace(0, count - 1, min(count, 200)).astype(np.int64))
        return self.model.discover(self.clip, chosen + self.frames)

    def measure(self, scene: Scene) -> None:
        """Compare what will be decoded with the source, frame by frame."""
        renderer = Renderer(scene)
        for t in range(len(scene)):
            drawn, source = renderer.frame(t), next(self.source)
            error = squared_error(drawn, source)
            self.error += error
            self.lowest = min(self.lowest, psnr_from_mse(error / source.size))
            self.hashes.append(hashlib.md5(drawn.data, usedforsecurity=False).digest())

    def verify(self, stream: IO[bytes]) -> Reader:
        """Read the finished file back and compare every frame with what was measured."""
        stream.flush()
        stream.seek(0)
        reader = Reader(Container(stream), "the new file")
        for t, frame in enumerate(reader):
            self.say("Verifying", t + 1, self.frames, "")
            if hashlib.md5(frame.data, usedforsecurity=False).digest() != self.hashes[t]:
                raise AssertionError(f"frame {t} does not decode to what was encoded")
        assert len(reader) == self.frames
        return reader
