"""Lossless sizes of every clip: ours, and ZMBV's and x264's on the same frames.

    python -m benchmarks.lossless                          # all clips, preset fast
    python -m benchmarks.lossless mario-1-1 --preset default
    python -m benchmarks.lossless --frames 300 --no-write  # a quick look

writes ``benchmarks/results/lossless.json`` and ``.md`` after each clip; clips and presets
that are not asked for keep their recorded figures. All measuring is done by
`spritecodec.analysis.rate_distortion`, whose rows are cached, so an interrupted run continues
where it stopped. Missing clips are made.
"""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import click

from benchmarks.clips.drawn import DRAWN, true_scene
from benchmarks.clips.registry import CLIPS, clip_file, spec_of
from benchmarks.codecs import CACHE, RESULTS
from spritecodec.analysis import Row, Table, rate_distortion
from spritecodec.formats.spr.chunks import Head, pack_head, pack_pictures, pack_segment
from spritecodec.formats.spr.container import Container, Writer
from spritecodec.formats.spr.pictures import Palette
from spritecodec.reader import Reader
from spritecodec.render import Renderer
from spritecodec.scene import Scene

US = "spritecodec"
PEERS = ("zmbv", "zmbv-palette", "x264-rgb")
KEPT = (
    "status", "note", "bytes", "lossless", "exact_frames", "frames",
    "encode_seconds", "encode_cpu_seconds", "encode_peak_bytes",
    "decode_seconds", "decode_cpu_seconds", "command",
)  # fmt: skip
# The clips on which the codec's settings were chosen.
TUNED_ON = (
    "mario-1-1", "space-invaders", "space-invaders-10000", "space-invaders-1500", *DRAWN
)  # fmt: skip


def true_scene_size(name: str) -> int:
    """Bytes of a .spr file that holds a drawn clip's true scene.

    The file is read back, and every decoded frame is compared with the scene's.
    """
    scene = true_scene(name)
    data = packed(scene, spec_of(name).fps)
    decoded = Reader(Container(io.BytesIO(data)))
    for t, frame in enumerate(Renderer(scene).frames()):
        if (decoded.frame(t) != frame).any():
            raise AssertionError(f"frame {t} of the packed true scene of {name} differs")
    return len(data)


def packed(scene: Scene, fps: int) -> bytes:
    """A whole .spr file of one segment, packed as `encode` packs it."""
    head = Head(
        scene.width, scene.height, len(scene), scene.time_base, Fraction(fps), None, True, "truth"
    )
    palette = Palette()
    out = io.BytesIO()
    writer = Writer(out)
    writer.add("HEAD", pack_head(head))
    writer.add("DICT", pack_pictures(scene.sprites, palette))
    if scene.textures:
        writer.add("TEXT", pack_pictures(scene.textures, palette))
    writer.add("SEGM", pack_segment(scene, palette), len(scene))
    writer.finish()
    return out.getvalue()


def losslessly(name: str, peers: tuple[str, ...], preset: str, frames: int | None) -> Table:
    """Ours and the peers' rows for the first `frames` frames of a clip, one after another."""
    return rate_distortion(
        os.path.relpath(clip_file(spec_of(name))),
        (US, *peers),
        {US: ["lossless"]},
        frames=frames,
        preset=preset,
        jobs=1,
        cache=CACHE,
        progress=reported,
    )


def measure(name: str, preset: str, frames: int | None) -> dict[str, Any]:
    """Figures of one clip: a row for us and one for each peer."""
    rows = {
        row.codec: {k: row.to_dict()[k] for k in KEPT}
        for row in losslessly(name, PEERS, preset, frames)
    }
    found: dict[str, Any] = {"peers": {peer: rows[peer] for peer in PEERS}, "ours": rows[US]}
    if name in DRAWN and frames is None:
        found["true_scene_bytes"] = true_scene_size(name)
    return found


def reported(done: int, total: int, row: Row) -> None:
    """Print the result of a finished row."""
    size = row.note if row.bytes is None else f"{row.bytes:,} bytes"
    seconds = f" in {row.encode_seconds:.0f} s" if row.encode_seconds else ""
    click.echo(f"  {done}/{total} {row.codec}: {size}{seconds}")


def smallest_zmbv(clip: dict[str, Any]) -> int:
    """Bytes of the smaller exact ZMBV file: RGB, or with a palette where 256 colours do."""
    rows = (clip["peers"][p] for p in ("zmbv", "zmbv-palette"))
    return min(int(row["bytes"]) for row in rows if row["status"] == "ok" and row["lossless"])


def geometric_mean(values: Iterable[float]) -> float:
    """The geometric mean of positive numbers."""
    logs = [math.log(v) for v in values]
    return math.exp(sum(logs) / len(logs))


