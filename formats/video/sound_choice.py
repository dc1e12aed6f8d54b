"""Which sound a file keeps, and in which codec it goes into a video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from spritecodec.clip import AudioStream
from spritecodec.errors import InputError, SettingsError
from spritecodec.formats.video.sound import (
    PLAYED,
    convert,
    is_lossless,
    is_pcm,
    size_of,
    to_flac,
)

KeptSound = Literal["flac", "copy", "opus", "none"]
"""What `encode` keeps: PCM as FLAC and the rest as it is, all as it is, all as Opus, nothing."""
WrittenSound = Literal["auto", "copy", "aac", "opus", "flac", "none"]
"""What `decode` writes: what players of the format play, all as it is, one codec, nothing."""

KEPT = ("flac", "copy", "opus", "none")
WRITTEN = ("auto", "copy", "aac", "opus", "flac", "none")
_NAMES = {"flac": "FLAC", "opus": "Opus", "aac": "AAC", "pcm": "PCM"}


def kept_sound(
    streams: Sequence[AudioStream], choice: str
) -> tuple[tuple[AudioStream, ...], list[str]]:
    """The sound that a .spr file keeps of its source's.

    Parameters
    ----------
    streams : sequence of AudioStream
    choice : KeptSound
        ``"flac"``: PCM becomes FLAC, which gives the same samples; other codecs stay as they
        are.

    Returns
    -------
    tuple of AudioStream
    list of str
        What was done, one sentence a stream.

    Raises
    ------
    InputError
        The sound cannot be converted.
    SettingsError
        There is no such choice.
    """
    if choice not in KEPT:
        raise SettingsError(f"the sound kept is {', '.join(KEPT)}, not {choice!r}")
    kept, notes = [], []
    for stream in streams:
        was = f"the sound, {stream.codec} of {size_of(stream):,} bytes,"
        if choice == "none":
            notes.append(f"{was} is left out")
            continue
        result, done = stream, "is kept as it is"
        try:
            if choice == "flac" and is_pcm(stream):
                flac = to_flac(stream)
                done += ", because FLAC is larger or does not give the same samples"
                if flac is not None:
                    result = flac
                    done = f"is kept without loss as FLAC of {size_of(flac):,} bytes"
            elif choice == "opus" and stream.codec != "opus":
                result = convert(stream, "opus")
                done = f"is kept as Opus of {size_of(result):,} bytes, which loses some of it"
        except InputError as error:
            raise InputError(f"{error}; keep it as it is with copy, or none of it") from error
        kept.append(result)
        notes.append(f"{was} {done}")
    return tuple(kept), notes


def written_sound(
    streams: Sequence[AudioStream], choice: str, format: str
) -> tuple[tuple[AudioStream, ...], list[str]]:
    """The sound that goes into a video of a format.

    Parameters
    ----------
    streams : sequence of AudioStream
    choice : WrittenSound
    format : str
        One of `spritecodec.formats.video.video_out.FORMATS`.

    Returns
    -------
    tuple of AudioStream
    list of str
        What was converted or left out, one sentence a stream.

    Raises
    ------
    SettingsError
        There is no such choice, or the format does not take that codec.
    """
    if choice not in WRITTEN:
        raise SettingsError(f"the sound written is {', '.join(WRITTEN)}, not {choice!r}")
    played = PLAYED.get(format)
    if choice not in ("auto", "copy", "none") and played and choice not in played:
        raise SettingsError(
            f"{format} does not take {_NAMES[choice]} sound; it takes {', '.join(sorted(played))}"
        )
    if choice == "none":
        return (), []
    written, notes = [], []
    for stream in streams:
        codec = _codec(stream, format) if choice == "auto" else choice
        if codec in ("copy", stream.codec):
            written.append(stream)
            continue
        try:
            result = convert(stream, codec)
        except InputError as error:
            notes.append(f"the {stream.codec or 'nameless'} audio is left out: {error}")
            continue
        written.append(result)
        why = f", which players of {format} play" if choice == "auto" else ""
        notes.append(f"the {stream.codec} sound is written as {_NAMES[codec]}{why}")
    return tuple(written), notes


def _codec(stream: AudioStream, format: str) -> str:
    """What players of a format play: ``"copy"``, or what to convert to."""
    if format not in PLAYED or stream.codec in PLAYED[format]:
        return "copy"
    if format == "webm":
        return "opus"
    if is_lossless(stream):
        return "flac" if format == "mp4" else "pcm"
    return "aac"
