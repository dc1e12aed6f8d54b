"""Patches that stand still or move with a layer: how they are drawn and stored."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
import spec_decoder
import spr_files
from numpy.typing import NDArray

import spritecodec as sc
from spritecodec.formats.spr.chunks import pack_head, pack_pictures, pack_segment
from spritecodec.formats.spr.container import write_varint
from spritecodec.formats.spr.pictures import Palette
from spritecodec.formats.spr.streams import write_stream
from spritecodec.formats.spr.zstd import compress, decompress

Frames = NDArray[np.uint8]
N = 14
FAR = (1 << 30) - 1  # as far from 0 as a pan may be


def patched_scene(**changes: object) -> sc.Scene:
    """A still picture, a layer with nothing on it that rests and goes, and six patches."""
    scene = spr_files.scenes()[0]
    way = np.zeros((2, N, 2), np.int32)
    way[1, :, 0] = [0, 0, 0, 1, 1, 3, 3, -2, -2, -2, 5, 5, FAR, -FAR]
    way[1, :, 1] = [0, 0, 0, 0, 1, 1, 1, 1, 1, -3, -3, 0, 0, 0]
    sizes = np.array([[3, 2], [4, 3], [1, 1], [2, 2], [5, 1], [6, 6]], np.int32)  # width, height
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (int(sizes.prod(axis=1).sum()), 4), np.uint8)
    pixels[:, 3] = np.where(rng.random(len(pixels)) < 0.7, 255, 0)
    columns: dict[str, object] = {
        "start": np.array([0, 1, 1, 1, 4, 6], np.int32),
        "length": np.array([N, 11, 1, 5, 10, 3], np.int32),
        "layer": np.array([-1, 1, -1, 0, 1, 1], np.int32),
        "x": np.array([1, 2, 20, 12, 8, 15], np.int32),
        "y": np.array([1, 4, 2, 9, 12, 8], np.int32),
    }
    residual = sc.Residual(
        width=np.ascontiguousarray(sizes[:, 0]),
        height=np.ascontiguousarray(sizes[:, 1]),
        first=np.append(0, sizes.prod(axis=1).cumsum()).astype(np.int64),
        pixels=pixels,
        **(columns | changes),  # type: ignore[arg-type]
    )
    return dataclasses.replace(
        scene,
        pts=np.arange(N),
        backdrop=np.zeros((N, 3), np.uint8),
        layers=(
            sc.Layer(way[0], np.array([[0, 0, 0]], np.int32)),
            sc.Layer(way[1], np.zeros((0, 3), np.int32)),
        ),
        tracks=sc.Tracks.none(),
        residual=residual,
    )


def drawn_by_hand(scene: sc.Scene, t: int) -> Frames:
    """The frame without its residual, and then each pixel of each patch by itself."""
    frame = sc.Renderer(scene, residual=False).frame(t)
    r = scene.residual
    for i in range(len(r)):
        start, width = int(r.start[i]), int(r.width[i])
        if not start <= t < start + r.length[i]:
            continue
        left, top = int(r.x[i]), int(r.y[i])
        if r.layer[i] >= 0:
            pan = scene.layers[r.layer[i]].pan.tolist()
            left, top = left - pan[t][0] + pan[start][0], top - pan[t][1] + pan[start][1]
        for k, pixel in enumerate(r.pixels[r.first[i] : r.first[i + 1]]):
            x, y = left + k % width, top + k // width
            if pixel[3] and 0 <= x < scene.width and 0 <= y < scene.height:
                frame[y, x] = pixel[:3]
    return frame


def sections(scene: sc.Scene, palette: Palette) -> list[bytes]:
    """The compressed frames of the scene's segment; the residual's is the fourth."""
    payload = spec_decoder.Bytes(pack_segment(scene, palette))
    return [payload.take(payload.varint()) for _ in range(4)]


def residual_of(scene: sc.Scene) -> bytes:
    """What the residual's section holds."""
    return decompress(sections(scene, Palette())[3], 1 << 20)


