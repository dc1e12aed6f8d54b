"""Flashes, fades and palette cycling are stored as changes of colours, not as new sprites."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import spec_decoder
import spr_files
from numpy.typing import NDArray

import spritecodec as sc
from spritecodec.formats.spr.chunks import pack_head, pack_pictures, pack_segment
from spritecodec.formats.spr.pictures import Palette

Frames = NDArray[np.uint8]
HEIGHT, WIDTH, COUNT = 64, 96, 80
# Of the game's entries: sky, three of the ground, water, foam, two of the hero.
ENTRIES = np.array(
    [
        (90, 140, 250), (120, 70, 20), (200, 120, 60), (240, 200, 150),
        (20, 40, 160), (90, 110, 230), (220, 30, 40), (250, 220, 190),
    ],
    np.uint8,
)  # fmt: skip


def game(count: int = COUNT, scroll: int = 0) -> NDArray[np.uint8]:
    """A hero walks in front of tiles and a pond, as numbers of entries, shape (n, h, w)."""
    rng = np.random.default_rng(4)
    tiles = rng.integers(1, 4, (3, 8, 8))
    level = np.zeros((HEIGHT, WIDTH + scroll * count), np.uint8)
    for x in range(0, level.shape[1] - 7, 8):
        for y in range(40, HEIGHT, 8):
            level[y : y + 8, x : x + 8] = tiles[rng.integers(0, 3)]
        if rng.random() < 0.3:
            level[24:32, x : x + 8] = tiles[rng.integers(0, 3)]
    level[44:60, 30:66] = rng.integers(4, 6, (16, 36))
    hero = rng.integers(6, 8, (12, 8))
    hero[0, :2] = hero[-1, 3:5] = hero[5, 0] = 0
    out = np.empty((count, HEIGHT, WIDTH), np.uint8)
    for t in range(count):
        out[t] = level[:, scroll * t : scroll * t + WIDTH]
        x, y = (5 + t) % (WIDTH - 8), 28 - abs(t % 16 - 8)
        part = out[t, y : y + 12, x : x + 8]
        part[hero > 0] = hero[hero > 0]
    return out


def plain(count: int = COUNT) -> NDArray[np.uint8]:
    """The entries' colours in each frame, shape (n, entries, 3), the same in all."""
    return np.tile(ENTRIES, (count, 1, 1))


def fade(count: int = COUNT) -> NDArray[np.uint8]:
    """To black and back, in steps of two frames; wholly black for eight."""
    light = np.concatenate([np.arange(7, 0, -1), np.zeros(4), np.arange(1, 8)]).repeat(2)
    level = np.full(count, 8.0)
    level[20 : 20 + len(light)] = light
    return (plain(count) * level[:, None, None] / 8).astype(np.uint8)


def flash(count: int = COUNT) -> NDArray[np.uint8]:
    """Wholly white for two frames, three times, and once negative."""
    colours = plain(count)
    for t in (15, 40, 44):
        colours[t : t + 2] = 255
    colours[60:62] = 255 - colours[60:62]
    return colours


