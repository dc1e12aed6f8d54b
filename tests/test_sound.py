"""Sound: kept without loss, converted to what players play, cut and exported to the sample."""

from __future__ import annotations

import io
import subprocess
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from test_cli import PROGRAM
from video_makers import few_colours, kept_audio

import spritecodec as sc
from spritecodec import cli
from spritecodec.clip import ArrayClip, AudioStream
from spritecodec.formats.video import sound
from spritecodec.formats.video.sound_choice import kept_sound

RATE = 32_000
Samples = NDArray[np.int16]


def tone(seconds: float = 1.0, channels: int = 2) -> Samples:
    """Shape (n, channels): a chord under a little noise."""
    t = np.arange(int(RATE * seconds))
    rng = np.random.default_rng(3)
    wave = 5000 * np.sin(t / 9) + 3000 * np.sin(t / 41) + rng.normal(0, 60, len(t))
    return np.stack([wave / (c + 1) for c in range(channels)], 1).astype(np.int16)


def pcm(
    samples: NDArray[np.generic], codec: str = "pcm_s16le", gap: int = 0, size: int = 800
) -> AudioStream:
    """Samples as a recorder stores them; after half of the packets, `gap` ticks of nothing."""
    parts = [samples[i : i + size] for i in range(0, len(samples), size)]
    duration = np.array([len(p) for p in parts], np.int64)
    pts = np.cumsum(duration) - duration
    pts[len(pts) // 2 :] += gap
    packets = tuple(p.tobytes() for p in parts)
    channels = samples.shape[1]
    layout = f"{channels} channels"
    base = Fraction(1, RATE)
    return AudioStream(codec, RATE, channels, layout, b"", base, pts, pts, duration, packets)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .spr file of one second with the tone, as `encode` keeps it by default."""
    target = tmp_path_factory.mktemp("sound") / "game.spr"
    frames = np.repeat(few_colours(2, 16, 16), 15, axis=0)
    clip = ArrayClip(frames, Fraction(30), audio=(pcm(tone()),))
    report = sc.encode(clip, target, preset="fast")
    assert sum("kept without loss as FLAC" in note for note in report.notes) == 1
    return target


def samples_of(path: Path) -> tuple[int, Samples]:
    """Rate and samples, shape (n, channels), of a wav file of 16 bits."""
    with wave.open(str(path), "rb") as file:
        raw = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return file.getframerate(), raw.reshape(-1, file.getnchannels())


def flac_size(samples: Samples, folder: Path) -> int:
    """Bytes of the FLAC packets that FFmpeg's own settings give."""
    with av.open(str(folder / "a.flac"), "w") as container:
        stream = container.add_stream("flac", rate=RATE)
        stream.layout = "stereo"  # type: ignore[attr-defined]
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "stereo")
        frame.sample_rate = RATE
        container.mux([*stream.encode(frame), *stream.encode(None)])  # type: ignore[attr-defined]
    return (folder / "a.flac").stat().st_size


