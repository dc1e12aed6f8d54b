"""Sound in another codec: PCM as FLAC, what containers and browsers play, parts of it.

What a file stores is an `AudioStream`, packets with times. Samples are decoded here run by run: a
*run* is a row of packets without a gap. Where sound pauses, a new run starts, so that each keeps
its own time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av import AudioFrame
from av.audio.codeccontext import AudioCodecContext
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from spritecodec.clip import AudioStream
from spritecodec.errors import InputError
from spritecodec.formats.video.audio import AudioMuxer, customary_layout

DECODED = frozenset({"flac", "alac", "aac", "mp3", "mp2", "opus", "vorbis", "ac3", "eac3"})
"""Codecs that are decoded, beside PCM. A file may name any, and not all are safe to feed."""
MAX_CHANNELS = 16
MIN_RATE, MAX_RATE = 4_000, 384_000  # hertz
GAP = Fraction(1, 20)
"""Seconds that packets may lie apart or overlap in one run; clocks of recorders wander by less."""

PLAYED = {
    "mp4": {"aac", "mp3", "flac", "opus", "alac", "ac3", "eac3"},
    "mov": {"aac", "mp3", "alac", "ac3", "eac3", "pcm_s16le", "pcm_s24le", "pcm_s16be"},
    "webm": {"opus", "vorbis"},
}
"""Codecs that players expect in a container; others hold and play any."""


@dataclass(frozen=True)
class Recipe:
    """How a codec is written.

    Attributes
    ----------
    encoder : str
        FFmpeg's name.
    sample_format : str
    bit_rate : int or None
        Of a channel, in bits a second; None for lossless.
    rates : tuple of int
        Sample rates in hertz that it takes, the fallback last; any where empty.
    options : dict of str to str
        Of the encoder.
    """

    encoder: str
    sample_format: str
    bit_rate: int | None = None
    rates: tuple[int, ...] = ()
    options: dict[str, str] = field(default_factory=dict)


_LEVEL = {"compression_level": "8"}
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
RECIPES = {
    "flac": Recipe("flac", "s16", options=_LEVEL),
    "flac 24": Recipe("flac", "s32", options=_LEVEL | {"bits_per_raw_sample": "24"}),
    "pcm": Recipe("pcm_s16le", "s16"),
    "pcm 24": Recipe("pcm_s24le", "s32"),
    "aac": Recipe("aac", "fltp", 96_000, _AAC_RATES),
    "opus": Recipe("libopus", "s16", 80_000, (48000,)),
}

_ERRORS = (av.error.FFmpegError, ValueError, OverflowError, MemoryError)


def is_pcm(audio: AudioStream) -> bool:
    """Whether the packets are plain samples."""
    return audio.codec.startswith("pcm_")


def is_lossless(audio: AudioStream) -> bool:
    """Whether decoding gives the very samples that went in."""
    return is_pcm(audio) or audio.codec in ("flac", "alac")


def size_of(audio: AudioStream) -> int:
    """Bytes of all packets."""
    return sum(map(len, audio.packets))


# --- decoding -------------------------------------------------------------------------------


def runs(audio: AudioStream) -> Iterator[tuple[Fraction, range]]:
    """Start in seconds and packets of each run."""
    first, base = 0, audio.time_base
    # Where durations are not stated, packets are taken to touch.
    stated = bool(audio.duration.all())
    for i in range(1, len(audio.packets)):
        due = int(audio.pts[i - 1] + audio.duration[i - 1])
        if stated and abs(int(audio.pts[i]) - due) * base > GAP:
            yield int(audio.pts[first]) * base, range(first, i)
            first = i
    if audio.packets:
        yield int(audio.pts[first]) * base, range(first, len(audio.packets))


def decode_run(audio: AudioStream, packets: range) -> Iterator[AudioFrame]:
    """The samples of one run.

    Raises
    ------
    InputError
        The codec is none that is decoded here, its set-up is impossible, or it is damaged.
    """
    if not (is_pcm(audio) or audio.codec in DECODED):
        raise InputError(f"sound of the codec {audio.codec or 'without a name'} is not decoded")
    if not (MIN_RATE <= audio.sample_rate <= MAX_RATE and audio.channels <= MAX_CHANNELS):
        raise InputError(
            f"sound of {audio.channels:,} channels at {audio.sample_rate:,} Hz is not decoded"
        )
    try:
        context = AudioCodecContext.create(audio.codec, "r")
        assert isinstance(context, AudioCodecContext)
        context.sample_rate, context.layout = audio.sample_rate, customary_layout(audio)
        if audio.extradata:
            context.extradata = audio.extradata
        for i in packets:
            if audio.packets[i]:
                yield from context.decode(av.Packet(audio.packets[i]))
        yield from context.decode(None)
    except _ERRORS as error:
        raise InputError(f"the {audio.codec} sound cannot be decoded: {error}") from error


def _dropped(audio: AudioStream) -> Fraction:
    """Seconds at a run's start that the decoder drops: the pre-skip of Opus (RFC 7845, 5.1)."""
    if audio.codec != "opus" or len(audio.extradata) < 12:
        return Fraction(0)
    return Fraction(int.from_bytes(audio.extradata[10:12], "little"), 48_000)


