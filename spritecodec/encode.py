"""Encode: from a clip to a .spr file.

clip -> [train the sprite model] -> [simplify, where fewer decibels are asked for] ->
segments of frames -> mine, with and without what the model found -> the smaller Scene ->
residual -> pack -> verify -> rename into place
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import ArrayClip, Clip
from spritecodec.errors import InputError, MissingExtraError, SettingsError
from spritecodec.formats.container import Container, Writer, check_target, create
from spritecodec.formats.pack import Head, pack_audio, pack_head
from spritecodec.metrics import psnr_from_mse, squared_error
from spritecodec.model.ranks import Ranks
from spritecodec.packing import Chunk, Library, Packed
from spritecodec.reader import Reader
from spritecodec.render import Renderer
from spritecodec.scene import Scene

if TYPE_CHECKING:
    from spritecodec.model.discovery import Discovery
    from spritecodec.model.train import TrainedModel
    from spritecodec.refine.indexed import Indexed
    from spritecodec.refine.simplify import Simplifier

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


@dataclass(frozen=True)
class EncodeReport:
    """What `encode` did.

    Attributes
    ----------
    frames : int
    seconds : float
        That it took.
    size : int
        Of the file in bytes.
    bitrate : float
        In bits per second of video.
    bits_per_pixel : float
    quality : float
        PSNR in dB over the whole clip against the source, ``inf`` for lossless.
    lowest_quality : float
        PSNR in dB of the worst frame.
    lossless : bool
        Every decoded frame was compared with the source and is identical.
    segments : int
    sprites : int
        In the dictionary.
    breakdown : dict of str to int
        Where every byte of the file goes; see `Reader.breakdown`.
    candidates : dict of str to int
        Bytes of all segments, had each kind of discovery been used alone: ``"mining"``,
        and ``"model"`` (mining that starts from the model's sprites). The smaller one was
        used, segment by segment.
    model_psnr : float or None
        PSNR in dB of the model's own hard reconstruction; None where none was trained.
    training_seconds : float
    steps : int
        Gradient steps of training.
    notes : tuple of str
        What the user should know, one sentence each.
    """

    frames: int
    seconds: float
    size: int
    bitrate: float
    bits_per_pixel: float
    quality: float
    lowest_quality: float
    lossless: bool
    segments: int
    sprites: int
    breakdown: dict[str, int]
    candidates: dict[str, int]
    model_psnr: float | None
    training_seconds: float
    steps: int
    notes: tuple[str, ...]


def encode(
    source: str | os.PathLike[str] | Clip | NDArray[np.uint8],
    target: str | os.PathLike[str],
    *,
    quality: Quality = "auto",
    preset: str = "default",
    device: str = "auto",
    seed: int = 0,
    overwrite: bool = False,
    keep: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> EncodeReport:
    """Encode a clip.

    Parameters
    ----------
    source : path, Clip or ndarray
        A video file, a folder of pictures, ``"-"`` for standard input, or frames of shape
        (n, h, w, 3), uint8 RGB.
    target : path
        The .spr file to write.
    quality : "auto", "lossless", "base" or float
        ``"lossless"``: every frame identical to the source's RGB. A number: at least that
        PSNR in dB over the whole clip. ``"base"``: the sprite scene alone, without
        residual. ``"auto"``: lossless where the source is pixel-exact, otherwise 40 dB.
    preset : str
        ``"fast"`` (mining alone), ``"default"``, ``"slow"`` or ``"paper"``.
    device : str
        Where the model is trained: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``.
    seed : int
    overwrite : bool
        Replace an existing target.
    keep : path, optional
        A folder for the model's checkpoints, log and pictures; kept afterwards.
    resume : bool
        Go on from the checkpoints of an interrupted run.
    progress : callable, optional
        Called with the stage, the work done, the work in all, and a few words more.

    Returns
    -------
    EncodeReport
        Where torchrun started several processes for the same call, all train the model,
        the first one does the rest, and each returns its report.

    Raises
    ------
    InputError
        The source cannot be used.
    OutputError
        The target exists or cannot be written.
    SettingsError
        An option is out of range.
    MissingExtraError
        What encoding needs is not installed.
    TrainingError
        The model could not be trained.
    """
    began = time.perf_counter()
    path = Path(target)
    check_target(path, overwrite)
    _check_extra()
    clip = _as_clip(source)
    aim = _resolve(quality, clip)
    ranks = Ranks.here()
    if ranks.size > 1 and preset == "fast":
        raise SettingsError("the preset fast trains nothing, so one process is enough for it")
    say = progress if progress and ranks.first else (lambda stage, done, total, words: None)
    notes = []
    if quality == "auto" and aim != "lossless":
        notes.append(
            f"{clip.name} is not pixel-exact, so auto aims at {AUTO_PSNR:g} dB; "
            "ask for lossless to keep every pixel"
        )
    workdir = Path(keep) if keep is not None else path.with_name(f"{path.name}.work")
    ours = resume or not workdir.exists()
    model = _train(clip, preset, device, seed, workdir, resume, say)
    if not ranks.first:
        return ranks.same(None)
    with create(path, overwrite) as stream:
        encoder = _Encoder(clip, aim, model, stream, say)
        encoder.run()
        facts = encoder.verify(stream)
        breakdown, duration = facts.breakdown(), facts.duration
    if keep is None and model is not None and ours:
        shutil.rmtree(workdir, ignore_errors=True)
    size = path.stat().st_size
    pixels = encoder.frames * clip.width * clip.height
    report = EncodeReport(
        frames=encoder.frames,
        seconds=time.perf_counter() - began,
        size=size,
        bitrate=8 * size / duration,
        bits_per_pixel=8 * size / pixels,
        quality=encoder.quality(),
        lowest_quality=encoder.lowest,
        lossless=encoder.error == 0,
        segments=len(facts.segments),
        sprites=len(encoder.library.sprites),
        breakdown=breakdown,
        candidates=encoder.candidates,
        model_psnr=model.psnr if model else None,
        training_seconds=model.seconds if model else 0.0,
        steps=model.steps if model else 0,
        notes=tuple(notes),
    )
    return ranks.same(report)


def _check_extra() -> None:
    """Say early, and in one sentence, that only decoding is installed."""
    for library in ("numba", "scipy"):
        try:
            __import__(library)
        except ImportError as error:
            raise MissingExtraError(library, "encoding") from error


def _as_clip(source: str | os.PathLike[str] | Clip | NDArray[np.uint8]) -> Clip:
    if isinstance(source, np.ndarray):
        return ArrayClip(source)
    if isinstance(source, (str, os.PathLike)):
        from spritecodec.formats.video_in import open_clip

        return open_clip(os.fspath(source))
    return source


def _resolve(quality: Quality, clip: Clip) -> Quality:
    """What is asked for, once the clip is known: "lossless", "base" or a PSNR."""
    if quality == "auto":
        return "lossless" if clip.pixel_exact else AUTO_PSNR
    if isinstance(quality, str):
        if quality not in ("lossless", "base"):
            raise SettingsError(
                f"quality is auto, lossless, base or a number of dB, not {quality!r}"
            )
        return quality
    if not 10 <= quality <= 100:
        raise SettingsError(f"a quality of {quality} dB is out of range: 10 to 100 make sense")
    return float(quality)


def _train(
    clip: Clip,
    preset: str,
    device: str,
    seed: int,
    workdir: Path,
    resume: bool,
    say: Progress,
) -> TrainedModel | None:
    """Train the sprite model as the preset says; None where it says not to."""
    from spritecodec.model.presets import PRESETS

    if preset not in PRESETS:
        raise SettingsError(f"there is no preset {preset!r}; choose from {', '.join(PRESETS)}")
    if not PRESETS[preset].trains:
        return None
    try:
        from spritecodec.model.train import Progress as Training
        from spritecodec.model.train import train
    except ImportError as error:
        raise MissingExtraError("torch", f"the preset {preset}") from error

    def tell(p: Training) -> None:
        words = p.message or f"{p.stage}, loss {p.loss:.4g}, PSNR {p.psnr:.2f} dB"
        say("Training", p.step, p.steps, words)

    return train(
        clip,
        PRESETS[preset],
        device=device,
        seed=seed,
        workdir=workdir,
        resume=resume,
        progress=tell,
    )


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
        from spritecodec.refine.simplify import simplify

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
        from spritecodec.refine.indexed import Indexed

        height, width = self.clip.height, self.clip.width
        return Indexed(height, width) if self.simplifier else None, Indexed(height, width), []

    def encode_segment(self, runs: list[Indexed], pts: NDArray[np.int64]) -> list[Chunk]:
        """The chunks of one segment: new sprites, new textures, the segment itself.

        Two segments or more, where one would hold more pixels than a reader accepts.
        """
        from spritecodec.refine.search import Search

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
        from spritecodec.refine.indexed import Indexed

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
