"""Audio packets, taken out of one container and put into another, never decoded."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream as AvAudioStream
from av.container import OutputContainer
from av.stream import Stream

from spritecodec.clip import AudioStream


def read_audio(path: Path) -> tuple[AudioStream, ...]:
    """All audio packets of a file, compressed as they are stored.

    Parameters
    ----------
    path : Path
        A file that PyAV opens.

    Returns
    -------
    tuple of AudioStream
        In the file's order; empty where there is no audio.
    """
    with av.open(str(path), "r") as container:
        streams = container.streams.audio
        packets: dict[int, list[av.Packet[Stream]]] = {s.index: [] for s in streams}
        if streams:
            for packet in container.demux(*streams):
                if packet.size:
                    packets[packet.stream_index].append(packet)
        return tuple(_kept(s, packets[s.index]) for s in streams if packets[s.index])


def _kept(stream: AvAudioStream, packets: Sequence[av.Packet[Stream]]) -> AudioStream:
    context = stream.codec_context
    pts, dts = [], []
    due = 0  # time of a packet without time stamps: right after the previous one
    for packet in packets:
        dts.append(packet.dts if packet.dts is not None else due)
        pts.append(packet.pts if packet.pts is not None else dts[-1])
        due = dts[-1] + (packet.duration or 0)
    return AudioStream(
        codec=stream.codec.canonical_name,
        sample_rate=context.sample_rate,
        channels=context.layout.nb_channels,
        layout=context.layout.name,
        extradata=bytes(context.extradata or b""),
        time_base=Fraction(stream.time_base or Fraction(1, context.sample_rate)),
        pts=np.array(pts, np.int64),
        dts=np.array(dts, np.int64),
        duration=np.array([packet.duration or 0 for packet in packets], np.int64),
        packets=tuple(bytes(packet) for packet in packets),
    )


def customary_layout(audio: AudioStream) -> str:
    """The layout; of streams that name none ("2 channels") the usual one, which mp4 insists on."""
    return {1: "mono", 2: "stereo"}.get(audio.channels, audio.layout)


def can_hold(container_format: str, audio: AudioStream) -> bool:
    """Whether a container can hold an audio stream: all of it is put into one in memory.

    A file may say anything of its audio, and some formats refuse only a packet or the end.
    """
    try:
        with av.open(io.BytesIO(), "w", format=container_format) as container:
            muxer = AudioMuxer(container, audio)
            container.start_encoding()
            for packet in muxer.packets_until(None):
                container.mux(packet)
    except (ValueError, OverflowError, av.error.FFmpegError):
        return False
    return True


class AudioMuxer:
    """Puts one stored audio stream into a container that is being written.

    Parameters
    ----------
    container : OutputContainer
        No packet may have been written to it yet.
    audio : AudioStream

    Raises
    ------
    ValueError
        The container's format cannot hold this codec, or there is no such codec of audio.
    """

    def __init__(self, container: OutputContainer, audio: AudioStream) -> None:
        # A stream made from a template is written without opening an encoder, so
        # its set-up bytes stay ours. The template itself is never written.
        template = av.open(io.BytesIO(), "w", format="nut").add_stream(
            audio.codec, rate=audio.sample_rate
        )
        if not isinstance(template, AvAudioStream):
            raise ValueError(f"{audio.codec} is no codec of audio")
        self._stream = container.add_stream_from_template(template)
        context = self._stream.codec_context
        context.layout = customary_layout(audio)
        context.sample_rate = audio.sample_rate
        if audio.extradata:
            context.extradata = audio.extradata
        self._stream.time_base = audio.time_base
        self._audio = audio
        self._next = 0

    def packets_until(self, seconds: Fraction | None) -> Iterator[av.Packet[Stream]]:
        """The packets not yielded yet that start earlier than `seconds`; all of them for None."""
        audio = self._audio
        while self._next < len(audio.packets):
            i = self._next
            if seconds is not None and int(audio.dts[i]) * audio.time_base >= seconds:
                return
            packet = av.Packet(audio.packets[i])
            packet.stream = self._stream
            packet.time_base = audio.time_base
            packet.pts, packet.dts = int(audio.pts[i]), int(audio.dts[i])
            packet.duration = int(audio.duration[i])
            packet.is_keyframe = True
            self._next += 1
            yield packet