def markdown(results: dict[str, Any]) -> str:
    """The tables as Markdown."""
    clips = {name: results[name] for name in CLIPS if name in results}
    lines = [
        "# Lossless: bytes of whole files",
        "",
        "Made by `python -m benchmarks.lossless` (and `--preset default` for the clips that",
        "show it). Every file was decoded and compared with its source frame by frame;",
        "a size stands here only where all frames are exact. *ZMBV* is RGB, as the clips are;",
        "*ZMBV palette* writes 8-bit colour numbers, and stands where that is exact.",
        "*ZMBV / ours* says how many times as large ZMBV's RGB file is; *smaller ZMBV / ours*",
        "compares with the smaller of its two. Encoding and decoding (to RGB arrays) run in a",
        "process each with one thread; times are of the processor, because they are less",
        "disturbed by other work on the machine.",
        "",
        "| clip | preset | frames | ours | ZMBV | ZMBV palette | x264 RGB | ZMBV / ours "
        "| smaller ZMBV / ours | encode CPU s | decode frames/CPU s | peak MB |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, clip in clips.items():
        lines += [_line(name, preset, clip, row) for preset, row in clip["ours"].items()]
    lines += ["", *_means(clips), "", *_truth(clips)]
    return "\n".join(lines) + "\n"


def _line(name: str, preset: str, clip: dict[str, Any], row: dict[str, Any]) -> str:
    sizes = [_size(clip["peers"][peer]) for peer in PEERS]
    cells = [name, preset, f"{clip['frames']:,}", _size(row), *sizes]
    if row["status"] == "ok" and row["lossless"]:
        cells += [
            f"{clip['peers']['zmbv']['bytes'] / row['bytes']:.1f}",
            f"{smallest_zmbv(clip) / row['bytes']:.1f}",
            f"{row['encode_cpu_seconds']:.0f}",
            f"{clip['frames'] / row['decode_cpu_seconds']:,.0f}",
            f"{row['encode_peak_bytes'] / 1e6:,.0f}" if row["encode_peak_bytes"] else "",
        ]
    else:
        cells += [""] * 5
    return "| " + " | ".join(cells) + " |"


def _size(row: dict[str, Any]) -> str:
    if row["status"] != "ok":
        return str(row["status"])
    return f"{row['bytes']:,}" if row["lossless"] else "not exact"


def _means(clips: dict[str, Any]) -> list[str]:
    """Geometric means of ZMBV / ours at preset fast."""
    ratios = {
        name: clip["peers"]["zmbv"]["bytes"] / clip["ours"]["fast"]["bytes"]
        for name, clip in clips.items()
        if clip["ours"].get("fast", {}).get("lossless")
    }
    others = {name: r for name, r in ratios.items() if name not in TUNED_ON}
    not_tuned = "the {} of them that settings were not chosen on"
    lines = []
    for words, group in (("the {} clips above", ratios), (not_tuned, others)):
        if group:
            worst = min(group, key=lambda name: group[name])
            lines.append(
                f"- Geometric mean of ZMBV / ours at preset fast over {words.format(len(group))}: "
                f"**{geometric_mean(group.values()):.1f}**; the worst is {worst} with "
                f"{group[worst]:.2f}."
            )
    return lines


def _truth(clips: dict[str, Any]) -> list[str]:
    """Drawn clips compared with their true scene in the same format."""
    rows = [
        f"| {name} | {preset} | {row['bytes']:,} | {clip['true_scene_bytes']:,} "
        f"| {row['bytes'] / clip['true_scene_bytes']:.2f} |"
        for name, clip in clips.items()
        if "true_scene_bytes" in clip
        for preset, row in clip["ours"].items()
        if row["status"] == "ok"
    ]
    if not rows:
        return []
    return [
        "The clips drawn here have a known scene. Packed by the same packer, it takes:",
        "",
        "| clip | preset | found from the pixels | true scene | found / true |",
        "|---|---|--:|--:|--:|",
        *rows,
    ]


@click.command()
@click.argument("names", nargs=-1, metavar="[CLIP]...")
@click.option("--preset", default="fast", show_default=True, help="Of our encoder.")
@click.option("--frames", type=click.IntRange(1), help="Only the first so many frames.")
@click.option("--write/--no-write", default=True, help="--no-write: print the table only.")
def main(names: tuple[str, ...], preset: str, frames: int | None, write: bool) -> None:
    """Measure CLIPs (all when none is named) one after another."""
    if write and frames is not None:
        raise click.UsageError("--frames goes with --no-write: the table is of whole clips")
    file = RESULTS / "lossless.json"
    results = json.loads(file.read_text()) if write and file.exists() else {}
    for name in names or CLIPS:
        click.echo(name)
        found = measure(name, preset, frames)
        ours = {**results.get(name, {}).get("ours", {}), preset: found["ours"]}
        shown = frames or spec_of(name).frames
        results[name] = found | {"frames": min(shown, spec_of(name).frames), "ours": ours}
        if write:
            RESULTS.mkdir(exist_ok=True)
            file.write_text(json.dumps(results, indent=1) + "\n")
            file.with_suffix(".md").write_text(markdown(results))
    if not write:
        click.echo(markdown(results))


if __name__ == "__main__":
    main()
