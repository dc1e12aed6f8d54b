"""Label maps: which sprite, track or layer shows at each pixel."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import spr_files
from numpy.typing import NDArray
from PIL import Image

import spritecodec as sc
from benchmarks.clips.drawn import true_scene
from benchmarks.clips.truth import label_frame
from spritecodec import cli
from spritecodec.formats.spr.chunks import pack_head, pack_pictures, pack_segment
from spritecodec.formats.spr.pictures import Palette


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "small.spr"
    path.write_bytes(spr_files.small_file())
    return path


@pytest.mark.parametrize("name", ["sprite-game-small", "platformer-small"])
def test_labels_are_those_that_the_drawn_clips_promise(name: str) -> None:
    scene = true_scene(name)
    labels = sc.labels(scene, stop=40)
    assert labels.dtype == np.int32
    for t in range(40):
        np.testing.assert_array_equal(labels[t], label_frame(scene, t) + 1)


def test_numbers_go_on_through_all_segments_of_a_file(source: Path) -> None:
    one, two = spr_files.scenes()
    labels = sc.labels(source)
    np.testing.assert_array_equal(labels[:7], sc.labels(one))
    np.testing.assert_array_equal(labels[7:], sc.labels(two))
    tracks = sc.labels(source, "track")
    later = sc.labels(two, "track")
    np.testing.assert_array_equal(tracks[:7], sc.labels(one, "track"))
    np.testing.assert_array_equal(tracks[7:], np.where(later > 0, later + len(one.tracks), 0))
    assert later.max() == 3
    np.testing.assert_array_equal(sc.labels(source, start=5, stop=9), labels[5:9])
    with sc.open(source) as reader:
        np.testing.assert_array_equal(sc.labels(reader, stop=-4), labels[:-4])


def test_tracks_and_layers_cover_what_sprites_cover() -> None:
    for scene in spr_files.scenes():
        sprites, tracks, layers = (sc.labels(scene, by) for by in ("sprite", "track", "layer"))
        for number in range(1, 4):
            assert (tracks == number).any()
            assert set(layers[tracks == number]) == {1 + int(scene.tracks.layer[number - 1])}
            assert set(sprites[tracks == number]) <= {
                1 + int(s)
                for s in scene.tracks.sprite[
                    scene.tracks.first[number - 1] : scene.tracks.first[number]
                ]
            }
        np.testing.assert_array_equal(sprites > 0, tracks > 0)
        np.testing.assert_array_equal(sprites > 0, layers > 0)


def rooms() -> tuple[sc.Scene, NDArray[np.int64]]:
    """A panning view on a map of three 16x16 tiles on plain ground, and the map."""
    rng = np.random.default_rng(1)
    ground = (90, 140, 250, 255)
    tiles = np.full((4, 16, 16, 4), 255, np.uint8)
    tiles[1:, ..., :3] = rng.integers(0, 250, (3, 16, 16, 3))
    tiles[0] = ground
    tiles[2, :6] = ground  # only its lower part stands out
    chosen = rng.integers(0, 4, (5, 12)) * (rng.random((5, 12)) < 0.6)
    texture = tiles[chosen].swapaxes(1, 2).reshape(80, 192, 4)[5:75, 3:].copy()
    pan = np.column_stack([np.arange(6) * 9, np.zeros(6)]).astype(np.int32)
    scene = sc.Scene(
        width=60,
        height=48,
        pts=np.arange(6),
        time_base=Fraction(1, 60),
        backdrop=np.zeros((6, 3), np.uint8),
        sprites=(),
        textures=(texture,),
        layers=(sc.Layer(pan, np.zeros((1, 3), np.int32)),),
        tracks=sc.Tracks.none(),
        residual=sc.Residual.none(),
    )
    which = np.repeat(np.repeat(chosen, 16, 0), 16, 1)[5:75, 3:]
    which[(texture == ground).all(-1)] = 0
    return scene, which


def test_tiles_of_a_background_are_found_at_their_size_and_phase() -> None:
    scene, which = rooms()
    assert not sc.labels(scene).any()
    with sc.Labels(scene, tiles=True) as labels:
        for t in range(6):
            truth = which[:48, 9 * t : 9 * t + 60]
            ours = labels.frame(t)
            np.testing.assert_array_equal(ours > 0, truth > 0)
            # One label never stands for two tiles; those cut by the edge have their own.
            for n in np.unique(ours[ours > 0]):
                assert len(np.unique(truth[ours == n])) == 1
            inner = np.s_[16:40, 16:50]
            assert len(np.unique(ours[inner])) == len(np.unique(truth[inner]))
        assert {thing.facts["side"] for thing in labels.things} == {16}
    instances = sc.labels(scene, "track", tiles=True)
    np.testing.assert_array_equal(instances > 0, sc.labels(scene, "layer", tiles=True) == 1)
    assert len(np.unique(instances)) > len(np.unique(sc.labels(scene, tiles=True)))


def test_a_scene_without_anything_has_no_labels() -> None:
    scene = dataclasses.replace(rooms()[0], layers=(), textures=())
    assert sc.labels(scene, tiles=True).shape == (6, 48, 60)
    assert not sc.labels(scene, tiles=True).any()
    with pytest.raises(sc.SettingsError, match="sprite, track or layer"):
        sc.labels(scene, "colour")  # type: ignore[arg-type]
    with pytest.raises(IndexError):
        sc.Labels(scene).frame(6)


def test_the_command_writes_maps_and_a_legend(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "labels"
    assert cli.run(["segment", str(source), str(folder), "--start", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    legend = json.loads((folder / "legend.json").read_text())
    assert said == legend
    wanted = sc.labels(source, start=2)
    pictures = sorted(folder.glob("*.png"))
    assert len(pictures) == 10
    for path, labels in zip(pictures, wanted, strict=True):
        with Image.open(path) as picture:
            assert picture.mode == "P"
            np.testing.assert_array_equal(np.asarray(picture), labels)
    assert [row["pixels"] for row in legend["labels"]] == [
        int((wanted == n).sum()) for n in range(1, 5)
    ]
    assert cli.run(["segment", str(source), str(folder)]) == 4
    assert "not empty" in capsys.readouterr().err
    assert cli.run(["segment", str(source), str(folder), "--overwrite", "--stop", "3"]) == 0
    assert "3 frames" in capsys.readouterr().out
    assert len(list(folder.glob("*.png"))) == 3


def test_many_labels_take_16_bits(tmp_path: Path) -> None:
    one = spr_files.scenes()[0]
    palette = Palette()
    parts = [
        ("HEAD", pack_head(spr_files.head(frames=len(one))), 0),
        ("DICT", pack_pictures(one.sprites * 150, palette), 0),
        ("TEXT", pack_pictures(one.textures, palette), 0),
        ("SEGM", pack_segment(one, palette), len(one)),
    ]
    path, folder = tmp_path / "many.spr", tmp_path / "labels"
    path.write_bytes(spr_files.join(parts))
    assert cli.run(["segment", str(path), str(folder)]) == 0
    with Image.open(folder / "000003.png") as picture:
        assert picture.mode.startswith("I")
        np.testing.assert_array_equal(np.asarray(picture), sc.labels(one)[3])


def test_what_the_command_refuses(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = str(tmp_path / "labels")
    assert cli.run(["segment", str(source), target, "--start", "12"]) == 2
    assert "is empty" in capsys.readouterr().err
    assert cli.run(["segment", str(source), str(source)]) == 4
    assert cli.run(["segment", str(tmp_path / "none.spr"), target]) == 3
    assert not Path(target).exists()


def test_the_old_name_says_the_new_one(source: Path) -> None:
    with pytest.warns(DeprecationWarning, match=r"spritecodec\.labels"):
        old = sc.segment(source, "track", start=2)
    np.testing.assert_array_equal(old, sc.labels(source, "track", start=2))
