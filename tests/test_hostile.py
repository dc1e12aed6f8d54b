"""Files made to harm their reader: refused in one sentence, soon, and with little memory.

The decoder that is written from the specification alone gives the same verdict.
"""

from __future__ import annotations

import io
import math
import time
import tracemalloc
from pathlib import Path

import craft
import numpy as np
import pytest
import spec_decoder
from craft import INT64_MAX, INT64_MIN, head, plain, runs
from PIL import Image, UnidentifiedImageError

import spritecodec as sc
import spritecodec.pillow_plugin
from spritecodec import cli
from spritecodec.formats.spr.streams import write_stream

MANY = 1 << 24
EMPTY = write_stream([])


def single_pixels(count: int) -> tuple[bytes, ...]:
    """Streams of so many pictures of one pixel."""
    return runs((1, count)), runs((1, count)), b"\0", EMPTY, runs((0, count))


def followers() -> list[bytes]:
    """A sprite that is spelled out again and again, where one code would do."""
    n, tracks = 1 << 12, 64
    steps = tracks * (n - 1)
    zeros = runs((0, tracks))
    heads = [zeros, runs((n - 1, tracks)), zeros, zeros, runs((0, 1), (1, tracks - 1))]
    codes = b"\0" + runs((-1, steps)) + runs((0, steps))
    still = b"\0" + runs((0, steps))
    return [*heads, zeros, zeros, zeros, codes, still, still, still]


def placements(tracks: int, frames: int) -> list[bytes]:
    """So many tracks that rest through all frames."""
    zeros = runs((0, tracks))
    heads = [zeros, runs((frames - 1, tracks)), zeros, zeros, runs((0, 1), (1, tracks - 1))]
    rest = runs((0, tracks * (frames - 1)))
    return [*heads, zeros, zeros, zeros, b"\0" + rest + EMPTY, *[b"\0" + rest] * 3]


