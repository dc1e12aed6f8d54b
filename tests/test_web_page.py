"""`spritecodec page` and `spritecodec play`: one page that holds a file, in a real browser."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import craft
import numpy as np
import pytest
import spr_files
import test_hostile
import test_web_decoder
from browser import Browser, Page
from craft import head, plain

import spritecodec as sc
from benchmarks.clips.sprite_game import sprite_game_scene
from spritecodec.cli import run
from spritecodec.scene import Scene
from spritecodec.web.page import page_html


@pytest.fixture(scope="module")
def scene() -> Scene:
    return sprite_game_scene(120)


@pytest.fixture(scope="module")
def game(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("game") / "a game.spr"
    file.write_bytes(spr_files.file_of(scene))
    return file


@pytest.fixture
def show(chromium: Browser, tmp_path: Path) -> Any:
    """Opens the page of a file's bytes, from the disk."""

    @contextmanager
    def opened(data: bytes, name: str = "a game.spr") -> Iterator[Page]:
        file = tmp_path / "page.html"
        file.write_text(page_html(data, name), encoding="utf-8")
        with chromium.page(file.as_uri(), 1280, 900) as page:
            yield page
            assert page.complaints() == []

    return opened


SIZES = ((200, 900), (120, 1300))  # of backgrounds, rows first
READY = "document.getElementById('bytes').rows.length > 1 && sprites.children.length > 0"


def text(page: Page, name: str) -> str:
    return str(page.evaluate(f"document.getElementById({name!r}).innerText"))


def test_the_command_writes_one_file_that_asks_for_nothing(
    game: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.html"
    assert run(["page", str(game), "-o", str(target)]) == 0
    page = target.read_text(encoding="utf-8")
    assert f"{target}: {target.stat().st_size:,} bytes" in capsys.readouterr().out
    assert "<h1>a game.spr</h1>" in page
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!data:)", page)
    assert not re.findall(r"https?://", page)
    assert "default-src 'none'" in page
    assert not re.findall(r"/\* \w+ \*/", page)  # every mark was replaced
    assert len(page) < 75_000 + 4 * game.stat().st_size / 3
    assert run(["page", str(game), "-o", str(target)]) == 4  # it is there already
    assert run(["page", str(game), "-o", str(target), "--overwrite"]) == 0
    assert run(["page", str(game)]) == 0
    assert game.with_suffix(".html").read_text(encoding="utf-8") == page


def test_wrong_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.spr"
    broken.write_bytes(b"nonsense")
    assert run(["page", str(broken)]) == 7
    assert run(["play", str(broken)]) == 7
    assert run(["page", str(tmp_path / "none.spr")]) == 3
    assert run(["page", str(broken), "-o", str(broken), "--overwrite"]) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["broken.spr"]
    assert "Traceback" not in capsys.readouterr().err


def test_the_page_says_what_the_file_is(show: Any, scene: Scene, game: Path) -> None:
    data = game.read_bytes()
    with show(data) as page:
        page.until(READY)
        facts = text(page, "facts")
        size = f"{len(data):,} bytes"
        for part in ("160\u00d7160", "120 frames", "4.0 s at 30 fps", size, "exact"):
            assert part in facts
        assert page.evaluate("document.title") == "a game.spr"
        rows = page.evaluate("[...bytes.rows].map((r) => [...r.cells].map((c) => c.innerText))")
        sizes = {name.strip(): int(size.replace(",", "")) for name, size, _ in rows}
        with sc.open(game) as reader:
            wanted = {name: size for name, size in reader.breakdown().items() if size}
        assert sizes.pop("file") == len(data) == sum(sizes.values())
        assert sizes == wanted
        assert page.evaluate("sprites.children.length") == len(scene.sprites)
        assert f"{len(scene.sprites)} sprites" in text(page, "sprites-lead")
        # A sprite leads to the first frame that shows it.
        number = int(page.evaluate("sprites.lastElementChild.dataset.sprite"))
        page.evaluate("sprites.lastElementChild.click()")
        tracks = scene.tracks
        frame = np.concatenate(
            [np.arange(n) + s for s, n in zip(tracks.start, np.diff(tracks.first), strict=True)]
        )
        first = int(frame[tracks.sprite == number].min())
        page.until(f"video.frame === {first} && !video.seeking")