def sample_format(audio: AudioStream) -> str:
    """FFmpeg's name of the format that the packets decode to, interleaved.

    Raises
    ------
    InputError
        They cannot be decoded.
    """
    for _, packets in runs(audio):
        for frame in decode_run(audio, packets):
            return frame.format.packed.name
    raise InputError(f"the {audio.codec} sound is empty")


def _resampled(
    frames: Iterable[AudioFrame], format: str, layout: str, rate: int
) -> Iterator[AudioFrame]:
    resampler = AudioResampler(format, layout, rate)
    for frame in frames:
        frame.pts = None
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _cut(frames: Iterable[AudioFrame], skip: int, count: int | None) -> Iterator[AudioFrame]:
    """Samples skip to skip + count - 1 of packed frames; all after `skip` for None."""
    for frame in frames:
        size = frame.samples
        stop = size if count is None else min(size, skip + count)
        if skip < stop:
            if (skip, stop) == (0, size):
                yield frame
            else:
                channels = frame.layout.nb_channels
                samples: NDArray[Any] = frame.to_ndarray()
                part = np.ascontiguousarray(samples[:, skip * channels : stop * channels])
                new = AudioFrame.from_ndarray(part, frame.format.name, frame.layout)
                new.sample_rate = frame.sample_rate
                yield new
            count = None if count is None else count - (stop - skip)
        skip = max(0, skip - size)
        if count == 0:
            return


def samples_digest(audio: AudioStream, format: str) -> bytes:
    """MD5 of all samples in a packed format, to compare two streams by.

    Raises
    ------
    InputError
        They cannot be decoded.
    """
    digest = hashlib.md5(usedforsecurity=False)
    layout = customary_layout(audio)
    for _, packets in runs(audio):
        frames = decode_run(audio, packets)
        for frame in _resampled(frames, format, layout, audio.sample_rate):
            digest.update(np.ascontiguousarray(frame.to_ndarray()).data)
    return digest.digest()


# --- encoding -------------------------------------------------------------------------------


def transcode(
    audio: AudioStream,
    recipe: Recipe,
    start: Fraction | None = None,
    stop: Fraction | None = None,
) -> AudioStream:
    """A stream in another codec, or a part of it to the sample.

    Parameters
    ----------
    audio : AudioStream
    recipe : Recipe
    start, stop : Fraction, optional
        Seconds; what lies outside is left out. Times stay as they are.

    Raises
    ------
    InputError
        It cannot be decoded, or this encoder does not take it.
    """
    rate = audio.sample_rate
    if recipe.rates and rate not in recipe.rates:
        rate = recipe.rates[-1]
    if start is None and not is_lossless(audio):
        start = Fraction(0)  # what is earlier warms the decoder up
    parts: list[tuple[AudioCodecContext, int, list[Any]]] = []
    for begin, packets in runs(audio):
        begin += _dropped(audio)
        skip = max(0, round((start - begin) * rate)) if start is not None else 0
        count = None if stop is None else max(0, round((stop - begin) * rate) - skip)
        if count == 0:
            continue
        packed = recipe.sample_format.removesuffix("p")
        decoded = decode_run(audio, packets)
        frames = _cut(_resampled(decoded, packed, customary_layout(audio), rate), skip, count)
        context, encoded = _encode(frames, recipe, audio, rate)
        if encoded:
            parts.append((context, round(begin * rate) + skip, encoded))
    if not parts:
        raise InputError(f"the {audio.codec} sound is empty")
    return _collected(audio, recipe, rate, parts)


