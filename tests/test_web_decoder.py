"""The decoder in JavaScript: the same verdict and the same pixels as the one in Python."""

from __future__ import annotations

import base64
import hashlib
import io
import random
from collections.abc import Iterator
from typing import Any

import craft
import numpy as np
import pytest
import spr_files
import test_hostile
import test_spec
from browser import Browser, Page, PageError, Server
from craft import head, plain
from fuzz.mutate import KINDS, make_case

import spritecodec as sc

# Reads a file in every way; says what a decoder has to agree on.
JUDGE = """
async (text) => {
  const { SprDecoder, FormatError } = await import("/web/src/index.js");
  const began = performance.now();
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const found = { sound: true, sentence: "", frames: 0, size: [], digest: "", pts: [] };
  const pixels = [];
  try {
    const decoder = await SprDecoder.open(bytes);
    Object.assign(found, { frames: decoder.frameCount, size: [decoder.width, decoder.height] });
    found.duration = decoder.duration;
    found.truncated = decoder.truncated;
    try {
      await decoder.verify();
    } catch (error) {
      if (!decoder.truncated) throw error;
    }
    found.pts = Array.from(await decoder.pts(), String);
    for (let i = 0; i < decoder.frameCount; i++) {
      pixels.push(new Uint8Array((await decoder.frame(i)).buffer));
      if (i > 200) break;
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    Object.assign(found, { sound: false, sentence: error.message });
  }
  const all = new Uint8Array(await new Blob(pixels).arrayBuffer());
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", all));
  found.digest = Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("");
  found.seconds = (performance.now() - began) / 1000;
  return found;
}
"""


@pytest.fixture(scope="module")
def page(chromium: Browser, server: Server) -> Iterator[Page]:
    with chromium.page(server.url) as opened:
        opened.evaluate(f"window.judge = {JUDGE}; null")
        yield opened


def judge(page: Page, *files: bytes) -> list[dict[str, Any]]:
    """What the decoder in the page makes of files."""
    texts = [base64.b64encode(f).decode() for f in files]
    found = page.evaluate(
        "async (texts) => { const out = []; for (const t of texts) out.push(await judge(t));"
        " return out; }",
        texts,
    )
    assert len(found) == len(files)
    return list(found)