def cycle(count: int = COUNT) -> NDArray[np.uint8]:
    """Water and foam change among four colours."""
    wheel = np.array([(20, 40, 160), (60, 80, 200), (90, 110, 230), (130, 170, 250)], np.uint8)
    colours = plain(count)
    for t in range(count):
        colours[t, 4], colours[t, 5] = wheel[t // 4 % 4], wheel[(t // 4 + 2) % 4]
    return colours


def shown(entries: NDArray[np.uint8], colours: NDArray[np.uint8]) -> Frames:
    """Frames as a console shows them."""
    return np.stack([c[e] for e, c in zip(entries, colours, strict=True)])


def encoded(frames: Frames, path: Path) -> sc.EncodeReport:
    """Encode without loss, and check that the file gives back the frames."""
    report = sc.encode(frames, path, preset="fast", quality="lossless")
    with sc.open(path) as reader:
        np.testing.assert_array_equal(reader[:], frames)
    return report


@pytest.mark.parametrize(
    ("colours", "scroll", "bytes_more"),
    [(fade, 0, 350), (fade, 1, 400), (flash, 0, 200), (flash, 1, 200), (cycle, 1, 190)],
)
def test_a_change_of_colours_costs_little(
    tmp_path: Path, colours: Callable[[], Frames], scroll: int, bytes_more: int
) -> None:
    # Without recolouring, these fades cost 2,473 and 6,529 bytes more, the flashes 611
    # and 618, the cycling 248.
    entries = game(scroll=scroll)
    without = encoded(shown(entries, plain()), tmp_path / "plain.spr")
    report = encoded(shown(entries, colours()), tmp_path / "a.spr")
    assert without.breakdown["recolouring"] == 0
    assert report.breakdown["recolouring"] > 0
    assert report.size < without.size + bytes_more


def test_motion_is_no_change_of_colours(tmp_path: Path) -> None:
    # A big thing comes and goes over a ground of two colours, and over scrolling stripes.
    frames = np.zeros((40, 48, 64, 3), np.uint8)
    frames[:, ::2, :, 0] = 200
    for t in range(40):
        frames[t, 8:40, t : t + 24] = (10, 250, 90)
    frames[30:, 8:40] = 0
    stripes = np.tile(ENTRIES[:4].repeat(4, axis=0), (20, 1))[:, None].repeat(64, axis=1)
    scrolling = np.stack([stripes[4 * t : 4 * t + 48] for t in range(40)])
    for name, clip in (("thing", frames), ("stripes", scrolling)):
        report = encoded(clip, tmp_path / f"{name}.spr")
        assert report.breakdown["recolouring"] == 0


def recoloured_scene() -> sc.Scene:
    """A dot walks over a background that is recoloured now and then; with a residual."""
    scene = spr_files.scenes()[1]
    n = 24
    pan = np.zeros((n, 2), np.int32)
    source = np.unique(scene.textures[0][..., :3].reshape(-1, 3), axis=0)
    return dataclasses.replace(
        scene,
        pts=np.arange(n),
        backdrop=np.zeros((n, 3), np.uint8),
        layers=(sc.Layer(pan, np.array([[0, 0, 0]], np.int32)),),
        tracks=sc.Tracks(
            layer=np.zeros(1, np.int32),
            z=np.zeros(1, np.int32),
            start=np.zeros(1, np.int32),
            first=np.array([0, n]),
            sprite=np.full(n, 2, np.int32),
            x=np.arange(n, dtype=np.int32),
            y=np.full(n, 5, np.int32),
            flip=np.zeros(n, np.uint8),
        ),
        residual=dataclasses.replace(
            scene.residual,
            start=np.array([3, 8], np.int32),
            length=np.array([14, 9], np.int32),
        ),
        recolouring=sc.Recolouring(
            start=np.array([5, 9, 16], np.int32),
            length=np.array([4, 2, 8], np.int32),
            table=np.array([0, 1, 0], np.int32),
            source=source,
            target=np.stack([source[::-1], source // 2]),
        ),
    )


def drawn_by_hand(scene: sc.Scene, t: int) -> Frames:
    """A frame with recolouring and residual applied here, pixel by pixel."""
    bare = dataclasses.replace(scene, recolouring=sc.Recolouring.none())
    frame = sc.Renderer(bare, residual=False).frame(t)
    r = scene.recolouring
    table = r.tables(len(scene))[t]
    if table >= 0:
        plain_frame = frame.copy()
        for old, new in zip(r.source, r.target[table], strict=True):
            frame[(plain_frame == old).all(axis=-1)] = new
    patches = scene.residual
    for i in range(len(patches)):
        if patches.start[i] <= t < patches.start[i] + patches.length[i]:
            x, y, width = patches.x[i], patches.y[i], patches.width[i]
            pixels = patches.pixels[patches.first[i] : patches.first[i + 1]]
            picture = pixels.reshape(-1, width, 4)
            area = frame[y : y + len(picture), x : x + width]
            area[picture[..., 3] > 0] = picture[picture[..., 3] > 0, :3]
    return frame


def test_frames_are_recoloured_under_the_residual_in_any_order() -> None:
    scene = recoloured_scene()
    expected = np.stack([drawn_by_hand(scene, t) for t in range(len(scene))])
    in_order = sc.Renderer(scene)
    for t in range(len(scene)):
        np.testing.assert_array_equal(in_order.frame(t), expected[t])
    at_random = sc.Renderer(scene)
    for t in np.random.default_rng(0).permutation(len(scene)).tolist():
        np.testing.assert_array_equal(at_random.frame(t), expected[t])


def file_of(scene: sc.Scene) -> bytes:
    palette = Palette()
    head = spr_files.head(frames=len(scene), time_base=Fraction(1, 60))
    return spr_files.join(
        [
            ("HEAD", pack_head(head), 0),
            ("DICT", pack_pictures(scene.sprites, palette), 0),
            ("TEXT", pack_pictures(scene.textures, palette), 0),
            ("SEGM", pack_segment(scene, palette), len(scene)),
        ]
    )


def test_the_file_keeps_recolouring() -> None:
    scene = recoloured_scene()
    data = file_of(scene)
    read = sc.open(io.BytesIO(data)).scene(0).recolouring
    for name in ("start", "length", "table", "source", "target"):
        np.testing.assert_array_equal(getattr(read, name), getattr(scene.recolouring, name))
    np.testing.assert_array_equal(
        np.array(spec_decoder.decode(data).frames), np.stack(list(sc.Renderer(scene).frames()))
    )


def test_labels_are_not_recoloured() -> None:
    scene = recoloured_scene()
    plain_scene = dataclasses.replace(scene, recolouring=sc.Recolouring.none())
    np.testing.assert_array_equal(sc.labels(scene), sc.labels(plain_scene))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start": [5, 9, 17]}, "a run of the recolouring lies outside the segment"),
        ({"start": [5, 8, 16]}, "a run of the recolouring lies outside the segment"),
        ({"length": [4, 0, 8]}, "a run of the recolouring lies outside the segment"),
        ({"table": [0, 2, 0]}, "the recolouring has no such table"),
        ({"table": [0, -1, 0]}, "the recolouring has no such table"),
        ({"table": [0, 1]}, "the runs of the recolouring are damaged"),
        ({"source": "the same"}, "the recolouring replaces a colour twice"),
        ({"source": "none"}, "a table of the recolouring is cut short"),
    ],
)
def test_damaged_recolouring_is_refused(changes: dict[str, object], message: str) -> None:
    scene = recoloured_scene()
    old = scene.recolouring
    for name, value in changes.items():
        if value == "the same":
            new = dataclasses.replace(old, source=old.source[[0, 0, *range(2, len(old.source))]])
        elif value == "none":
            new = dataclasses.replace(old, source=old.source[:0], target=old.target[:, :0])
        else:
            new = dataclasses.replace(old, **{name: np.array(value, np.int32)})
    data = file_of(dataclasses.replace(scene, recolouring=new))
    with pytest.raises(sc.FormatError, match=f"^{message}"):
        sc.open(io.BytesIO(data)).frame(0)
