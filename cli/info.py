"""``spritecodec info``."""

from __future__ import annotations

import math
from typing import Any

import click

from spritecodec.cli.common import JSON, SOURCES_SPR, decibels, warn
from spritecodec.cli.many import each_file
from spritecodec.formats.spr.chunks import SECTIONS
from spritecodec.progress import clock
from spritecodec.reader import Reader
from spritecodec.reader import open as open_reader

EPILOG = """\b
Examples:
  spritecodec info game.spr
  spritecodec info game.spr --segments
  spritecodec info game.spr --json
  spritecodec info spr/*.spr --json                # {"files": [...]}
"""


@click.command(epilog=EPILOG, short_help="Show what a .spr file holds, byte for byte.")
@SOURCES_SPR
@click.option("--segments", is_flag=True, help="Also one line for every segment.")
@JSON
def command(sources: tuple[str, ...], segments: bool, as_json: bool) -> None:
    """Show what each FILE.spr holds and where every byte goes.

    A folder stands for all .spr files in it. Of several files, those that cannot be read are
    named, and the command exits with 1.
    """
    several = len(sources) > 1

    def show(source: str) -> dict[str, Any] | None:
        return _show(source, segments, as_json, several)

    each_file(sources, show, as_json)


def _show(source: str, segments: bool, as_json: bool, several: bool) -> dict[str, Any] | None:
    """Print what a file holds, or return it for JSON."""
    with open_reader(source) as reader:
        facts = _facts(reader)
        if as_json:
            return facts
        for line in _heading(reader, facts):
            click.echo(line)
        click.echo()
        for line in byte_table(facts["bytes"]):
            click.echo(line)
        if segments:
            click.echo()
            for line in _segment_lines(facts["segments"]):
                click.echo(line)
        if reader.truncated:
            warn("the file is cut short or damaged at its end; this is what precedes that")
    if several:
        click.echo()
    return None


def _facts(reader: Reader) -> dict[str, Any]:
    segments = []
    for i, segment in enumerate(reader.segments):
        scene = reader.scene(i)
        segments.append(
            {
                "first_frame": segment.first,
                "frames": segment.frames,
                "offset": segment.chunk.offset,
                "size": segment.chunk.size,
                "layers": len(scene.layers),
                "tracks": len(scene.tracks),
                "placements": len(scene.tracks.sprite),
                "residual_patches": len(scene.residual),
                "bytes": reader.segment_breakdown(segment.chunk),
            }
        )
    frames, duration = len(reader), reader.duration
    return {
        "name": reader.name,
        "size": reader.size,
        "width": reader.width,
        "height": reader.height,
        "native_width": reader.head.width,
        "native_height": reader.head.height,
        "degradation": None if reader.degradation is None else str(reader.degradation),
        "restored": reader.degradation is not None and reader.degradation.restored,
        "frames": frames,
        "frame_rate": float(reader.frame_rate),
        "duration": duration,
        "bitrate": 8 * reader.size / duration if frames else math.nan,
        "bits_per_pixel": 8 * reader.size / (max(frames, 1) * reader.width * reader.height),
        "lossless": reader.head.lossless,
        "psnr": reader.head.quality,
        "encoder": reader.head.encoder,
        "truncated": reader.truncated,
        "sprites": len(reader.sprites),
        "textures": len(reader.textures),
        "audio": [
            {
                "codec": a.codec,
                "sample_rate": a.sample_rate,
                "channels": a.channels,
                "packets": len(a.packets),
            }
            for a in reader.audio
        ],
        "bytes": reader.breakdown(),
        "segments": segments,
    }


def _heading(reader: Reader, facts: dict[str, Any]) -> list[str]:
    tracks = sum(s["tracks"] for s in facts["segments"])
    placements = sum(s["placements"] for s in facts["segments"])
    patches = sum(s["residual_patches"] for s in facts["segments"])
    lines = [
        f"{facts['name']}: {facts['size']:,} bytes, written by {facts['encoder']}",
        f"{facts['frames']:,} frames of {facts['width']}x{facts['height']} at "
        f"{facts['frame_rate']:g} fps, {clock(facts['duration'])} long, "
        f"{decibels(facts['psnr'])}",
        f"{facts['bitrate'] / 1000:.1f} kbit/s, {facts['bits_per_pixel']:.4f} bits/pixel",
        f"{facts['sprites']:,} sprites, {facts['textures']:,} backgrounds, {tracks:,} tracks of "
        f"{placements:,} placements, {patches:,} residual patches, "
        f"{len(reader.segments):,} segments",
    ]
    if facts["degradation"] is not None:
        restored = "; restored from a lossy recording" if facts["restored"] else ""
        lines.insert(2, facts["degradation"] + restored)
    for a in facts["audio"]:
        lines.append(
            f"audio: {a['codec']}, {a['sample_rate']:,} Hz, {a['channels']} channels, "
            f"{a['packets']:,} packets"
        )
    return lines


def byte_table(sizes: dict[str, int]) -> list[str]:
    """The lines that show where the bytes of `Reader.breakdown` go."""
    total = sum(sizes.values())
    rows = [(name, size) for name, size in sizes.items() if size]
    lines = [f"{'':12} {'bytes':>12}  share"]
    lines += [f"{name:12} {size:12,} {size / total:6.1%}" for name, size in rows]
    return [*lines, f"{'total':12} {total:12,} {1:6.1%}"]


def _segment_lines(segments: list[dict[str, Any]]) -> list[str]:
    lines = ["    frames        offset    bytes " + "".join(f"{n:>12}" for n in SECTIONS)]
    for s in segments:
        last = s["first_frame"] + s["frames"] - 1
        sizes = "".join(f"{s['bytes'][n]:12,}" for n in SECTIONS)
        lines.append(f"{s['first_frame']:>6} - {last:<6} {s['offset']:>9} {s['size']:>8,} {sizes}")
    return lines
