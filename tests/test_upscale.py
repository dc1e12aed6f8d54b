"""Sources that are exact enlargements: found, stored at their native size, and given back."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import spec_decoder
import spr_files
from numpy.typing import NDArray

import spritecodec as sc
from spritecodec import cli
from spritecodec.degradation import Axis, Degradation
from spritecodec.formats.spr.chunks import pack_head

Frames = NDArray[np.uint8]

# 24x16 behind 100x70: 4 by 13/3 with a phase, in a border that is wider on one side. The native
# columns 2 and 5 begin late.
SCALE = Degradation(
    x=Axis(100, 24, left=1, right=3, step=1, phase=0, unit=4, late=(8, 20)),
    y=Axis(70, 16, left=0, right=2, step=3, phase=1, unit=13),
    border=(1, 2, 3),
)


def scaled_file(scale: Degradation | None, field: Any = None) -> bytes:
    """The small file behind an enlargement; with another eleventh field where one is given."""
    parts = spr_files.chunks()
    payload = pack_head(spr_files.head(degradation=scale))
    if field is not None:
        payload = msgpack.packb([*msgpack.unpackb(payload)[:10], field])
    parts[0] = ("HEAD", payload, 0)
    return spr_files.join(parts)


def by_hand(frames: Frames) -> Frames:
    """`SCALE` written out in other words."""
    out = np.empty((len(frames), 70, 100, 3), np.uint8)
    out[:] = (1, 2, 3)
    wide = np.repeat(frames, 4, axis=2)
    for j in range(68):
        out[:, j, 1:97] = wide[:, int((3 * j + 1) / 13)]
    out[:, :68, 9] = out[:, :68, 8]
    out[:, :68, 21] = out[:, :68, 20]
    return out


def test_a_reader_shows_the_source_or_the_native_frames() -> None:
    data = scaled_file(SCALE)
    native, source = spr_files.frames(), by_hand(spr_files.frames())
    for size, frames in (("auto", source), ("source", source), ("native", native)):
        with sc.open(io.BytesIO(data), size) as reader:  # type: ignore[arg-type]
            assert (reader.height, reader.width) == frames.shape[1:3]
            np.testing.assert_array_equal(reader[:], frames)
            np.testing.assert_array_equal(reader[-1], frames[-1])
            np.testing.assert_array_equal(np.stack(list(reader)), frames)
            np.testing.assert_array_equal(next(reader.pieces(5)).frames, frames[:5])
            assert reader.degradation == SCALE
            assert reader.scene(0).width == 24
            reader.verify()
    with pytest.raises(sc.SettingsError, match="auto, native or source"):
        sc.open(io.BytesIO(data), "large")  # type: ignore[arg-type]


def test_a_file_without_a_scale_has_one_size() -> None:
    assert scaled_file(None) == spr_files.small_file()
    for size in ("auto", "source", "native"):
        reader = sc.open(io.BytesIO(spr_files.small_file()), size)  # type: ignore[arg-type]
        assert reader.degradation is None
        np.testing.assert_array_equal(reader[:], spr_files.frames())


def test_estimated_frames_are_shown_natively_unless_asked_otherwise() -> None:
    facts = {"matrix": "bt709", "psnr": 3851}
    scale = Degradation(SCALE.x, SCALE.y, border=(1, 2, 3), restored=True, facts=facts)
    data = scaled_file(scale)
    reader = sc.open(io.BytesIO(data))
    np.testing.assert_array_equal(reader[:], spr_files.frames())
    assert reader.degradation == scale
    np.testing.assert_array_equal(
        sc.open(io.BytesIO(data), "source")[:], by_hand(spr_files.frames())
    )
    np.testing.assert_array_equal(np.array(spec_decoder.decode(data).frames), reader[:])


def test_the_specification_says_how_frames_are_enlarged() -> None:
    data = scaled_file(SCALE)
    np.testing.assert_array_equal(
        np.array(spec_decoder.decode(data).frames), sc.open(io.BytesIO(data))[:]
    )


def changed(**places: Any) -> list[Any]:
    good: list[Any] = [0, 0, 0, 100, 1, 3, 1, 0, 4, 70, 0, 2, 3, 1, 13]
    return [places.get(f"at_{i}", value) for i, value in enumerate(good)]


@pytest.mark.parametrize(
    "field",
    [
        7,
        [],
        changed()[:-1],
        [*changed(), {}, 0],
        [*changed(), {}],
        [*changed(), [], [], {1: 2}],
        [*changed(), [], [], {"a": 0.5}],
        [*changed(), [], [], []],
        [*changed(), [], [4.0], {}],
        [*changed(), [0], [], {}],
        [*changed(), [4, 0], [], {}],
        [*changed(), [5], [], {}],
        [*changed(), [96], [], {}],
        [*changed(), [1 << 40], [], {}],
        [*changed(), [], {}, {}],
        changed(at_0=9),
        changed(at_1=2),
        changed(at_1=True),
        changed(at_2=1 << 24),
        changed(at_3=101),
        changed(at_3=-1),
        changed(at_3=1 << 20),
        changed(at_4=99),
        changed(at_5="3"),
        changed(at_6=0),
        changed(at_6=5),
        changed(at_7=4),
        changed(at_8=0),
        changed(at_8=1 << 31),
        changed(at_12=1.5),
        # 65536 columns; 2^26 pixels.
        changed(at_3=65536, at_4=1, at_5=3, at_8=2731),
        changed(at_3=65504, at_4=0, at_5=65404 + 4, at_9=65504, at_11=65436),
    ],
)
def test_a_damaged_scale_is_refused(field: Any) -> None:
    with pytest.raises(sc.FormatError, match="chunk HEAD"):
        sc.open(io.BytesIO(scaled_file(None, field)))


def test_decode_native_and_enlarged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "a.spr"
    source.write_bytes(scaled_file(SCALE))
    shown = by_hand(spr_files.frames())
    for options, frames in (
        ([], shown),
        (["--native"], spr_files.frames()),
        (["--native", "--scale", "2"], spr_files.frames().repeat(2, 1).repeat(2, 2)),
        (["--scale", "2", "--start", "3"], shown[3:].repeat(2, 1).repeat(2, 2)),
    ):
        target = tmp_path / "out.rgb"
        assert cli.run(["decode", str(source), str(target), "--overwrite", *options]) == 0
        assert target.read_bytes() == frames.tobytes()
    capsys.readouterr()
    assert cli.run(["info", str(source)]) == 0
    said = capsys.readouterr().out
    assert "12 frames of 100x70" in said
    assert "24x16 behind 100x70, nearest x4 by x4.333, border 1 0 3 2" in said
    assert cli.run(["info", str(source), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["width"], facts["native_width"]) == (100, 24)


def test_labels_are_drawn_at_the_native_size(tmp_path: Path) -> None:
    plain, scaled = tmp_path / "plain.spr", tmp_path / "scaled.spr"
    plain.write_bytes(spr_files.small_file())
    scaled.write_bytes(scaled_file(SCALE))
    wanted = sc.labels(plain)
    np.testing.assert_array_equal(sc.labels(scaled), wanted)
    with sc.open(scaled) as reader:
        np.testing.assert_array_equal(sc.labels(reader), wanted)