def test_keys_move_and_show(show: Any, game: Path) -> None:
    with show(game.read_bytes()) as page:
        page.until(READY)
        for keys, frame in [
            (["ArrowRight"] * 3, 3),
            (["ArrowLeft"], 2),
            (["5"], 60),
            (["End"], 119),
            (["Home"], 0),
        ]:
            for key in keys:
                page.press(key)
            page.until(f"video.frame === {frame} && !video.seeking")
            page.until(f"document.getElementById('where').innerText.startsWith('{frame} of 119')")
        page.press("ArrowRight", modifiers=8)
        page.until("video.frame === 30 && !video.seeking")
        blank = "new Set(overlay.getContext('2d').getImageData(0, 0, overlay.width,"
        blank += " overlay.height).data).size === 1"
        assert page.evaluate(blank)
        page.press("t")
        page.until(f"tracks.checked && !({blank})")
        page.press("t")
        page.until(f"!tracks.checked && {blank}")
        page.press(" ", "Space")
        page.until("!video.paused && play.innerText !== '▶' && video.frame > 32")
        page.press(" ", "Space")
        page.until("video.paused && play.innerText === '▶'")
        page.press("]")
        assert page.evaluate("video.playbackRate") == 2
        page.press("?")
        assert page.evaluate("keys.open") is True
        page.press("Escape")
        page.until("!keys.open")


def test_it_is_dark_or_light(show: Any, game: Path) -> None:
    with show(game.read_bytes()) as page:
        page.media(prefers_color_scheme="dark")
        page.until("document.documentElement.classList.contains('dark')")
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.press("d")
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert dark != light
        page.media(prefers_color_scheme="light")
        page.until("!document.documentElement.classList.contains('dark')")


def test_pointing_at_a_pixel_says_what_it_belongs_to(show: Any, scene: Scene, game: Path) -> None:
    tracks, t = scene.tracks, 10
    alive = (tracks.start <= t) & (tracks.start + np.diff(tracks.first) > t)
    track = max(
        np.flatnonzero(alive),
        key=lambda i: (tracks.layer[i], tracks.z[i], i),  # nothing lies in front of it
    )
    place = int(tracks.first[track] + t - tracks.start[track])
    sprite = int(tracks.sprite[place])
    pan = scene.layers[tracks.layer[track]].pan[t]
    picture = scene.sprites[sprite]
    if tracks.flip[place] & 1:
        picture = picture[:, ::-1]
    row, column = np.argwhere(picture[..., 3] == 255)[len(picture)]
    x, y = int(tracks.x[place] - pan[0] + column), int(tracks.y[place] - pan[1] + row)
    with show(game.read_bytes()) as page:
        page.until(READY)
        page.evaluate(f"video.frame = {t}; null")
        page.until(f"video.frame === {t} && !video.seeking")
        at = page.evaluate(
            """(x, y) => {
              const b = video.shadowRoot.querySelector("canvas").getBoundingClientRect();
              return [b.left + (x + 0.5) * b.width / 160, b.top + (y + 0.5) * b.height / 160];
            }""",
            x,
            y,
        )
        page.mouse("mouseMoved", *at)
        wanted = f"sprite {sprite} · track {track} · layer {tracks.layer[track]}"
        page.until(f"what.innerText.includes({wanted!r})")
        assert f"pixel ({x}, {y})" in text(page, "what")
        assert page.evaluate("[thumb.hidden, thumb.width]") == [False, picture.shape[1]]
        page.mouse("mouseMoved", 5, 5)
        page.until("what.innerText.startsWith('Point at')")