def test_pcm_takes_no_more_than_its_flac_and_comes_back_bit_for_bit(
    recorded: Path, tmp_path: Path
) -> None:
    with sc.open(recorded) as reader:
        (kept,) = reader.audio
        sizes = reader.breakdown()
    assert kept.codec == "flac"
    assert sizes["audio"] <= 1.02 * flac_size(tone(), tmp_path)
    assert cli.run(["decode", str(recorded), str(tmp_path / "game.wav")]) == 0
    rate, samples = samples_of(tmp_path / "game.wav")
    assert rate == RATE
    np.testing.assert_array_equal(samples, tone())


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16be", "pcm_s24le", "pcm_s32le", "pcm_f32le"])
def test_every_kind_of_samples_that_fits_flac_is_kept_exactly(codec: str) -> None:
    wide = tone(0.2).astype(np.int32)
    raw: dict[str, NDArray[np.generic]] = {
        "pcm_u8": (wide // 256 + 128).astype(np.uint8),
        "pcm_s16be": wide.astype(">i2"),
        "pcm_s24le": (wide << 8 | 0x41).astype("<i4").view(np.uint8).reshape(-1, 2, 4)[..., :3],
        "pcm_s32le": wide << 16,
        "pcm_f32le": (wide / 32768).astype(np.float32),
    }
    stream = pcm(raw[codec], codec)
    flac = sound.to_flac(stream)
    assert flac is not None
    assert sound.size_of(flac) < sound.size_of(stream)
    common = {"pcm_u8": "s16", "pcm_s16be": "s16", "pcm_f32le": "flt"}.get(codec, "s32")
    assert sound.samples_digest(flac, common) == sound.samples_digest(stream, common)


def test_samples_that_flac_cannot_hold_are_kept_as_they_are() -> None:
    stream = pcm((tone(0.2) / 32768.3).astype(np.float32), "pcm_f32le")
    (kept,), (note,) = kept_sound([stream], "flac")
    assert kept is stream
    assert "is kept as it is, because FLAC" in note


def test_what_is_kept_is_said(tmp_path: Path) -> None:
    aac = kept_audio(tmp_path, "aac")
    for choice, codec, words in [
        ("flac", "aac", "is kept as it is"),
        ("copy", "aac", "is kept as it is"),
        ("opus", "opus", "which loses some of it"),
    ]:
        (kept,), (note,) = kept_sound([aac], choice)
        assert kept.codec == codec
        assert words in note
        assert "aac" in note
    assert kept_sound([aac], "none")[0] == ()
    with pytest.raises(sc.SettingsError, match="not 'mp3'"):
        kept_sound([aac], "mp3")


@pytest.mark.parametrize(
    ("name", "options", "codec"),
    [
        ("game.mp4", [], "flac"),
        ("game.mp4", ["--audio", "aac"], "aac"),
        ("game.mp4", ["--audio", "none"], None),
        ("game.mov", [], "pcm_s16le"),
        ("game.webm", [], "opus"),
        ("game.mkv", [], "flac"),
        ("game.mkv", ["--audio", "opus"], "opus"),
        ("game.nut", [], "flac"),
    ],
)
def test_containers_get_what_their_players_play(
    recorded: Path, tmp_path: Path, name: str, options: list[str], codec: str | None
) -> None:
    target = tmp_path / name
    assert cli.run(["decode", str(recorded), str(target), *options]) == 0
    with av.open(str(target)) as container:
        assert [s.codec.canonical_name for s in container.streams.audio] == [codec] * bool(codec)
        if codec:
            heard = np.concatenate(
                [f.to_ndarray().mean(axis=0).ravel() for f in container.decode(audio=0)]
            )
            assert len(heard) > 0.9 * RATE
            assert np.abs(heard).max() > 0


def test_a_container_refuses_what_it_does_not_take(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "game.webm"
    assert cli.run(["decode", str(recorded), str(target), "--audio", "aac"]) == 2
    assert "webm does not take AAC" in capsys.readouterr().err
    assert not target.exists()


def test_pipes_take_sound_or_say_that_they_have_none(recorded: Path) -> None:
    words = [*PROGRAM, "decode", str(recorded), "-"]
    done = subprocess.run([*words, "--format", "mkv"], capture_output=True, check=True)
    with av.open(io.BytesIO(done.stdout)) as container:
        assert [s.codec.name for s in container.streams.audio] == ["flac"]
        assert sum(1 for _ in container.decode(video=0)) == 30
    done = subprocess.run(words, capture_output=True, check=True, text=True, errors="replace")
    assert "y4m cannot hold it" in done.stderr


@pytest.mark.parametrize("kind", ["pcm", "flac"])
def test_a_cut_is_exact_to_the_sample(kind: str) -> None:
    stream = sound.convert(pcm(tone()), kind)
    part = sound.trim(stream, Fraction(1, 3), Fraction(4, 5))
    assert part is not None
    assert part.pts[0] == 0
    again = pcm(tone()[round(RATE / 3) : round(RATE * 4 / 5)])
    assert sound.samples_digest(part, "s16") == sound.samples_digest(again, "s16")


def test_other_codecs_are_cut_at_packets(tmp_path: Path) -> None:
    aac = kept_audio(tmp_path, "aac")
    part = sound.trim(aac, Fraction(1, 10), Fraction(2, 10))
    assert part is not None
    assert set(part.packets) < set(aac.packets)
    times = part.pts * part.time_base
    assert 0 <= times[0] <= Fraction(1024, 48_000)
    assert times[-1] < Fraction(1, 10)
    assert sound.trim(aac, Fraction(100), None) is None


def test_pauses_keep_their_place(tmp_path: Path) -> None:
    gap = RATE // 2
    flac = sound.to_flac(pcm(tone(), gap=gap))
    assert flac is not None
    assert [begin for begin, _ in sound.runs(flac)] == [0, 1]
    sound.write_wav(flac, tmp_path / "a.wav")
    _, samples = samples_of(tmp_path / "a.wav")
    np.testing.assert_array_equal(samples[: RATE // 2], tone()[: RATE // 2])
    assert not samples[RATE // 2 : RATE // 2 + gap].any()
    np.testing.assert_array_equal(samples[RATE // 2 + gap :], tone()[RATE // 2 :])


@pytest.mark.parametrize("codec", ["aac", "opus"])
def test_converted_sound_keeps_its_time(codec: str) -> None:
    rng = np.random.default_rng(5)
    noise = np.convolve(rng.normal(0, 1, RATE), np.ones(9) / 9, "same")
    burst = np.zeros(RATE)
    burst[9000:15000] = 9000 * noise[9000:15000]
    stream = pcm(np.stack([burst, burst], 1).astype(np.int16))
    back = sound.convert(sound.convert(stream, codec), "pcm")
    heard = np.frombuffer(b"".join(back.packets), np.int16)[::2].astype(float)
    start = round(int(back.pts[0]) * back.time_base * RATE)
    scale = back.sample_rate / RATE  # Opus has but one rate
    heard = np.interp(np.arange(14_000) * scale, np.arange(len(heard)), heard)
    lags = range(-200, 201)
    match = [float(np.dot(burst[9000:13_000], heard[9000 + d : 13_000 + d])) for d in lags]
    assert abs(lags[int(np.argmax(match))] + start) <= 2


def test_sound_that_nothing_decodes_is_left_out_with_a_note(tmp_path: Path) -> None:
    odd = pcm(tone(0.1), "wmavoice")
    source = tmp_path / "odd.spr"
    sc.encode(ArrayClip(few_colours(2, 8, 8), audio=(odd,)), source, preset="fast")
    report = sc.decode(source, tmp_path / "odd.mp4")
    assert "audio is left out" in report.notes[0]
    with pytest.raises(sc.InputError, match="not decoded"):
        sc.encode(ArrayClip(few_colours(2, 8, 8), audio=(odd,)), tmp_path / "b.spr", audio="opus")
    assert not (tmp_path / "b.spr").exists()


def test_a_file_without_sound_gives_no_wav(recorded: Path, tmp_path: Path) -> None:
    source = tmp_path / "mute.spr"
    sc.encode(few_colours(2, 8, 8), source, preset="fast")
    with pytest.raises(sc.InputError, match="no sound"):
        sc.decode(source, tmp_path / "a.wav")
    with pytest.raises(sc.SettingsError, match="standard output"):
        sc.decode(recorded, "-", format="wav")