def file_of(scene: sc.Scene, more: bytes = b"") -> bytes:
    """A file of the scene, with more bytes at the end of its residual."""
    palette = Palette()
    parts = [
        ("HEAD", pack_head(spr_files.head(frames=len(scene))), 0),
        ("DICT", pack_pictures(scene.sprites, palette), 0),
        ("TEXT", pack_pictures(scene.textures, palette), 0),
    ]
    frames = sections(scene, palette)
    frames[3] = compress([decompress(frames[3], 1 << 20), more])
    payload = b"".join(write_varint(len(frame)) + frame for frame in frames)
    return spr_files.join([*parts, ("SEGM", payload, len(scene))])


def test_patches_move_with_their_layer_in_any_order() -> None:
    scene = patched_scene()
    expected = np.stack([drawn_by_hand(scene, t) for t in range(N)])
    assert (expected[4] != expected[5]).any()
    in_order, at_random = sc.Renderer(scene), sc.Renderer(scene)
    for t in range(N):
        np.testing.assert_array_equal(in_order.frame(t), expected[t])
    for t in np.random.default_rng(0).permutation(N).tolist():
        np.testing.assert_array_equal(at_random.frame(t), expected[t])


def test_they_survive_the_file_and_another_decoder_draws_the_same() -> None:
    scene = patched_scene()
    data = file_of(scene)
    read = sc.open(io.BytesIO(data)).scene(0).residual
    for column in dataclasses.fields(sc.Residual):
        if column.name != "pixels":  # clear ones are stored without their colours
            wanted = getattr(scene.residual, column.name)
            got = getattr(read, column.name)
            assert got.dtype == wanted.dtype
            np.testing.assert_array_equal(got, wanted)
    expected = np.stack(list(sc.Renderer(scene).frames()))
    np.testing.assert_array_equal(sc.open(io.BytesIO(data))[:], expected)
    np.testing.assert_array_equal(np.array(spec_decoder.decode(data).frames), expected)


def test_layers_take_no_bytes_where_all_patches_stand_still() -> None:
    still = patched_scene(layer=np.full(6, -1, np.int32))
    moving, without = (residual_of(scene) for scene in (patched_scene(), still))
    assert moving.startswith(without)
    # Plain, 5 numbers of a byte each, zigzag: of all patches but that of a single frame.
    assert moving[len(without) :] == bytes([0, 5, 1, 0, 4, 2, 4, 4])
    read = sc.open(io.BytesIO(file_of(still))).scene(0).residual
    assert read.layer.tolist() == [-1] * 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer": [-1, 2, -1, 0, 1, 1]}, "a residual patch moves with a layer that does not"),
        ({"layer": [-2, 1, -1, 0, 1, 1]}, "a residual patch moves with a layer that does not"),
        ({"x": [1, 22, 20, 12, 8, 15]}, "a residual patch lies outside the segment"),
        ({"length": [N, N, 1, 5, 10, 3]}, "a residual patch lies outside the segment"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, list[int]], message: str) -> None:
    arrays = {name: np.array(values, np.int32) for name, values in changes.items()}
    data = file_of(patched_scene(**arrays))
    with pytest.raises(sc.FormatError, match=f"^{message}"):
        sc.open(io.BytesIO(data)).frame(0)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([0, 2, 1, 2], "4 values of residual layers instead of 5"),
        ([0, 2, 1, 2, 2, 0], "6 values where at most 5 are allowed"),
        ([0, 0, 0, 0, 0], "the residual's layers are stored though no patch moves"),
    ],
)
def test_layers_that_do_not_fit_the_patches_are_refused(layers: list[int], message: str) -> None:
    still = patched_scene(layer=np.full(6, -1, np.int32))
    data = file_of(still, write_stream(layers))
    with pytest.raises(sc.FormatError, match=f"^{message}"):
        sc.open(io.BytesIO(data)).frame(0)
