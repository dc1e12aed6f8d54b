"""How fast `<spr-video>` plays and seeks in headless Chromium.

    python -m benchmarks.web_player mario-1-1

writes ``benchmarks/results/web-player.json`` and ``.md``. Measured in one page of 1280x1000, the
element at four times the size of the clip's pixels:

- frames a second where every frame is decoded in the worker and put on the canvas, as fast as it
  goes, and where the page also waits until each has been composited;
- playing at the file's own rate for 10 seconds: frames that were shown, and frames skipped;
- milliseconds from setting `currentTime` to `seeked`, with the new frame on the canvas, for 100
  places far apart, and for 30 each right after the file was opened.
"""

from __future__ import annotations

import gzip
import json
import os
import platform
import statistics
import tempfile
from pathlib import Path
from typing import Any

import click

import spritecodec
from benchmarks.clips.registry import clip_file, spec_of
from benchmarks.codecs import RESULTS
from spritecodec.web.bundle import SOURCE, bundle
from tests.browser import Browser, Page, Server, find_chromium

SCALE = 4
PAGE = """<!doctype html><body style="margin: 0; background: #222">
<script type="module" src="/web/src/define.js"></script>
<spr-video muted scaling="integer"></spr-video>
<script>
const v = document.querySelector("spr-video");
const wait = (name) => new Promise((done) => v.addEventListener(name, done, { once: true }));
const load = () => { const ready = wait("canplaythrough"); v.src = "/clip.spr"; return ready; };
</script>"""

THROUGHPUT = """async (scale, composited) => {
  await load();
  const canvas = document.createElement("canvas");
  canvas.width = v.videoWidth;
  canvas.height = v.videoHeight;
  canvas.style.cssText = `width: ${scale * v.videoWidth}px; image-rendering: pixelated`;
  v.replaceWith(canvas);
  const context = canvas.getContext("2d", { alpha: false });
  const { WorkerDecoder } = await import("/web/src/index.js");
  const decoder = await WorkerDecoder.open("/clip.spr");
  const began = performance.now();
  const ahead = [];
  const count = composited ? Math.min(decoder.frameCount, 600) : decoder.frameCount;
  for (let i = 0; i < count; i++) {
    while (ahead.length < 4 && i + ahead.length < count) {
      ahead.push(decoder.frame(i + ahead.length));
    }
    const { pixels } = await ahead.shift();
    context.putImageData(new ImageData(pixels, canvas.width, canvas.height), 0, 0);
    if (composited) await new Promise((done) => requestAnimationFrame(done));
  }
  return count / ((performance.now() - began) / 1000);
}"""

PLAYING = """async (scale, seconds) => {
  await load();
  v.style.width = `${scale * v.videoWidth}px`;
  const seen = [];
  v.addEventListener("frame", ({ detail }) => seen.push([detail.frame, performance.now()]));
  await v.play();
  await new Promise((done) => setTimeout(done, 1000 * seconds));
  v.pause();
  const shown = seen.length - 1;
  const late = seen.at(-1)[0] - seen[0][0] - shown;
  return [shown / ((seen.at(-1)[1] - seen[0][1]) / 1000), shown, late, v.frameRate];
}"""

SEEKING = """async (scale) => {
  const times = [];
  for (let i = 0; i < 130; i++) {
    if (i < 30) await load();
    v.style.width = `${scale * v.videoWidth}px`;
    const began = performance.now();
    const done = wait("seeked");
    v.currentTime = ((i * 7919) % 1000) / 1000 * v.duration;
    await done;
    times.push(performance.now() - began);
  }
  return times;
}"""


def measure(browser: Browser, server: Server, name: str, file: Path) -> dict[str, Any]:
    """Figures of one clip."""
    server.files["/clip.spr"] = file.read_bytes()
    server.files["/player"] = PAGE.encode()

    def ask(script: str, *arguments: Any) -> Any:
        with browser.page(server.url + "/player", 1280, 1000) as page:
            return _ready(page).evaluate(script, *arguments)

    rate, shown, skipped, wanted = ask(PLAYING, SCALE, 10)
    seeks = ask(SEEKING, SCALE)
    return {
        "bytes": file.stat().st_size,
        "size": list(spec_size(file)),
        "frames_per_second": ask(THROUGHPUT, SCALE, False),
        "composited_per_second": ask(THROUGHPUT, SCALE, True),
        "played_per_second": rate,
        "played": shown,
        "skipped": skipped,
        "frame_rate": wanted,
        "seek_ms": seeks[30:],
        "first_seek_ms": seeks[:30],
        "chromium": browser.call("Browser.getVersion")["product"],
        "load_average": os.getloadavg()[0],
        "processors": os.cpu_count(),
        "nice": os.nice(0),
        "machine": platform.machine(),
    }


def _ready(page: Page) -> Page:
    page.evaluate("customElements.whenDefined('spr-video').then(() => null)")
    return page


def spec_size(file: Path) -> tuple[int, int]:
    """Width and height of a file's frames."""
    with spritecodec.open(file) as reader:
        return reader.width, reader.height


def markdown(results: dict[str, Any], size: int) -> str:
    """The table as Markdown."""
    lines = [
        "# The player in a browser",
        "",
        f"Made by `python -m benchmarks.web_player {' '.join(results)}`, in headless Chromium",
        "without a GPU. *Decoded*: frames a second out of the worker onto a canvas, as fast as it",
        "goes; *composited*: where the page waits for the browser to show each (at most 60).",
        f"*Played*: 10 seconds at the file's own rate, at {SCALE} times its size. *Seek*: from",
        "setting `currentTime` to `seeked`, median and worst of 100; *first seek*: of 30, each",
        f"right after the file was opened. The player is {size:,} bytes, gzipped.",
        "",
        "| clip | pixels | decoded, frames/s | composited | played | skipped "
        "| seek, ms | first seek, ms | load, processors, nice |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, r in results.items():
        width, height = r["size"]
        cells = [name, f"{width}x{height}", f"{r['frames_per_second']:,.0f}"]
        cells += [f"{r['composited_per_second']:.1f}", f"{r['played_per_second']:.1f}"]
        cells.append(f"{r['skipped']} of {r['played'] + r['skipped']}")
        for kind in ("seek_ms", "first_seek_ms"):
            cells.append(f"{statistics.median(r[kind]):.1f}, {max(r[kind]):.1f}")
        cells.append(f"{r['load_average']:.1f}, {r['processors']}, {r['nice']}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="CLIP...")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where CLIP.spr is kept, or is encoded to if it is not there.",
)
def main(names: tuple[str, ...], folder: Path | None) -> None:
    """Measure the player on CLIPs."""
    executable = find_chromium()
    if executable is None:
        raise click.ClickException("there is no chromium to measure in")
    folder = folder or Path(tempfile.mkdtemp(prefix="web-player-"))
    results: dict[str, Any] = {}
    server = Server()
    with Browser(executable) as browser:
        for name in names:
            file = folder / f"{name}.spr"
            if not file.exists():
                spritecodec.encode(clip_file(spec_of(name)), file, preset="fast")
            results[name] = measure(browser, server, name, file)
    server.close()
    size = len(gzip.compress(bundle(SOURCE / "index.js").encode(), 9))
    text = markdown(results, size)
    (RESULTS / "web-player.json").write_text(json.dumps(results, indent=1) + "\n")
    (RESULTS / "web-player.md").write_text(text)
    click.echo(text)


if __name__ == "__main__":
    main()