# What each takes too much of.
BOMBS = {
    "pictures of one pixel": (
        "memory",
        [head(), craft.pictures(*single_pixels(MANY), count=MANY), craft.segment()],
    ),
    "patches of one pixel": (
        "memory",
        [
            head(),
            craft.segment(
                residual=[runs((0, MANY))] * 4
                + [craft.write_varint(MANY), *single_pixels(MANY)]
            ),
        ],
    ),
    "one large background": (
        "memory",
        [head(), craft.one_picture(8192, 4096, "TEXT"), craft.segment()],
    ),
    "tiles of thin pictures": (
        "memory",
        [
            head(),
            craft.pictures(
                runs((1, 4096)),
                runs((1, 4096)),
                b"\x02\x20",
                EMPTY,
                runs((0, 4096)),
                runs((0, 4096 << 10)),
                count=4096,
            ),
            craft.segment(),
        ],
    ),
    "sides whose product wraps": (
        "memory",
        [
            head(),
            craft.pictures(
                *[runs((1 << 17, 1 << 15), (1, 1))] * 2, b"\0", EMPTY, EMPTY, count=(1 << 15) + 1
            ),
            craft.segment(),
        ],
    ),
    "many dictionaries": (
        "memory",
        [head(), *[craft.one_picture(1024, 512)] * 64, craft.segment()],
    ),
    "many audio streams": ("objects", [head(), craft.segment(), *[craft.audio(1 << 16)] * 64]),
    "inflated zeros": (
        "memory",
        [head(), ("DICT", craft.zstd(bytes(1 << 26)), 0), craft.segment()],
    ),
    "placements": (
        "memory",
        [
            head(frames=1 << 16),
            craft.one_picture(),
            craft.segment(1 << 16, layers=craft.still(1 << 16), tracks=placements(256, 1 << 16)),
        ],
    ),
    "layers": (
        "memory",
        [head(frames=1 << 16), craft.segment(1 << 16, layers=craft.still(1 << 16) * 256)],
    ),
    "colours of a recolouring": (
        "memory",
        [
            head(),
            craft.segment(
                recolouring=[plain(0), plain(0), plain(0), EMPTY, plain(0), runs((0, MANY))]
            ),
        ],
    ),
    "tracks without end": (
        "objects",
        [
            head(32, 32, 64),
            craft.one_picture(),
            craft.segment(64, layers=craft.still(64), tracks=placements(7000, 1)),
        ],
    ),
    "backgrounds over backgrounds": (
        "pixels",
        [
            head(64, 64, 1 << 12),
            craft.one_picture(64, 64, "TEXT"),
            craft.segment(
                1 << 12,
                layers=(runs((0, 3 << 13)), runs((0, 1 << 12)), runs((0, 1 << 12))),
            ),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_goes_off(name: str) -> None:
    limit, parts = BOMBS[name]
    data = craft.file(*parts)
    assert len(data) < 20_000
    sc.open(io.BytesIO(craft.file(head(), craft.segment()))).verify()  # everything is imported
    tracemalloc.start()
    began = time.perf_counter()
    try:
        with pytest.raises(sc.FormatError, match=f"larger limit of {limit} \\(chunk "):
            verify(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100 << 20
    assert time.perf_counter() - began < 10  # seconds, on a machine with much else to do
    with pytest.raises(spec_decoder.Refused):
        spec_decoder.decode(data)


def test_thin_sprites_make_no_endless_sheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    side = 1 << 16
    sides, pixels = (plain(side, 1), plain(1, side)), runs((1, 2 * side))
    sprites = craft.pictures(*sides, b"\0", plain(9, 9, 9, 255), pixels, count=2)
    source, sheet = tmp_path / "thin.spr", tmp_path / "sheet.png"
    source.write_bytes(craft.file(head(4096, 4096), sprites, craft.segment()))
    assert cli.run(["sprites", str(source), str(sheet), "--all"]) == 2
    said = capsys.readouterr().err
    assert "the sheet would have 65540x65543 pixels" in said
    assert said.count("\n") == 1
    assert not sheet.exists()


def verify(data: bytes, limits: sc.Limits | None = None) -> None:
    with sc.open(io.BytesIO(data), limits=limits) as reader:
        reader.verify()


def test_a_caller_may_allow_more_or_less() -> None:
    data = craft.file(head(), craft.one_picture(1024, 512), craft.segment())
    with pytest.raises(sc.FormatError, match="limit of memory"):
        verify(data)
    verify(data, sc.Limits(memory=1 << 26))
    small = craft.file(head(), craft.one_picture(), craft.segment())
    verify(small)
    with pytest.raises(sc.FormatError, match="more than 0 objects"):
        verify(small, sc.Limits(objects=0))


def test_reading_in_any_order_costs_the_same() -> None:
    # A segment that is read anew, because others were read meanwhile, has its budget again.
    parts = [("SEGM", craft.segment(times=plain(t))[1], 1) for t in range(6)]
    data = craft.file(head(frames=6), *parts)
    with sc.open(io.BytesIO(data), limits=sc.Limits(memory=500)) as reader:
        for t in (5, 0, 3, 1, 4, 2, 5, 0, 3, 1, 4, 2):
            reader.frame(t)
    with pytest.raises(sc.FormatError, match="limit of memory"):
        verify(data, sc.Limits(memory=300))


def test_each_segment_costs_its_own_size_however_many_pictures_came_before() -> None:
    def seconds(pairs: int) -> float:
        parts = [head(frames=pairs)]
        for t in range(pairs):
            parts += [craft.one_picture(), craft.segment(times=plain(t))]
        data = craft.file(*parts)
        began = time.process_time()
        verify(data)
        return time.process_time() - began

    seconds(10)
    assert seconds(600) < 25 * max(seconds(60), 0.02)


def test_a_segment_of_too_many_pixels_is_refused() -> None:
    n = (1 << 8) + 1
    data = craft.file(head(4096, 4096, n), craft.segment(n))
    with pytest.raises(sc.FormatError, match="257 frames of 4096x4096, more than 4,294,967,296"):
        sc.open(io.BytesIO(data))
    with pytest.raises(spec_decoder.Refused):
        spec_decoder.decode(data)


def track(**changes: bytes) -> list[craft.Part]:
    return [
        head(),
        craft.one_picture(),
        craft.segment(layers=craft.still(1), tracks=craft.one_track(**changes)),
    ]


def patch(*streams: bytes, frames: int = 1) -> list[craft.Part]:
    picture = [b"\x01", plain(1), plain(1), b"\0", plain(9, 9, 9, 255), plain(1)]
    return [head(frames=frames), craft.segment(frames, residual=[*streams, *picture])]


def wrapping(*values: int) -> bytes:
    """A stream whose values are the sums of these."""
    return b"\x01" + craft.write_varint(len(values)) + craft.body(values)


# What is wrong, and what the sentence says of it.
INVALID = {
    "a time wraps": (
        "a sum is larger",
        [head(frames=3), craft.segment(3, times=plain(INT64_MAX, INT64_MAX, 5))],
    ),
    "a time is out of range": (
        "time stamp is out of range",
        [head(frames=2), craft.segment(2, times=plain(0, 1 << 62))],
    ),
    "a stream of differences wraps": (
        "a sum is larger",
        [head(frames=3), craft.segment(3, times=wrapping(INT64_MAX, 1, 5))],
    ),
    "a track ends beyond 64 bits": ("outside the segment", track(start=plain(INT64_MAX))),
    "a track is longer than 64 bits": ("outside the segment", track(more=plain(INT64_MAX))),
    "a track begins before time": ("outside the segment", track(start=plain(-1))),
    "a placement at the end of 64 bits": ("too far away", track(y=plain(INT64_MIN))),
    "a placement beyond the limit": ("too far away", track(x=plain(1 << 30))),
    "a depth beyond the limit": ("too far away", track(z=plain(-(1 << 30)))),
    "an unknown flip": ("unknown flip", track(flip=plain(4))),
    "a flip at the end of 64 bits": ("unknown flip", track(flip=plain(INT64_MIN))),
    "a first sprite at the end of 64 bits": (
        "not in the dictionary", track(sprite=plain(INT64_MIN))
    ),
    "a sprite that follows already": (
        "has followed already",
        [
            head(64, 64, 1 << 12),
            craft.one_picture(),
            craft.one_picture(),
            craft.segment(1 << 12, layers=craft.still(1 << 12), tracks=followers()),
        ],
    ),
    "a patch whose start wraps": (
        "a sum is larger",
        [
            head(frames=2),
            craft.segment(
                2,
                residual=[
                    plain(INT64_MAX, INT64_MAX), *[plain(0, 0)] * 3, b"\x02", *single_pixels(2)
                ],
            ),
        ],
    ),
    "a patch beyond the screen": (
        "outside the segment", patch(plain(0), plain(0), plain(INT64_MAX), plain(0))
    ),
    "a patch longer than 64 bits": (
        "outside the segment", patch(plain(0), plain(INT64_MAX), plain(0), plain(0))
    ),
    "a pan wraps": (
        "a sum is larger",
        [
            head(frames=3),
            craft.segment(3, layers=(EMPTY, plain(INT64_MAX, INT64_MAX, 3), runs((0, 3)))),
        ],
    ),
    "a width of true": ("wrong type", [head(True, 8), craft.segment()]),  # type: ignore[arg-type]
    "a tick of 2^31": ("time base or frame rate", [head(tick=1 << 31), craft.segment()]),
    "ticks of 2^63": ("time base or frame rate", [head(ticks=1 << 63), craft.segment()]),
    "a rate of 2^64 - 1": ("time base or frame rate", [head(rate=(1 << 64) - 1), craft.segment()]),
    "a PSNR that is none": ("PSNR of nan", [head(psnr=math.nan, lossless=False), craft.segment()]),
    "an infinite PSNR": ("PSNR of inf", [head(psnr=math.inf, lossless=False), craft.segment()]),
    "lossless with a PSNR": ("and a PSNR as well", [head(psnr=40.0), craft.segment()]),
    "a writer that clears the screen": (
        "cannot be printed", [head(writer="\x1b[2J\x1b[31msound\r\n"), craft.segment()]
    ),
    "a channel count of 2^31": (
        "set-up is damaged", [head(), craft.segment(), craft.audio(channels=1 << 31)]
    ),
    "a codec with an escape": (
        "set-up is damaged", [head(), craft.segment(), craft.audio(codec="\x1b[2J")]
    ),
    "an audio rate of true": (
        "set-up is damaged", [head(), craft.segment(), craft.audio(rate=True)]
    ),
    "an audio packet of less than nothing": (
        "ends too early", [head(), craft.segment(), craft.audio(size=-1)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", INVALID)
def test_what_is_out_of_range_is_refused(name: str) -> None:
    words, parts = INVALID[name]
    data = craft.file(*parts)
    with pytest.raises(sc.FormatError, match=words):
        verify(data)
    with pytest.raises(spec_decoder.Refused):
        spec_decoder.decode(data)


@pytest.mark.parametrize(
    "parts",
    [
        track(),
        track(x=plain(-(1 << 30) + 1), y=plain((1 << 30) - 1), z=plain((1 << 30) - 1)),
        patch(plain(0), plain(0), plain(7), plain(7)),
        [head(tick=(1 << 31) - 1, rate=(1 << 31) - 1), craft.segment(times=plain(1 - (1 << 62)))],
        [head(), craft.segment(), craft.audio()],
        [head(psnr=-3, lossless=False), craft.segment()],
    ],
    ids=["a track", "far away", "a patch", "a time", "audio", "a poor claim"],
)
def test_the_same_files_within_range_are_read(parts: list[craft.Part]) -> None:
    data = craft.file(*parts)
    verify(data)
    frames = sc.open(io.BytesIO(data))[:]
    np.testing.assert_array_equal(np.array(spec_decoder.decode(data).frames), frames)


@pytest.mark.parametrize(
    "audio",
    [
        {"codec": "h264"},
        {"codec": "nonsense"},
        {"codec": ""},
        {"codec": "subrip"},
        {"layout": "nonsense"},
        {"channels": 255},
        {"rate": (1 << 31) - 1},
        {"ticks": (1 << 31) - 1, "tick": (1 << 31) - 1},
        {"codec": "aac"},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.webm"])
def test_odd_audio_is_left_out_or_kept_but_never_ends_a_decode(
    tmp_path: Path, name: str, audio: dict[str, object]
) -> None:
    source = tmp_path / "a.spr"
    source.write_bytes(craft.file(head(), craft.segment(), craft.audio(3, size=4, **audio)))
    report = sc.decode(source, tmp_path / name)
    kept = len(sc.open_clip(str(tmp_path / name)).audio)
    assert kept + sum("audio is left out" in note for note in report.notes) == 1


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.gif", "a.webp", "a.webm", "a.mov"])
def test_times_beyond_the_target_are_one_sentence(tmp_path: Path, name: str) -> None:
    source = tmp_path / "a.spr"
    times = plain(1 - (1 << 62), 1 << 62)
    source.write_bytes(
        craft.file(head(frames=2, tick=(1 << 31) - 1), craft.segment(2, times=times))
    )
    with pytest.raises(sc.OutputError, match="could not be written"):
        sc.decode(source, tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["a.spr"]


def test_pillow_raises_its_own_errors(tmp_path: Path) -> None:
    sound = [head(frames=2), craft.segment(), craft.segment(times=plain(1))]
    broken = [*sound[:2], ("SEGM", b"nonsense", 1)]
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(craft.file(*broken)))
    late = [*sound[:2], craft.segment(times=plain(1), layers=[b"", b"", b""])]
    with Image.open(io.BytesIO(craft.file(*late))) as image:
        assert image.n_frames == 2
        image.load()
        image.seek(1)
        with pytest.raises(OSError, match="chunk SEGM"):
            image.load()
