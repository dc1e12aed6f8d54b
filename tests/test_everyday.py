"""docs/cookbook.md does what it says: its commands are run, and their files looked at."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import cookbook
import numpy as np
from test_sound import samples_of

import spritecodec as sc

SECTIONS = ("Record", "Sound", "Cut and join", "Upload and check")
PLAYER = """
<body><script>
for (const name of NAMES) {
  const video = document.createElement("video"), line = document.createElement("p");
  const say = () => { line.textContent = `${name} error=${video.error && video.error.message} ` +
    `sound=${video.webkitAudioDecodedByteCount} frames=${video.webkitDecodedFrameCount}`; };
  video.src = name;
  video.onerror = video.ontimeupdate = video.onended = say;
  document.body.append(video, line);
  video.play().catch(say);
}
</script></body>
"""


def test_the_day(tmp_path: Path) -> None:
    # One test, because running the page takes longest.
    folder = tmp_path / "day"
    folder.mkdir()
    names: dict[str, Any] = {}
    for section in SECTIONS:
        cookbook.run_section(section, folder, names)
    np.save(folder / "frames.npy", np.stack([names["frame"](t) for t in range(120)]))
    np.save(folder / "samples.npy", np.concatenate([names["samples"](t) for t in range(120)]))
    check_frames_and_sound(folder)
    if shutil.which("ffprobe"):
        check_files(folder)
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser:
        check_playing(folder, browser, tmp_path / "profile")


def streams(path: Path) -> dict[str, dict[str, Any]]:
    """What ffprobe says of a file's streams, by their kind."""
    words = ["ffprobe", "-v", "error", "-show_streams", "-count_frames", "-of", "json", str(path)]
    said = subprocess.run(words, capture_output=True, check=True, timeout=60).stdout
    return {s["codec_type"]: s for s in json.loads(said)["streams"]}


def check_frames_and_sound(day: Path) -> None:
    frames, samples = np.load(day / "frames.npy"), np.load(day / "samples.npy")

    def shown(name: str) -> Any:
        with sc.open(day / name) as reader:
            return reader[:]

    for name in ("game.spr", "again.spr", "joined.spr"):
        np.testing.assert_array_equal(shown(name), frames)
    for name in ("raw.spr", "frames.spr"):
        np.testing.assert_array_equal(shown(name), frames[:10])
    for name in ("ten.spr", "slower.spr"):
        np.testing.assert_array_equal(shown(name), frames[15:115])
    rate, heard = samples_of(day / "game.wav")
    assert rate == 32_000
    np.testing.assert_array_equal(heard, samples)
    sc.decode(day / "joined.spr", day / "joined.wav", overwrite=True)
    np.testing.assert_array_equal(samples_of(day / "joined.wav")[1], samples)
    with sc.open(day / "again.spr") as reader:
        sizes = reader.breakdown()
        assert sizes["audio"] <= 1.02 * sum(map(len, reader.audio[0].packets))
    with sc.open(day / "opus.spr") as reader:
        assert [a.codec for a in reader.audio] == ["opus"]
        assert len(reader) == 20


def check_files(day: Path) -> None:
    wanted = {
        "recording.mkv": ("h264", "gbrp", 120, "flac"),
        "game.mp4": ("h264", "yuv420p", 120, "flac"),
        "game.webm": ("vp9", "yuv420p", 20, "opus"),
        "mute.mp4": ("h264", "yuv420p", 20, None),
        "upload.mp4": ("h264", "yuv420p", 20, "aac"),
    }
    for name, (codec, pixels, count, sound) in wanted.items():
        found = streams(day / name)
        video = found["video"]
        assert (video["codec_name"], video["pix_fmt"]) == (codec, pixels), name
        assert int(video["nb_read_frames"]) == count, name
        assert found.get("audio", {}).get("codec_name") == sound, name
    video = streams(day / "upload.mp4")["video"]
    assert (video["width"], video["height"]) == (64 * 30, 48 * 30)
    tags = [video[f"color_{name}"] for name in ("space", "primaries", "transfer")]
    assert tags == ["bt709"] * 3
    data = (day / "upload.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # it plays while it is loaded


def check_playing(day: Path, browser: str, profile: Path) -> None:
    names = ("game.mp4", "game.webm", "upload.mp4")
    page = day / "player.html"
    page.write_text(PLAYER.replace("NAMES", json.dumps(names)), "utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    flags += ["--autoplay-policy=no-user-gesture-required", f"--user-data-dir={profile}"]
    flags += ["--disable-background-networking", "--virtual-time-budget=6000", "--dump-dom"]
    words = [browser, *flags, page.as_uri()]
    dom = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120).stdout
    for name in names:
        found = re.search(rf"{name} error=(\w+) sound=(\d+) frames=(\d+)", dom)
        assert found, dom
        assert found[1] == "null"
        assert int(found[2]) > 0, name
        assert int(found[3]) > 0, name


def test_every_section_of_the_page_is_run() -> None:
    assert set(cookbook.sections()) == set(SECTIONS)