def _encode(
    frames: Iterable[AudioFrame], recipe: Recipe, audio: AudioStream, rate: int
) -> tuple[AudioCodecContext, list[Any]]:
    """The encoder when it is done, and its packets; their times count from the first sample."""
    context = AudioCodecContext.create(recipe.encoder, "w")
    assert isinstance(context, AudioCodecContext)
    context.sample_rate, context.layout = rate, customary_layout(audio)
    context.format, context.time_base = recipe.sample_format, Fraction(1, rate)
    context.options = dict(recipe.options)
    if recipe.bit_rate is not None:
        context.bit_rate = recipe.bit_rate * audio.channels
    packets, at = [], 0
    try:
        for frame in frames:
            frame.pts, frame.time_base = at, Fraction(1, rate)
            at += frame.samples
            packets += context.encode(frame)
        if at:
            packets += context.encode(None)
    except _ERRORS as error:
        raise InputError(
            f"the {audio.codec} sound cannot be written as {recipe.encoder}: {error}"
        ) from error
    # FLAC ends with an empty packet, for the checksum that the set-up bytes hold by then.
    return context, [p for p in packets if p.size]


def _collected(audio: AudioStream, recipe: Recipe, rate: int, parts: Sequence[Any]) -> AudioStream:
    context = parts[0][0]
    extradata = bytes(context.extradata or b"")
    if recipe.encoder == "flac" and len(parts) > 1:
        extradata = _any_flac([bytes(c.extradata or b"") for c, _, _ in parts])
    packets = [(p, at) for _, at, encoded in parts for p in encoded]
    return AudioStream(
        codec={"libopus": "opus"}.get(recipe.encoder, recipe.encoder),
        sample_rate=rate,
        channels=audio.channels,
        layout=customary_layout(audio),
        extradata=extradata,
        time_base=Fraction(1, rate),
        pts=np.array([p.pts + at for p, at in packets], np.int64),
        dts=np.array([p.pts + at for p, at in packets], np.int64),
        duration=np.array([p.duration or 0 for p, _ in packets], np.int64),
        packets=tuple(bytes(p) for p, _ in packets),
    )


def _any_flac(headers: Sequence[bytes]) -> bytes:
    """Set-up bytes (RFC 9639, 8.2) for frames of several FLAC streams of one kind.

    Block and frame sizes span those of all; the number of samples and the checksum are unknown.
    """
    fields = [(0, 2, min), (2, 4, max), (4, 7, min), (7, 10, max)]
    sizes = b"".join(
        pick(int.from_bytes(h[a:b], "big") for h in headers).to_bytes(b - a, "big")
        for a, b, pick in fields
    )
    kind = bytearray(headers[0][10:18])
    kind[3] &= 0xF0  # the upper 4 of the 36 bits that count samples
    kind[4:8] = bytes(4)
    return sizes + bytes(kind) + bytes(16)


def to_flac(audio: AudioStream) -> AudioStream | None:
    """PCM as FLAC; None where FLAC does not give the same samples, or is larger.

    Raises
    ------
    InputError
        It cannot be decoded.
    """
    kind = sample_format(audio)
    common = "s16" if kind in ("u8", "s16") else kind
    wanted = samples_digest(audio, common)
    for name in ("flac", "flac 24"):
        flac = transcode(audio, RECIPES[name])
        if samples_digest(flac, common) == wanted:
            return flac if size_of(flac) < size_of(audio) else None
        if common == "s16":
            break
    return None


def lossless_recipe(audio: AudioStream, codec: str) -> Recipe:
    """``"flac"`` or ``"pcm"`` with as many bits as the stream decodes to.

    Raises
    ------
    InputError
        It cannot be decoded.
    """
    wide = is_lossless(audio) and sample_format(audio) not in ("u8", "s16")
    return RECIPES[f"{codec} 24" if wide else codec]


def convert(audio: AudioStream, codec: str) -> AudioStream:
    """A stream as ``"flac"``, ``"pcm"``, ``"aac"`` or ``"opus"``; itself where it is that already.

    Raises
    ------
    InputError
        It cannot be decoded or encoded.
    """
    if audio.codec == codec or (codec == "pcm" and is_pcm(audio)):
        return audio
    if codec in ("flac", "pcm"):
        return transcode(audio, lossless_recipe(audio, codec))
    return transcode(audio, RECIPES[codec])


# --- parts ----------------------------------------------------------------------------------


def trim(audio: AudioStream, start: Fraction | None, stop: Fraction | None) -> AudioStream | None:
    """What sounds from `start` until `stop`, in seconds; `start` becomes time 0.

    Without a start, times stay as they are.

    PCM and FLAC are cut to the sample, others at packets: those that begin inside are kept.

    Returns
    -------
    AudioStream or None
        None where nothing is left.
    """
    kept = audio
    if is_pcm(audio) or audio.codec == "flac":
        try:
            recipe = lossless_recipe(audio, "flac" if audio.codec == "flac" else "pcm")
            if is_pcm(audio):
                recipe = Recipe(audio.codec, sample_format(audio))
            kept = transcode(audio, recipe, start, stop)
        except InputError:
            kept = audio  # at packets then
    times = [int(t) * kept.time_base for t in kept.pts]
    inside = [
        i
        for i, t in enumerate(times)
        if (start is None or t >= start) and (stop is None or t < stop)
    ]
    if not inside:
        return None
    return _select(kept, inside, -(start or Fraction(0)))


