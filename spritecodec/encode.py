"""Encode: from a clip to a .spr file.

clip -> [native frames, where it is an enlargement or a recording of a game] -> [simplify,
where fewer decibels are asked for] -> segments of frames -> mine -> [train the sprite model,
where that can pay, and mine from what it found] -> the smaller Scene -> pack -> verify
-> rename into place
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING

from spritecodec.errors import InputError, MissingExtraError, OutputError, SettingsError
from spritecodec.progress import shows_progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spritecodec.clip import Clip
    from spritecodec.degradation import Degradation
    from spritecodec.formats.video.sound_choice import KeptSound
    from spritecodec.frame_sources import FrameSource, Rate
    from spritecodec.model.training import Training
    from spritecodec.reader import Reader
    from spritecodec.restore.known import Known
    from spritecodec.restore.restored import RestoredClip
    from spritecodec.segment_encoder import Comparison, Progress, Quality, SegmentEncoder
    from spritecodec.span import Moment


LOG = logging.getLogger(__name__)

MAX_NAME = 255  # bytes that most file systems allow


@dataclass(frozen=True)
class EncodeReport:
    """What `encode` did.

    Attributes
    ----------
    frames : int
    seconds : float
        Wall-clock seconds.
    size : int
        Bytes of the file.
    bitrate : float
        Bits per second of video.
    bits_per_pixel : float
        Of the source's pixels.
    quality : float
        PSNR in dB over the whole clip against the source, ``inf`` for lossless. Of a clip that
        is restored from a lossy recording, over every eighth frame.
    lowest_quality : float
        PSNR in dB of the worst of these frames.
    planes_quality : float or None
        PSNR in dB of luma and chroma as the recording stores them, against those of the restored
        frames shown in the same way, over the same frames; None of a clip that is not restored.
    explained : float or None
        Share of the samples of luma that are missed by no more than noise, 0 to 1.
    lossless : bool
        Every decoded frame was compared with the source and is identical.
    segments : int
    sprites : int
        Entries of the dictionary.
    breakdown : dict of str to int
        Where every byte of the file goes; see `Reader.breakdown`.
    candidates : dict of str to int
        Bytes of all segments, had each kind of discovery been used alone: ``"mining"``,
        and ``"model"`` (mining that starts from the model's sprites), which is missing where
        no model was trained. The smaller one was used, segment by segment.
    training : str
        Whether the sprite model was trained, and why; one sentence.
    model_psnr : float or None
        PSNR in dB of the model's own hard reconstruction; None where none was trained.
    training_seconds : float
        Wall-clock seconds.
    steps : int
        Gradient steps of training.
    notes : tuple of str
        What the user should know, one sentence each.
    degradation : Degradation or None
        How the source shows the native frames that are stored; None where it shows them as
        they are.
    """

    frames: int
    seconds: float
    size: int
    bitrate: float
    bits_per_pixel: float
    quality: float
    lowest_quality: float
    planes_quality: float | None
    explained: float | None
    lossless: bool
    segments: int
    sprites: int
    breakdown: dict[str, int]
    candidates: dict[str, int]
    training: str
    model_psnr: float | None
    training_seconds: float
    steps: int
    notes: tuple[str, ...]
    degradation: Degradation | None


# The arguments are keywords of the public interface, each with its own meaning and default.
@shows_progress("Encoding", stages=True)
def encode(
    source: FrameSource,
    target: str | os.PathLike[str] | IO[bytes],
    *,
    quality: Quality = "auto",
    preset: str = "default",
    device: str = "auto",
    seed: int = 0,
    overwrite: bool = False,
    keep: str | os.PathLike[str] | None = None,
    resume: bool = False,
    native: tuple[int, int] | None = None,
    kernel: str | None = None,
    palette: str | os.PathLike[str] | NDArray[np.uint8] | None = None,
    matrix: str | None = None,
    restore: bool | None = None,
    audio: KeptSound = "flac",
    start: Moment | None = None,
    stop: Moment | None = None,
    frame_rate: Rate | None = None,
    progress: Progress | bool | None = None,
) -> EncodeReport:
    """Encode a clip.

    Parameters
    ----------
    source : path, Clip, ndarray, iterable of ndarray, binary file object or bytes
        A video file, a folder of pictures, a .spr file, ``"-"`` for standard input, frames of
        shape (n, h, w, 3), uint8 RGB, or a list or whatever else yields frames of shape
        (h, w, 3), which are kept on disk until they are encoded.
    target : path or binary file object
        The .spr file to write.
    quality : "auto", "lossless", "base" or float
        ``"lossless"``: every frame identical to the source's RGB. A number: at least that
        PSNR in dB over the whole clip. ``"base"``: the sprite scene alone, without
        residual. ``"auto"``: lossless where the source is pixel-exact, the game's own frames
        where a lossy source shows one of few colours, otherwise 40 dB.
    preset : str
        ``"fast"``: mining alone. ``"default"``: trains the sprite model where mining leaves
        something that it may explain, and torch is installed. ``"slow"`` and ``"paper"``: train it
        always.
    device : str
        Where the model is trained: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"mps"``.
    seed : int
    overwrite : bool
        Replace an existing target, and the checkpoints of an earlier run.
    keep : path, optional
        A folder for the model's checkpoints, log and pictures; kept afterwards.
    resume : bool
        Continue from the checkpoints of an interrupted run.
    native : tuple of int, optional
        Width and height of the frames before the source was scaled up; found without it where
        the frames show it. Where the source is lossless, it must be an exact enlargement.
    kernel : str, optional
        How a lossy recording was scaled from its native size, which must be given, too:
        ``"nearest"``, ``"area"``, ``"bilinear"``, ``"bicubic"`` or ``"lanczos"``.
    palette : str, path or ndarray, optional
        Colours of which those of a recorded game are some: a console (``"nes"``), a file, or
        RGB of shape (k, 3), uint8; see `spritecodec.restore.known.read_palette`.
    matrix : str, optional
        By which a lossy recording was made from RGB, ``"bt601"`` or ``"bt709"``, whatever it
        says.
    restore : bool, optional
        False: store the source as it is, whatever it shows. None: store native frames where
        the source is an exact enlargement of them, and with quality ``"auto"`` also those of
        the game that a lossy recording shows, where one of few colours explains it. True: raise
        a SettingsError where a lossy source cannot be restored.
    audio : "flac", "copy", "opus" or "none"
        ``"flac"``: sound that is stored as plain samples (PCM) becomes FLAC, which gives the same
        samples; other codecs are kept as they are. ``"copy"``: all is kept as it is. ``"opus"``:
        it is converted, which loses some of it. The report's notes say what was done.
    start, stop : int or str, optional
        Encode frames start to stop - 1 only, and the sound of that time. Each is a frame number
        or words: ``"1.5"`` seconds from the first frame, ``"0:01.5"``, ``"1:02:03"``, ``"90f"``.
    frame_rate : int, float, str or Fraction, optional
        Frames a second of sources that state none, arrays and folders of pictures: 60, 59.94,
        ``"60000/1001"``; 60 when left out.
    progress : callable or bool, optional
        Called with the stage, the work done, the work in all, and a few words more. True: a bar
        on terminals and in notebooks, elsewhere a line every ten seconds, on standard error.

    Returns
    -------
    EncodeReport
        Where torchrun started several processes for the same call, all train the model,
        the first one does the rest, and each returns that one's report.

    Raises
    ------
    InputError
        The source cannot be used.
    OutputError
        The target exists or cannot be written.
    SettingsError
        An option is out of range.
    MissingExtraError
        What encoding, or the preset's training, needs is not installed.
    TrainingError
        The model could not be trained.
    """
    # Imported here, so that importing the package stays quick.
    from spritecodec.compiler import prepare_compiler
    from spritecodec.formats.atomic import check_target, create
    from spritecodec.formats.video.sound_choice import kept_sound
    from spritecodec.model.distributed import Ranks
    from spritecodec.reader import Reader
    from spritecodec.segment_encoder import SegmentEncoder
    from spritecodec.span import Span
    from spritecodec.trimmed import trim

    began = time.perf_counter()
    with contextlib.ExitStack() as stack:
        path = _place(target, stack)
        named = source if isinstance(source, (str, os.PathLike)) else None
        check_target(path, overwrite, named)
        _check_extra(preset, device)
        compiling = prepare_compiler()
        ranks = Ranks.here()
        say = (
            progress
            if callable(progress) and ranks.first
            else (lambda stage, done, total, words: None)
        )
        opened, behind = _opened(source, frame_rate, quality, restore)
        if isinstance(opened, Reader) and opened is not source:
            stack.callback(opened.close)
        original = trim(opened, Span(start, stop))
        _check_fits(original)
        sound, sound_notes = kept_sound(original.audio, audio)
        known = _known(native, kernel, palette, matrix)
        clip, aim, scale, notes = _look_behind(original, quality, known, restore, say)
        scale = scale or behind
        workdir = Path(keep) if keep is not None else _workdir(path)
        temporary = keep is None and (resume or not workdir.exists())
        training = _training(clip, preset, device, seed, workdir, resume, overwrite, say)
        if not ranks.first:
            return ranks.same(None)
        with create(path, overwrite) as stream:
            encoder = SegmentEncoder(clip, aim, training, stream, say, scale, sound)
            encoder.run()
            written = encoder.verify(stream)
            if training is not None:
                training.settle()
            seconds = time.perf_counter() - began
            notes += _size_note(original, written.size) + _planes_note(encoder.compared)
            notes += sound_notes
            missed = training.missed if training is not None else None
            notes += [note for note in (compiling, missed) if note]
            report = _report(encoder, written, training, seconds, tuple(notes))
        if training is not None and temporary:
            shutil.rmtree(workdir, ignore_errors=True)
        if not isinstance(target, (str, os.PathLike)):
            with path.open("rb") as finished:
                shutil.copyfileobj(finished, target)
        _log(target, report)
        return ranks.same(report)


def _place(target: str | os.PathLike[str] | IO[bytes], stack: contextlib.ExitStack) -> Path:
    """Where the file is made: at the target's name, or where a file object gets it from."""
    if isinstance(target, (str, os.PathLike)):
        return Path(target)
    if not hasattr(target, "write"):
        raise OutputError(
            f"a {type(target).__name__} cannot be written; the target is a path or a file object"
        )
    from spritecodec.formats.atomic import temporary

    purpose = "the file cannot be made that the file object gets"
    return stack.enter_context(temporary(purpose, folder=True)).path / "out.spr"


def _log(target: str | os.PathLike[str] | IO[bytes], report: EncodeReport) -> None:
    named = isinstance(target, (str, os.PathLike))
    name = target if named else getattr(target, "name", "the file object")
    LOG.info(
        "%s: %d frames, %d bytes, %.1f s; %s; candidates %s",
        name,
        report.frames,
        report.size,
        report.seconds,
        report.training,
        report.candidates,
    )
    for note in report.notes:
        LOG.warning("%s: %s", name, note)


def _workdir(target: Path) -> Path:
    """Where the training of a target without a folder of its own is kept."""
    name = os.fsencode(target.name)
    if len(name) > MAX_NAME - 5:
        digest = hashlib.sha256(name).hexdigest()[:16]
        return target.with_name(f"spritecodec-{digest}.work")
    return target.with_name(f"{target.name}.work")


def _report(
    encoder: SegmentEncoder,
    written: Reader,
    training: Training | None,
    seconds: float,
    notes: tuple[str, ...],
) -> EncodeReport:
    """What was done, measured on the file that was written."""
    compared = encoder.compared
    width, height = written.width, written.height
    if encoder.degradation is not None:
        width, height = encoder.degradation.source_size
    model = training.model if training else None
    return EncodeReport(
        frames=encoder.frames,
        seconds=seconds,
        size=written.size,
        bitrate=8 * written.size / written.duration,
        bits_per_pixel=8 * written.size / (encoder.frames * width * height),
        quality=compared.quality(),
        lowest_quality=compared.lowest,
        planes_quality=compared.planes_quality(),
        explained=compared.share_explained(),
        lossless=compared.error == 0,
        segments=len(written.segments),
        sprites=len(encoder.library.sprites),
        breakdown=written.breakdown(),
        candidates=encoder.candidates,
        training=training.verdict if training else "not trained: the preset never does",
        model_psnr=model.psnr if model else None,
        training_seconds=model.seconds if model else 0.0,
        steps=model.steps if model else 0,
        notes=notes,
        degradation=encoder.degradation,
    )


def _check_extra(preset: str, device: str) -> None:
    """Say early, and in one sentence, that only decoding is installed, or nothing to train with."""
    for library in ("numba", "scipy"):
        try:
            __import__(library)
        except ImportError as error:
            raise MissingExtraError(library, "encoding") from error
    from spritecodec.model.presets import PRESETS
    from spritecodec.model.training import missing_extra

    if preset not in PRESETS:
        raise SettingsError(f"there is no preset {preset!r}; choose from {', '.join(PRESETS)}")
    missing_extra(PRESETS[preset], device)


def _opened(
    source: FrameSource, frame_rate: Rate | None, quality: Quality, restore: bool | None
) -> tuple[Clip, Degradation | None]:
    """The clip, and how its source shows it where a .spr file says so.

    Such a file is read as it stores its frames, native, where every pixel is kept.
    """
    from spritecodec.frame_sources import as_clip
    from spritecodec.reader import Reader

    exact = quality in ("auto", "lossless") and restore is not False
    clip = as_clip(source, frame_rate, "native" if exact else "auto")
    if exact and isinstance(clip, Reader) and clip is not source:
        return clip, clip.degradation
    return clip, None


def _check_fits(clip: Clip) -> None:
    """Say early that a file cannot hold a clip.

    Raises
    ------
    InputError
        It cannot; the message says what is too large.
    """
    from spritecodec.formats.spr.chunks import MAX_FRAMES, MAX_NUMBER, is_screen

    if not is_screen(clip.width, clip.height):
        raise InputError(
            f"{clip.name} is {clip.width}x{clip.height}; a file holds at most 65535 columns and "
            "rows and 33,554,432 pixels: scale it down first"
        )
    if (clip.frame_count or 0) > MAX_FRAMES:
        raise InputError(
            f"{clip.name} has {clip.frame_count:,} frames, and a file holds at most "
            f"{MAX_FRAMES:,}: cut it first"
        )
    for name, value in (("time base", clip.time_base), ("frame rate", clip.frame_rate)):
        number = Fraction(value)
        if not 0 < max(number.numerator, number.denominator) <= MAX_NUMBER or number <= 0:
            raise InputError(
                f"{clip.name} has a {name} of {number}, and a file holds only those whose two "
                f"numbers are from 1 to {MAX_NUMBER:,}: give it a simpler one"
            )


def _resolve(quality: Quality, clip: Clip) -> Quality:
    """What is asked for, once the clip is known: "lossless", "base" or a PSNR."""
    from spritecodec.segment_encoder import AUTO_PSNR

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


def _known(
    native: tuple[int, int] | None,
    kernel: str | None,
    palette: str | os.PathLike[str] | NDArray[np.uint8] | None,
    matrix: str | None,
) -> Known:
    """What the caller knows of the source, checked."""
    from spritecodec.restore.known import Known

    if isinstance(palette, os.PathLike):
        palette = os.fspath(palette)
    return Known.of(native, kernel, palette, matrix)


def _look_behind(
    clip: Clip,
    quality: Quality,
    known: Known,
    restore: bool | None,
    say: Progress,
) -> tuple[Clip, Quality, Degradation | None, list[str]]:
    """What is encoded, and how well: the clip as it is, or what lies behind it.

    Returns
    -------
    clip : Clip
    aim : "lossless", "base" or float
    degradation : Degradation or None
        How the source shows the frames of `clip`.
    notes : list of str
        What the user should know, one sentence each.
    """
    from spritecodec.segment_encoder import AUTO_PSNR

    aim = _resolve(quality, clip)
    tried = restore or (restore is None and quality == "auto")
    if tried and not clip.pixel_exact:
        restored = _restored(clip, known, say)
        if restored is not None:
            found = restored.restoration
            note = (
                f"{clip.name} shows a game of {found.sentence()}; its frames are restored, not "
                "those of the recording: --no-restore keeps these"
            )
            return restored, "lossless", found.degradation, [note]
        if restore or known.anything or known.native:
            raise SettingsError(
                f"{clip.name} cannot be restored: no game of few colours explains it; "
                "leave --restore and what is said of the game out to encode the recording itself"
            )
    elif known.anything:
        raise SettingsError(
            "a kernel, a palette and a matrix help to restore a lossy recording, which is not "
            "done here; leave them out"
        )
    notes = []
    if quality == "auto" and aim != "lossless":
        notes.append(
            f"{clip.name} is not pixel-exact, so auto aims at {AUTO_PSNR:g} dB; "
            "ask for lossless to keep every pixel"
        )
    scale, more = _scale(clip, aim, known.native, restore, say)
    if scale is not None:
        from spritecodec.restore.upscale import NativeClip

        clip = NativeClip(clip, scale)
    return clip, aim, scale, notes + more


def _restored(clip: Clip, known: Known, say: Progress) -> RestoredClip | None:
    """The game behind a lossy recording; None where there is none."""
    from spritecodec.restore.restored import Recording, RestoredClip, find_restoration

    if not isinstance(clip, Recording):
        return None
    if known.native is not None:
        width, height = known.native
        if not (8 <= width <= clip.width and 8 <= height <= clip.height):
            raise SettingsError(
                f"a native size of {width}x{height} is out of range: it must be 8x8 or more, and "
                f"no larger than {clip.name}, {clip.width}x{clip.height}"
            )
    say("Looking for the game behind the recording", 0, 1, "")
    restoration = find_restoration(clip, known)
    return RestoredClip(clip, restoration) if restoration else None


def _planes_note(compared: Comparison) -> list[str]:
    """How well restored frames explain the recording."""
    quality, explained = compared.planes_quality(), compared.share_explained()
    if quality is None or explained is None:
        return []
    return [
        f"shown as the recording shows them, the restored frames explain {explained:.2%} of its "
        f"luma, and its planes with a PSNR of {quality:.1f} dB"
    ]


def _size_note(clip: Clip, size: int) -> list[str]:
    """What to say where the result is larger than the source's file."""
    before = getattr(clip, "file_size", None)
    if before is None or size <= before:
        return []
    return [
        f"the result, {size:,} bytes, is larger than {clip.name}, {before:,} bytes; this codec "
        "is made for sprites, and a lower --psnr takes fewer bytes"
    ]


def _scale(
    clip: Clip,
    aim: Quality,
    native: tuple[int, int] | None,
    restore: bool | None,
    say: Progress,
) -> tuple[Degradation | None, list[str]]:
    """How the source shows native frames, None where as they are; and what to say of it."""
    from spritecodec.restore.upscale import find_upscale

    if native is not None:
        if restore is False:
            raise SettingsError("a native size and no restoring exclude one another; leave one out")
        if aim != "lossless":
            raise SettingsError(
                "a native size can be named for lossless encodes only; ask for lossless"
            )
        if native == (clip.width, clip.height):
            return None, []
    elif aim != "lossless" or restore is False:
        return None, []
    notes: list[str] = []
    total = clip.frame_count or 0
    scale = find_upscale(
        clip,
        native,
        lambda done: say("Looking for a scale", done, max(done, total), ""),
        notes.append,
    )
    if scale is not None:
        notes.append(f"{clip.name} is {scale}, and is stored at its native size")
    elif native is not None:
        raise SettingsError(
            f"{clip.name} is not {native[0]}x{native[1]} pixels enlarged to "
            f"{clip.width}x{clip.height} by nearest neighbour in every frame; "
            "leave the native size out"
        )
    return scale, notes


def _training(
    clip: Clip,
    preset: str,
    device: str,
    seed: int,
    workdir: Path,
    resume: bool,
    overwrite: bool,
    say: Progress,
) -> Training | None:
    """The training that the preset asks for; None where it asks for none."""
    from spritecodec.model.distributed import Ranks
    from spritecodec.model.presets import PRESETS
    from spritecodec.model.training import Settings, Training

    chosen = PRESETS[preset]
    if chosen.trains:
        return Training(clip, Settings(chosen, device, seed, workdir, resume, overwrite, say))
    if Ranks.here().size > 1:
        raise SettingsError(f"the preset {preset} trains nothing, so one process is enough for it")
    return None
