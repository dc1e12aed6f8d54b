"""The element `<spr-video>` in a real browser."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import craft
import numpy as np
import pytest
import spr_files
import test_hostile
from browser import WEB, Browser, Page, PageError, Server
from numpy.typing import NDArray
from video_makers import kept_audio

import spritecodec as sc
from benchmarks.clips.sprite_game import sprite_game_scene
from spritecodec.formats.spr.chunks import pack_audio
from spritecodec.scene import Scene
from spritecodec.web.bundle import bundle

# Keeps every event of the element, and waits for them.
SCRIPT = """
const v = document.querySelector("spr-video");
window.v = v;
window.heard = [];
const names = ["abort", "emptied", "loadstart", "durationchange", "loadedmetadata", "loadeddata",
  "canplay", "canplaythrough", "play", "playing", "pause", "waiting", "seeking", "seeked", "ended",
  "error", "ratechange", "volumechange", "timeupdate"];
for (const name of names) v?.addEventListener(name, () => heard.push(name));
window.seen = [];
v?.addEventListener("frame", (e) => seen.push(e.detail.frame));
window.wait = (name, element = v) => new Promise((done, failed) => {
  element.addEventListener(name, done, { once: true });
  setTimeout(() => failed(new Error("no event " + name)), 20000);
});
window.until = async (holds) => {
  const end = performance.now() + 20000;
  while (!holds()) {
    if (performance.now() > end) throw new Error("never: " + holds);
    await new Promise((done) => setTimeout(done, 5));
  }
};
window.hash = async (bytes) => Array.from(
  new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), (b) => b.toString(16)).join();