def rgba(frames: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    return np.concatenate([frames, np.full_like(frames[..., :1], 255)], axis=-1).tobytes()


def expect(data: bytes) -> dict[str, Any]:
    """What the decoder in Python makes of a file."""
    try:
        with sc.open(io.BytesIO(data)) as reader:
            if not reader.truncated:
                reader.verify()
            return {
                "sound": len(reader) > 0,
                "frames": len(reader),
                "size": [reader.width, reader.height],
                "digest": hashlib.sha256(rgba(reader[:202])).hexdigest(),
                "pts": [str(t) for t in reader.pts.tolist()],
                "truncated": reader.truncated,
                "duration": pytest.approx(reader.duration, abs=1e-9),
            }
    except sc.FormatError:
        return {"sound": False}


def agree(page: Page, files: list[bytes]) -> int:
    """Compare the two decoders; returns how many files are sound."""
    sound = 0
    for data, found in zip(files, judge(page, *files), strict=True):
        wanted = expect(data)
        if not wanted["sound"]:
            assert not found["sound"], found
            assert found["sentence"].isprintable()
            assert len(found["sentence"]) < 200
        else:
            assert {name: found[name] for name in wanted} == wanted, found["sentence"]
            sound += 1
    return sound


def test_files_with_a_bit_of_everything(page: Page) -> None:
    assert agree(page, [spr_files.small_file(), spr_files.small_file(with_audio=True)]) == 2


def test_random_scenes_in_every_layout(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[bytes] = []

    def keep(data: bytes) -> np.ndarray[Any, Any]:
        files.append(data)
        return sc.open(io.BytesIO(data))[:]

    monkeypatch.setattr(test_spec, "agree", keep)
    for kind, manner in [("pixel art", 0), ("pixel art", 1), ("tiles", 2), ("tiles", 3)]:
        test_spec.test_random_files(kind, manner)
    test_spec.test_random_files("natural", 0)
    test_spec.test_the_example()
    assert agree(page, files) == 6


@pytest.mark.parametrize("name", test_hostile.BOMBS)
def test_a_bomb_is_refused_for_the_same_reason(page: Page, name: str) -> None:
    limit, parts = test_hostile.BOMBS[name]
    (found,) = judge(page, craft.file(*parts))
    assert not found["sound"]
    assert f"takes more {limit} than" in found["sentence"]
    assert found["seconds"] < 5


def test_what_is_out_of_range_is_refused(page: Page) -> None:
    files = [craft.file(*parts) for _, parts in test_hostile.INVALID.values()]
    assert agree(page, files) == 0


def test_what_is_just_within_range_is_read(page: Page) -> None:
    files = [
        test_hostile.track(),
        test_hostile.track(x=plain(-(1 << 30) + 1), y=plain((1 << 30) - 1), z=plain(1 - (1 << 30))),
        test_hostile.patch(plain(0), plain(0), plain(7), plain(7)),
        [head(tick=(1 << 31) - 1), craft.segment(times=plain(1 - (1 << 62)))],
        [head(frames=2), craft.segment(2, times=plain((1 << 53) + 1, 1))],
        [head(), craft.segment(), craft.audio(3, size=4)],
        [head(psnr=-3, lossless=False), craft.segment()],
    ]
    assert agree(page, [craft.file(*parts) for parts in files]) == len(files)


def test_a_file_that_was_cut_anywhere_shows_what_is_left(page: Page) -> None:
    data = spr_files.small_file(with_audio=True)
    cuts = [data[:n] for n in range(0, len(data), 37)]
    assert agree(page, cuts) > 20


@pytest.mark.parametrize("kind", KINDS)
def test_changed_files_get_the_same_verdict(page: Page, kind: str) -> None:
    agree(page, [make_case(kind, seed).data for seed in range(60)])


def enlarged(seed: int) -> bytes:
    """A picture, enlarged by some rule that may be impossible."""
    rng = random.Random(seed)

    def axis(native: int) -> tuple[list[int], list[int]]:
        inner = max(1, int(native * rng.choice([1, 2, 3, 3.5, 4])))
        left, right = rng.randrange(3), rng.randrange(3)
        unit = rng.choice([inner, inner, inner, 7, (1 << 31) - 1])
        step = native * unit // inner
        phase = rng.choice([0, 0, unit // 2])
        rule = [(step * j + phase) // unit for j in range(inner)]
        late = [j for j in range(1, inner - 1) if rule[j - 1] < rule[j] == rule[j + 1]]
        late = sorted(rng.sample(late, min(len(late), rng.randrange(3))))
        if rng.random() < 0.1:
            late = sorted([*late, rng.randrange(inner)])
        places = [b - a for a, b in zip([0, *late], late, strict=False)]
        return [inner + left + right, left, right, step, phase, unit], places

    width, height = rng.randrange(1, 7), rng.randrange(1, 7)
    (columns, late), (rows, late_rows) = axis(width), axis(height)
    kernel, restored = rng.choice([(0, 0), (0, 0), (0, 0), (0, 1), (2, 1), (2, 0)])
    scale = [kernel, restored, rng.randrange(1 << 24), *columns, *rows, late, late_rows, {"x": 1}]
    count = width * height
    colours = plain(*[rng.randrange(256) for _ in range(3 * count)], *[255] * count)
    shown = plain(*range(1, count + 1))
    picture = craft.pictures(plain(width), plain(height), b"\0", colours, shown, kind="TEXT")
    screen = craft.segment(layers=(plain(0, 0, 0), plain(0), plain(0)))
    return craft.file(head(width, height, scale=scale), picture, screen)


def test_enlarged_frames(page: Page) -> None:
    assert 40 < agree(page, [enlarged(seed) for seed in range(150)]) < 150


def test_numbers_that_no_pixel_shows_need_no_colour(page: Page) -> None:
    def tiled(width: int) -> bytes:
        tile = [*[1] * 63, 1 << 16]
        streams = (plain(width), plain(8), b"\x02\x08", plain(9, 9, 9, 255), plain(0), plain(*tile))
        screen = craft.segment(layers=(plain(0, 0, 0), plain(0), plain(0)))
        return craft.file(head(), craft.pictures(*streams, kind="TEXT"), screen)

    assert agree(page, [tiled(7)]) == 1
    assert agree(page, [tiled(8)]) == 0


def test_a_wrong_checksum_of_zstd_is_noticed(page: Page) -> None:
    kind, payload, frames = craft.one_picture(40, 40)
    for broken in (payload[:-1] + bytes([payload[-1] ^ 1]), payload + b"\0"):
        data = craft.file(head(), (kind, broken, frames), craft.segment())
        assert agree(page, [data]) == 0


ZSTD_HEADS = b"\x24\x40"  # one segment, a checksum, 64 bytes of content


@pytest.mark.parametrize(
    ("name", "block"),
    [
        # Weights of a Huffman tree that are coded by a table of one symbol never end.
        ("a table of one symbol", b"\x02" + b"\x0a\x30\xff\x0f" + b"\x01" * 40),
        ("noise", bytes(random.Random(1).randbytes(90))),
    ],
)
def test_zstd_that_would_never_end_is_refused(page: Page, name: str, block: bytes) -> None:
    size = len(block) << 3 | 2 << 1 | 1
    frame = ZSTD_HEADS + size.to_bytes(3, "little") + block + b"\0\0\0\0"
    data = craft.file(head(), ("DICT", frame, 0), craft.segment())
    assert agree(page, [data]) == 0


def test_a_file_on_a_server_is_read_in_parts(page: Page, server: Server) -> None:
    noise = random.Random(3).randbytes(300_000)
    small = spr_files.chunks()
    data = spr_files.join([*small[:3], ("meta", noise, 0), *small[3:]])
    server.files["/large.spr"] = data
    script = """
    async (url) => {
      const { SprDecoder } = await import("/web/src/index.js");
      const decoder = await SprDecoder.open(url);
      const sums = [];
      for (let i = 0; i < decoder.frameCount; i++) {
        sums.push((await decoder.frame(i)).reduce((sum, v) => sum + v, 0));
      }
      return sums;
    }
    """
    wanted = [int(f.sum()) + 255 * f.shape[0] * f.shape[1] for f in spr_files.frames()]
    server.sent.clear()
    assert page.evaluate(script, server.url + "/large.spr") == wanted
    assert sum(size for path, size in server.sent if path == "/large.spr") < 200_000
    server.ranges = False
    try:
        assert page.evaluate(script, server.url + "/large.spr") == wanted
    finally:
        server.ranges = True
    with pytest.raises(PageError, match="the server answers 404"):
        page.evaluate(script, server.url + "/none.spr")


def test_a_blob_is_read_and_frames_come_in_any_order(page: Page, server: Server) -> None:
    server.files["/small.spr"] = spr_files.small_file()
    found = page.evaluate(
        """(async () => {
          const { SprDecoder } = await import("/web/src/index.js");
          const blob = await (await fetch("/small.spr")).blob();
          const decoder = await SprDecoder.open(blob);
          const out = {};
          for (const i of [11, 0, 7, 6, 3]) out[i] = Array.from(await decoder.frame(i));
          const scene = await decoder.scene(1);
          out.scene = [scene.first, scene.frames, scene.sprites.length, scene.tracks.start.length];
          out.at = [];
          for (const time of [-1, 0, 0.04, 0.25, 99]) out.at.push(await decoder.frameAt(time));
          out.sizes = Object.fromEntries(await decoder.breakdown());
          out.pick = await decoder.pick(0, 3, 2);
          return out;
        })()"""
    )
    frames = spr_files.frames()
    for i in (11, 0, 7, 6, 3):
        assert found[str(i)] == list(rgba(frames[i : i + 1]))
    assert found["scene"] == [7, 5, 4, 3]
    times = (spr_files.pts() - spr_files.pts()[0]) / 60
    assert found["at"] == [max(0, int((times <= t).sum()) - 1) for t in (-1, 0, 0.04, 0.25, 99)]
    assert sum(found["sizes"].values()) == len(spr_files.small_file())
    assert found["pick"]["kind"] in ("sprite", "background")