def test_the_map_shows_the_world_wherever_it_is_scrolled(show: Any, scene: Scene) -> None:
    rng = np.random.default_rng(1)
    colours = np.array([[9, 9, 9, 255], [90, 80, 70, 255]], np.uint8)
    textures = tuple(colours[rng.integers(0, 2, size)] for size in SIZES)
    layers = [replace(layer, textures=np.zeros((0, 3), np.int32)) for layer in scene.layers]
    layers[0] = replace(layers[0], textures=np.array([[0, -40, 5], [1, 800, 30]], np.int32))
    scene = replace(scene, textures=textures, layers=tuple(layers))
    with show(spr_files.file_of(scene)) as page:
        page.until(READY)
        page.evaluate("follow.click(); zoom.value = '2'; zoom.dispatchEvent(new Event('change'))")
        layer = int(page.evaluate("layer.value"))
        placed = scene.layers[layer].textures
        left, top = placed[:, 1].min(), placed[:, 2].min()
        page.evaluate("world.scrollLeft = 37; world.scrollTop = 20; null")
        page.until("world.scrollLeft === 37")
        page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 30)))")
        found = page.evaluate("Array.from(map.getContext('2d').getImageData(9, 13, 1, 1).data)")
        across = (37 // 2) + (9 // 2) + left
        down = int(page.evaluate("Math.floor(world.scrollTop / 2)")) + (13 // 2) + top
        wanted = np.zeros(4, np.uint8)
        for number, x, y in placed:
            picture = scene.textures[number]
            if 0 <= down - y < picture.shape[0] and 0 <= across - x < picture.shape[1]:
                colour = picture[down - y, across - x]
                wanted = colour if colour[3] else wanted
        assert found == wanted.tolist()


def test_odd_files_are_shown(show: Any) -> None:
    nothing = craft.file(head(), craft.segment())
    enlarged = next(
        data
        for data in map(test_web_decoder.enlarged, range(99))
        if test_web_decoder.expect(data)["sound"]
    )
    for data in (nothing, enlarged, spr_files.small_file(with_audio=True)):
        with show(data) as page:
            page.until("document.getElementById('bytes').rows.length > 1")
            assert page.evaluate("error.hidden") is True
            page.press("b")
            page.press("t")
            page.evaluate("video.play().then(() => null)")


def test_a_file_that_was_cut_short_shows_what_is_left(show: Any) -> None:
    with show(spr_files.small_file()[:-40]) as page:
        page.until(READY)
        assert "cut short" in text(page, "facts")


@pytest.mark.parametrize(
    "name",
    [
        "<script>document.title = 1</script>.spr",
        '"><img src=x onerror="document.title = 1">',
        "</title><script>document.title = 1</script>",
        "/* boot */ /* player */ & $& \\1 <b>é</b>",
    ],
)
def test_a_name_is_only_a_name(show: Any, name: str) -> None:
    with show(spr_files.small_file(), name) as page:
        page.until(READY)
        assert page.evaluate("document.title") == name
        assert page.evaluate("document.querySelector('h1').textContent") == name
        assert page.evaluate("document.scripts.length") == 4


def test_what_a_file_says_is_only_text(show: Any) -> None:
    evil = "<img src=x onerror='document.title = 1'><script>document.title = 1</script>"
    parts = [head(writer=evil), craft.segment(), ("meta", evil.encode(), 0)]
    with show(craft.file(*parts)) as page:
        page.until("document.getElementById('facts').innerText !== ''")
        assert evil in text(page, "facts")
        assert page.evaluate("[document.title, document.images.length]") == ["a game.spr", 0]


HOSTILE = {
    **{name: craft.file(*parts) for name, (_, parts) in test_hostile.BOMBS.items()},
    "a wrong track": craft.file(*test_hostile.track(more=plain(9))),
    "an index out of the file": spr_files.small_file()[:-4] + b"\xff\xff\xff\xff",
    "markup": b"</script><script>document.title = 1</script>",
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_sentence(show: Any, name: str) -> None:
    began = time.monotonic()
    with show(HOSTILE[name]) as page:
        if name == "an index out of the file":  # it counts as cut short
            page.until(READY)
            return
        page.until("!error.hidden")
        assert time.monotonic() - began < 20  # on a machine with much else to do
        words = text(page, "error")
        assert words.startswith("This file cannot be shown: ")
        assert words.count("\n") == 0
        assert page.evaluate("document.querySelector('main').hidden") is True
        assert page.evaluate("document.title") == "a game.spr"


@pytest.fixture
def played(game: Path, tmp_path: Path) -> Iterator[tuple[str, Path, subprocess.Popen[str]]]:
    """The command in a process, its address, and the file in which its browser notes what it got.

    The process is ended.
    """
    noted = tmp_path / "noted"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {noted}\n')
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "spritecodec.cli", "play", str(game)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"BROWSER": str(browser)},
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield line.rpartition(" plays at ")[2].strip(), noted, process
        process.kill()


def test_play_serves_the_page_to_whom_has_the_address(
    played: tuple[str, Path, subprocess.Popen[str]], game: Path, chromium: Browser
) -> None:
    address, noted, process = played
    with urllib.request.urlopen(address) as answer:
        assert answer.read().decode() == page_html(game.read_bytes(), game.name)
    for end in range(500):
        if noted.exists() and noted.read_text():
            break
        assert end < 499, "no browser was opened"
        time.sleep(0.02)
    assert noted.read_text().strip() == address
    root = "/".join(address.split("/")[:3])
    for request in (
        urllib.request.Request(root + "/"),
        urllib.request.Request(address + "x"),
        urllib.request.Request(address, headers={"Host": "evil.example:80"}),
    ):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(request)
    with chromium.page(address) as page:
        page.until(READY)
        assert page.complaints() == []
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
