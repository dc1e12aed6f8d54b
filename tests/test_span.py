"""Parts of clips: by seconds, minutes or frames, everywhere alike."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from test_sound import RATE, pcm, samples_of, tone
from video_makers import few_colours, make_video

import spritecodec as sc
from spritecodec import cli
from spritecodec.clip import ArrayClip
from spritecodec.formats.video.video_in import open_clip
from spritecodec.span import Span, parse_moment
from spritecodec.trimmed import trim


@pytest.mark.parametrize(
    ("words", "moment"),
    [
        ("1.5", Fraction(3, 2)),
        (".5", Fraction(1, 2)),
        ("0:01.5", Fraction(3, 2)),
        ("1:02:03", Fraction(3723)),
        ("90f", 90),
        (90, 90),
        (-3, -3),
    ],
)
def test_moments(words: int | str, moment: int | Fraction) -> None:
    assert parse_moment(words) == moment
    assert type(parse_moment(words)) is type(moment)


@pytest.mark.parametrize("words", ["", "x", "1.5f", "1:2:3:4", "-1", "1e3", "90 f", True, 1.5])
def test_what_is_no_moment(words: object) -> None:
    with pytest.raises(sc.SettingsError, match="is no moment"):
        Span(words)  # type: ignore[arg-type]


def test_times_that_a_container_rounded_meet_their_frames() -> None:
    pts = [round(Fraction(1000 * t, 60)) for t in range(120)]  # milliseconds
    for t in range(119):
        moment = f"{t / 60:.4f}"
        assert Span(moment).frames(pts, Fraction(1, 1000)) == (t, 120)
        assert Span(0, f"{(t + 1) / 60:.4f}").frames(pts, Fraction(1, 1000)) == (0, t + 1)


def test_times_count_from_the_first_frame() -> None:
    pts = [500 + 10 * t for t in range(50)]
    assert Span("1", "0:02").frames(pts, Fraction(1, 100)) == (10, 20)
    assert Span(-5, None).frames(pts, Fraction(1, 100)) == (45, 50)
    with pytest.raises(sc.SettingsError, match="from 9 to the end is empty"):
        Span("9").frames(pts, Fraction(1, 100))


def test_no_more_is_read_than_needed() -> None:
    asked = iter(range(1000))
    assert Span("1", "2").frames(Span("1", "2").times(asked, Fraction(1, 10)), Fraction(1, 10))
    assert next(asked) < 30


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return make_video(tmp_path / "in.mkv", few_colours(50, 16, 24))  # 25 frames a second


def test_a_part_of_a_video_is_a_clip(video: Path) -> None:
    whole = np.concatenate([p.frames for p in open_clip(video).pieces()])
    clip = trim(open_clip(video), Span("0.4", "30f"))
    pieces = list(clip.pieces(7))
    np.testing.assert_array_equal(np.concatenate([p.frames for p in pieces]), whole[10:30])
    assert [int(t) for p in pieces for t in p.pts] == [40 * t for t in range(20)]
    assert clip.frame_count == 20
    again = trim(clip, Span(5, 9))
    np.testing.assert_array_equal(next(again.pieces()).frames, whole[15:19])


def test_encode_takes_a_part_with_its_sound(tmp_path: Path) -> None:
    frames = few_colours(30, 16, 16)
    clip = ArrayClip(frames, Fraction(30), audio=(pcm(tone()),))
    report = sc.encode(clip, tmp_path / "part.spr", preset="fast", start="0.5", stop="24f")
    assert report.frames == 9
    with sc.open(tmp_path / "part.spr") as reader:
        np.testing.assert_array_equal(reader[:], frames[15:24])
        assert reader.pts.tolist() == list(range(9))
    sc.decode(tmp_path / "part.spr", tmp_path / "part.wav")
    _, samples = samples_of(tmp_path / "part.wav")
    np.testing.assert_array_equal(samples, tone()[RATE // 2 : RATE * 24 // 30])


def test_the_commands_take_parts(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str | Path) -> int:
        return cli.run([str(w) for w in words])

    spr, part = tmp_path / "in.spr", ["--from", "0:00.4", "--to", "0:00.6"]
    assert run("encode", video, spr, "--preset", "fast") == 0
    assert run("decode", spr, tmp_path / "frames", *part) == 0
    names = [f"{t:06}.png" for t in range(10, 15)]
    assert sorted(p.name for p in (tmp_path / "frames").iterdir()) == names
    assert run("labels", spr, tmp_path / "labels", *part) == 0
    assert sorted(p.name for p in (tmp_path / "labels").iterdir()) == [*names, "legend.json"]
    capsys.readouterr()
    assert run("compare", video, spr, *part) == 0
    assert "all 5 frames are identical" in capsys.readouterr().out
    assert run("encode", video, tmp_path / "part.spr", "--preset", "fast", *part) == 0
    assert run("compare", video, spr, "--from", "3") == 2
    assert "from 3 to the end is empty" in capsys.readouterr().err
    assert run("decode", spr, tmp_path / "x.mkv", "--from", "1", "--start", "3") == 2
    assert "given twice" in capsys.readouterr().err
    with sc.open(tmp_path / "part.spr") as some, sc.open(spr) as all_of_it:
        np.testing.assert_array_equal(some[:], all_of_it[10:15])