window.pixels = () => {
  const canvas = v.shadowRoot.querySelector("canvas");
  return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
};
"""


@cache
def game() -> Scene:
    """120 frames of a drawn game, 4 seconds."""
    return sprite_game_scene(120)


@cache
def game_file() -> bytes:
    return spr_files.file_of(game())


def frame_of(scene: Scene, t: int) -> NDArray[np.uint8]:
    frame = sc.Renderer(scene).frame(t)
    return np.concatenate([frame, np.full_like(frame[..., :1], 255)], axis=-1)


@pytest.fixture
def show(chromium: Browser, server: Server) -> Any:
    """Opens a page with an element of these attributes."""

    @contextmanager
    def opened(attributes: str = "", before: str = "", after: str = "") -> Iterator[Page]:
        server.files["/game.spr"] = game_file()
        body = f"<style>body {{ margin: 0 }}</style>{before}<spr-video {attributes}></spr-video>"
        script = (
            f'<script>{SCRIPT}</script><script type="module" src="/web/src/define.js"></script>'
        )
        server.files["/page"] = f"<!doctype html>{body}{after}{script}".encode()
        with chromium.page(server.url + "/page") as page:
            yield page
            assert page.complaints() == []

    return opened


def test_every_frame_that_is_played_is_the_decoders(show: Any) -> None:
    with show('src="/game.spr" muted') as page:
        page.evaluate("until(() => v.readyState === 4)")
        shown, numbers = page.evaluate(
            """(async () => {
              const found = {};
              v.addEventListener("frame", (e) => { found[e.detail.frame] = hash(pixels()); });
              v.frame = 0;
              await wait("seeked");
              v.playbackRate = 1.5;
              await v.play();
              await until(() => v.ended);
              for (const n in found) found[n] = await found[n];
              return [found, seen];
            })()"""
        )
        assert sorted(set(numbers)) == numbers[1:]  # the first was shown twice, and all in order
        assert len(shown) >= 10  # of 120, on a machine with much else to do
        for t, digest in shown.items():
            wanted = hashlib.sha256(frame_of(game(), int(t)).tobytes()).digest()
            assert digest == ",".join(f"{byte:x}" for byte in wanted), t


def test_the_events_come_in_the_order_of_a_video(show: Any) -> None:
    with show('src="/game.spr"') as page:
        page.evaluate("until(() => v.readyState === 4)")
        assert page.evaluate("heard") == [
            "loadstart", "durationchange", "loadedmetadata", "loadeddata", "canplay",
            "canplaythrough",
        ]  # fmt: skip
        facts = "[v.duration, v.frameCount, v.videoWidth, v.videoHeight, v.paused, v.currentTime]"
        assert page.evaluate(facts) == [4, 120, 160, 160, True, 0]
        page.evaluate("heard.length = 0; v.play().then(() => heard.push('promise'))")
        page.evaluate("until(() => v.frame > 5)")
        page.evaluate("v.pause()")
        heard = [name for name in page.evaluate("heard") if name != "timeupdate"]
        assert heard == ["play", "playing", "promise", "pause"]
        time = page.evaluate("v.currentTime")
        assert 0.15 < time < 3
        assert page.evaluate("v.currentTime") == time  # it stands still
        page.evaluate("heard.length = 0; v.currentTime = 3.95; v.seeking || 1 / 0")
        page.evaluate("until(() => !v.seeking).then(() => v.play())")
        page.evaluate("until(() => v.ended)")
        heard = [name for name in page.evaluate("heard") if name != "timeupdate"]
        assert heard == ["seeking", "seeked", "play", "playing", "pause", "ended"]
        assert page.evaluate("[v.currentTime, v.frame, v.paused]") == [4, 119, True]
        page.evaluate("v.play()")  # again, from the beginning
        page.evaluate("until(() => v.frame > 0 && v.frame < 30 && !v.paused)")


def test_seeking_shows_exactly_that_frame(show: Any) -> None:
    with show('src="/game.spr"') as page:
        page.evaluate("until(() => v.readyState === 4)")
        for t in (77, 3, 119, 50):
            page.evaluate(f"(async () => {{ v.frame = {t}; await wait('seeked'); }})()")
            assert page.evaluate("[v.frame, v.seeking]") == [t, False]
            assert abs(page.evaluate("v.currentTime") - t / 30) < 1e-6
            assert page.evaluate("Array.from(pixels())") == frame_of(game(), t).ravel().tolist()
        # Of many seeks at once the last one counts.
        page.evaluate("for (let i = 0; i < 100; i++) v.currentTime = i / 30; wait('seeked')")
        assert page.evaluate("v.frame") == 99
        with pytest.raises(PageError, match="finite"):
            page.evaluate("v.currentTime = NaN")


def test_it_loops_and_changes_its_rate(show: Any) -> None:
    with show('src="/game.spr" loop') as page:
        page.evaluate("until(() => v.readyState === 4)")
        page.evaluate("v.playbackRate = 16; v.play()")
        page.evaluate("until(() => seen.filter((n, i) => n < seen[i - 1]).length >= 2)")
        assert page.evaluate("[v.paused, heard.includes('ratechange'), v.ended]") == [
            False,
            True,
            False,
        ]


def test_nothing_blank_is_seen_before_the_first_frame(show: Any) -> None:
    with show('poster="data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22/>"') as page:
        seen = """(() => ["canvas", "img"].map((name) =>
          getComputedStyle(v.shadowRoot.querySelector(name)).display !== "none"))()"""
        assert page.evaluate(seen) == [False, True]
        page.evaluate("v.src = '/game.spr'; until(() => v.readyState >= 2)")
        assert page.evaluate(seen) == [True, False]
        # While another file is loaded, the last picture stays.
        page.evaluate("window.before = v.shadowRoot.querySelector('canvas').toDataURL()")
        page.evaluate("v.frame = 9; wait('seeked').then(() => { v.load(); })")
        assert page.evaluate("v.readyState < 2") is True
        assert page.evaluate(seen) == [True, False]
        page.evaluate("until(() => v.readyState === 4)")
        script = "before === v.shadowRoot.querySelector('canvas').toDataURL()"
        assert page.evaluate(script) is True


def test_pixels_are_enlarged_by_whole_numbers(show: Any) -> None:
    size = "(() => { const c = v.shadowRoot.querySelector('canvas').getBoundingClientRect();"
    size += " return [v.clientWidth, v.clientHeight, c.width, c.height, c.left, c.top]; })()"
    with show('src="/game.spr"') as page:
        page.evaluate("until(() => v.readyState === 4)")
        assert page.evaluate(size) == [160, 160, 160, 160, 0, 0]
        page.evaluate("v.style.width = '500px'; until(() => v.clientHeight === 500)")
        page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)))")
        assert page.evaluate(size) == [500, 500, 480, 480, 10, 10]
        page.evaluate("v.scaling = 'fit'")
        assert page.evaluate(size) == [500, 500, 500, 500, 0, 0]
        page.evaluate("v.scaling = 'integer'; v.style.width = ''; v.setAttribute('width', 320)")
        page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)))")
        assert page.evaluate(size) == [320, 320, 320, 320, 0, 0]


def test_it_starts_when_it_comes_into_view_unless_someone_decided(show: Any) -> None:
    with show('src="/game.spr" autoplay loop', before='<div style="height: 3000px"></div>') as page:
        page.evaluate("until(() => v.readyState === 4)")
        assert page.evaluate("v.paused") is True
        page.evaluate("scrollTo(0, 9999); until(() => !v.paused)")
        page.evaluate("scrollTo(0, 0); until(() => v.paused)")
        page.evaluate("scrollTo(0, 9999); until(() => !v.paused)")
        page.evaluate("v.pause(); scrollTo(0, 0)")
        page.evaluate("new Promise((done) => setTimeout(done, 100)).then(() => scrollTo(0, 9999))")
        page.evaluate("new Promise((done) => setTimeout(done, 100))")
        assert page.evaluate("v.paused") is True  # the user's word stands


def test_it_does_not_move_by_itself_for_who_asks_for_less_motion(show: Any) -> None:
    with show("autoplay loop") as page:
        page.media(prefers_reduced_motion="reduce")
        page.evaluate("v.src = '/game.spr'; until(() => v.readyState === 4)")
        page.evaluate("new Promise((done) => setTimeout(done, 100))")
        assert page.evaluate("[v.paused, v.frame]") == [True, 0]
        page.media(prefers_reduced_motion="no-preference")
        page.evaluate("until(() => !v.paused)")
        page.media(prefers_reduced_motion="reduce")
        page.evaluate("until(() => v.paused)")
        page.evaluate("v.play()")  # somebody wants it
        assert page.evaluate("v.paused") is False


def test_it_may_be_moved_taken_away_and_put_back(show: Any) -> None:
    with show('src="/game.spr"', after="<div></div>") as page:
        page.evaluate("until(() => v.readyState === 4)")
        page.evaluate("v.play(); document.querySelector('div').append(v)")
        page.evaluate("until(() => v.frame > 20)")
        assert page.evaluate("[v.paused, v.readyState]") == [False, 4]
        page.evaluate("v.remove(); until(() => v.readyState === 0)")
        page.evaluate("document.body.append(v); until(() => v.readyState === 4)")
        assert page.evaluate("[v.paused, v.currentTime > 0.5, v.frame >= 20]") == [True] * 3


def test_the_scene_and_what_is_at_a_pixel(show: Any) -> None:
    with show('src="/game.spr"') as page:
        page.evaluate("until(() => v.readyState === 4)")
        facts = page.evaluate(
            """v.scene().then((s) => [s.width, s.sprites.length, s.layers.length,
              s.tracks.start.length, Array.from(s.layers.at(-1).x).slice(0, 50)])"""
        )
        scene = game()
        pan = scene.layers[-1].pan[:50, 0].tolist()
        wanted = [scene.width, len(scene.sprites), len(scene.layers), len(scene.tracks), pan]
        assert facts == wanted
        item = page.evaluate("v.decoder.pick(0, 80, 155)")
        assert item["kind"] in ("background", "sprite")


def with_audio() -> bytes:
    """The game with a second of PCM, 8 kHz, that begins when it does."""
    stream = spr_files.audio()
    return spr_files.file_of(game(), ("AUDI", pack_audio(stream), 0))


def test_sound_keeps_the_time(show: Any, server: Server) -> None:
    server.files["/loud.spr"] = with_audio()
    with show('src="/loud.spr"') as page:
        page.evaluate("until(() => v.readyState === 4)")
        assert page.evaluate("v.hasSound") is True
        page.evaluate("v.play()")
        page.evaluate("until(() => v.currentTime > 0.5)")
        page.evaluate("v.muted = true; v.volume = 0.5; v.playbackRate = 2")
        page.evaluate("until(() => v.ended)")
        assert page.evaluate("heard.filter((n) => n === 'volumechange').length") == 2
        assert page.evaluate("[v.muted, v.volume, v.error]") == [True, 0.5, None]


@pytest.mark.parametrize("codec", ["aac", "libopus", "flac", "libmp3lame"])
def test_coded_sound_is_decoded_whole(
    show: Any, server: Server, tmp_path: Path, codec: str
) -> None:
    stream = kept_audio(tmp_path, codec)
    server.files["/coded.spr"] = spr_files.file_of(game(), ("AUDI", pack_audio(stream), 0))
    with show('src="/coded.spr"') as page:
        page.evaluate("until(() => v.readyState === 4)")
        if not page.evaluate("v.hasSound"):
            pytest.skip("this browser does not decode it")
        found = page.evaluate(
            """(async () => {
              const { decodeAudio } = await import("/web/src/sound.js");
              const [stream] = await v.decoder.audio();
              const { buffer, offset } = await decodeAudio(stream, 0);
              const loudest = Math.max(...buffer.getChannelData(0));
              return [buffer.numberOfChannels, buffer.duration, offset, loudest];
            })()"""
        )
        assert found[0] == 2
        assert 0.29 < found[1] < 0.4
        assert abs(found[2]) < 0.06
        assert 0.25 < found[3] < 0.4


@pytest.mark.parametrize("codec", ["aac", "mp3", "flac", "vorbis", "nonsense"])
def test_audio_that_cannot_be_decoded_is_left_out(show: Any, server: Server, codec: str) -> None:
    broken = craft.audio(3, size=9, codec=codec, rate=48000)
    server.files["/broken.spr"] = spr_files.file_of(game(), broken)
    with show('src="/broken.spr"') as page:
        page.evaluate("until(() => v.readyState === 4)")
        assert page.evaluate("[v.hasSound, v.error]") == [False, None]
        page.evaluate("v.play().then(() => until(() => v.frame > 1))")


HOSTILE = {
    **{f"bomb: {name}": craft.file(*parts) for name, (_, parts) in test_hostile.BOMBS.items()},
    "no file at all": b"<script>document.title = 'run'</script>",
    "a cut in the head": spr_files.small_file()[:30],
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_one_sentence_and_soon(show: Any, server: Server, name: str) -> None:
    server.files["/hostile.spr"] = HOSTILE[name]
    with show() as page:
        message, ms = page.evaluate(
            """(async () => {
              const began = performance.now();
              v.src = "/hostile.spr";
              await until(() => v.error);
              return [v.error.message, performance.now() - began];
            })()"""
        )
        assert ms < 5000
        assert message.isprintable()
        assert 10 < len(message) < 200
        assert page.evaluate("heard.filter((n) => n === 'error').length") == 1
        assert page.evaluate("v.play().catch((e) => e.name)") == "NotSupportedError"
        # Another file plays after that.
        page.evaluate("v.src = '/game.spr'; until(() => v.readyState === 4)")
        assert page.evaluate("v.error") is None


def test_a_worker_that_hears_nothing_is_ended(show: Any) -> None:
    with show() as page:
        found = page.evaluate(
            """(async () => {
              const { WorkerDecoder, useWorker } = await import("/web/src/index.js");
              const code = "onmessage = () => { for (;;); }";
              useWorker(() => new Worker(URL.createObjectURL(new Blob([code]))));
              const began = performance.now();
              const words = await WorkerDecoder.open(new ArrayBuffer(9)).catch((e) => e.message);
              return [words, performance.now() - began];
            })()"""
        )
        assert found[0] == "decoding takes too long, so it was stopped"
        assert 5000 < found[1] < 12000


def test_all_modules_together_are_small_and_work(chromium: Browser, server: Server) -> None:
    together = bundle(WEB / "src" / "index.js")
    assert len(gzip.compress(together.encode(), 9)) < 40_000
    assert "Copyright (c) 2020 Arjun Barrett" in together
    server.files["/together.js"] = together.encode()
    server.files["/small.spr"] = spr_files.small_file()
    with chromium.page(server.url) as page:
        script = """(async () => {
          const { SprDecoder } = await import("/together.js");
          const decoder = await SprDecoder.open("/small.spr");
          return Array.from(await decoder.frame(11));
        })()"""
        frame = spr_files.frames()[11]
        whole = np.concatenate([frame, np.full_like(frame[..., :1], 255)], axis=-1)
        assert page.evaluate(script) == whole.ravel().tolist()


def test_the_package_names_its_files_and_types() -> None:
    package = json.loads((WEB / "package.json").read_text())
    assert package["version"] == sc.__version__
    for entry in package["exports"].values():
        files = entry.values() if isinstance(entry, dict) else [entry]
        for file in files:
            assert (WEB / file).is_file(), file
    types = (WEB / "index.d.ts").read_text()
    index = (WEB / "src" / "index.js").read_text()
    exported = re.findall(r"export \{ (.+?) \}", index)
    assert len(exported) == 4
    for name in ", ".join(exported).split(", "):
        assert re.search(rf"export (declare )?(class|function|const) {name}\b", types), name