def append(parts: Sequence[tuple[AudioStream, Fraction]]) -> AudioStream:
    """Streams of one kind one after another, each so many seconds later than it says.

    Raises
    ------
    InputError
        They are of several kinds.
    """
    first = parts[0][0]
    headers = [stream.extradata for stream, _ in parts]
    for stream, _ in parts:
        if _kind(stream) != _kind(first):
            raise InputError(
                f"the sound is {first.codec} at {first.sample_rate:,} Hz in one file and "
                f"{stream.codec} at {stream.sample_rate:,} Hz, or set up in another way, in "
                "another; convert it to one kind (flac, opus), or leave it out (none)"
            )
    base = first.time_base
    times = [
        [
            np.array([round((int(t) * s.time_base + by) / base) for t in ticks], np.int64)
            for ticks in (s.pts, s.dts)
        ]
        for s, by in parts
    ]
    duration = [
        np.array([round(int(d) * s.time_base / base) for d in s.duration], np.int64)
        for s, _ in parts
    ]
    return replace(
        first,
        extradata=_any_flac(headers) if first.codec == "flac" else first.extradata,
        pts=np.concatenate([pts for pts, _ in times]),
        dts=np.concatenate([dts for _, dts in times]),
        duration=np.concatenate(duration),
        packets=tuple(p for s, _ in parts for p in s.packets),
    )


def _kind(audio: AudioStream) -> tuple[object, ...]:
    """What streams must share to be one."""
    # Of FLAC's set-up bytes: rate, channels and bits; the rest counts samples.
    setup = audio.extradata[10:13] + bytes([(audio.extradata + bytes(18))[13] & 0xF0])
    if audio.codec != "flac":
        setup = audio.extradata
    return audio.codec, audio.sample_rate, audio.channels, setup


def _select(audio: AudioStream, which: Sequence[int], shift: Fraction) -> AudioStream:
    """Some packets of a stream, `shift` seconds later."""
    index, ticks = np.array(which, np.int64), round(shift / audio.time_base)
    return replace(
        audio,
        pts=audio.pts[index] + ticks,
        dts=audio.dts[index] + ticks,
        duration=audio.duration[index],
        packets=tuple(audio.packets[i] for i in which),
    )


# --- a file of sound alone ----------------------------------------------------------------------


def write_wav(audio: AudioStream, path: Path) -> None:
    """Write a stream as PCM in a wav file; silence fills its pauses.

    Raises
    ------
    InputError
        It cannot be decoded.
    """
    kind = sample_format(audio) if is_lossless(audio) else "s16"
    if audio.codec == "pcm_s24le" or (audio.codec == "flac" and kind == "s32"):
        recipe = RECIPES["pcm 24"]
    else:
        codec = {"u8": "pcm_u8", "s16": "pcm_s16le", "s32": "pcm_s32le", "flt": "pcm_f32le"}
        recipe = Recipe(codec.get(kind, "pcm_s16le"), kind if kind in codec else "s16")
    pcm = transcode(audio, recipe)
    with av.open(str(path), "w", format="wav") as container:
        muxer = AudioMuxer(container, _without_pauses(pcm, b"\x80" if kind == "u8" else b"\0"))
        container.start_encoding()
        for packet in muxer.packets_until(None):
            container.mux(packet)


def _without_pauses(pcm: AudioStream, silence: bytes) -> AudioStream:
    """PCM with packets of silence in front of it, from time 0, and between its runs."""
    packets: list[bytes] = []
    pts: list[int] = []
    end = 0
    for begin, which in runs(pcm):
        width = len(pcm.packets[which[0]]) // int(pcm.duration[which[0]])
        start = round(begin * pcm.sample_rate)
        while start - end > 0 and (start - end) > GAP * pcm.sample_rate:
            some = min(start - end, pcm.sample_rate)
            packets.append(silence * (width * some))
            pts.append(end)
            end += some
        for i in which:
            packets.append(pcm.packets[i])
            pts.append(int(pcm.pts[i]))
        end = pts[-1] + int(pcm.duration[which[-1]])
    times = np.array(pts, np.int64)
    duration = np.diff(times, append=end)
    return replace(pcm, packets=tuple(packets), pts=times, dts=times, duration=duration)
