"""What a table of measurements says, in a few figures: ratios, BD-rate, equal quality."""

from __future__ import annotations

from dataclasses import dataclass

from spritecodec.analysis.bd import Delta, bd_rate, rate_at_quality
from spritecodec.analysis.table import Table, curve


@dataclass(frozen=True)
class EqualQuality:
    """What a peer's curve needs for the quality that one of our rows has.

    Attributes
    ----------
    label : str
        Of our row.
    psnr : float
        dB in RGB over the whole clip.
    our_bytes : int
    peer : str
    peer_bytes : float or None
        None where the peer's curve does not reach that quality or starts above it.
    """

    label: str
    psnr: float
    our_bytes: int
    peer: str
    peer_bytes: float | None


@dataclass(frozen=True)
class Summary:
    """The figures that decide.

    Attributes
    ----------
    lossless : tuple of (str, int, float or None)
        Codec, bytes and bytes over ours, smallest first; None where we have no exact row.
    bd_rate : tuple of (str, Delta, Delta)
        Per lossy peer: ours against it, by PCHIP and by Akima.
    equal_quality : tuple of EqualQuality
    """

    lossless: tuple[tuple[str, int, float | None], ...]
    bd_rate: tuple[tuple[str, Delta, Delta], ...]
    equal_quality: tuple[EqualQuality, ...]


def summarise(table: Table) -> Summary:
    """Lossless sizes, BD-rate against every lossy peer, bytes at equal quality.

    All rows that are ours make one curve: those measured and the .spr files given.
    """
    good = [row for row in table if row.status == "ok"]
    own = [row for row in good if row.ours]
    exact = sorted((r for r in good if r.lossless and r.bytes), key=lambda r: r.bytes or 0)
    best = {row.codec: row.bytes or 0 for row in reversed(exact)}
    ours = min((row.bytes or 0 for row in exact if row.ours), default=None)
    curves = {
        codec: curve(row for row in good if row.codec == codec)
        for codec in dict.fromkeys(row.codec for row in good if not row.ours)
    }
    curves = {codec: points for codec, points in curves.items() if len(points[0]) >= 2}
    return Summary(
        lossless=tuple(
            (codec, size, size / ours if ours else None)
            for codec, size in sorted(best.items(), key=lambda item: item[1])
        ),
        bd_rate=tuple(
            (codec, bd_rate(*points, *curve(own)), bd_rate(*points, *curve(own), method="akima"))
            for codec, points in curves.items()
            if own
        ),
        equal_quality=tuple(
            EqualQuality(row.label, row.psnr, row.bytes, codec, rate_at_quality(*points, row.psnr))
            for row in own
            if not row.lossless and row.psnr is not None and row.bytes is not None
            for codec, points in curves.items()
        ),
    )


def summary_markdown(table: Table) -> str:
    """The whole table and its summary as Markdown."""
    found = summarise(table)
    parts = [table.to_markdown()]
    if found.lossless:
        parts.append("Smallest file that gives every pixel back:\n")
        parts.append("| codec | bytes | ours = 1 |")
        parts.append("|---|--:|--:|")
        parts += [
            f"| {codec} | {size:,} | {'' if ratio is None else f'{ratio:.2f}'} |"
            for codec, size, ratio in found.lossless
        ]
    if found.bd_rate and all(pchip.value is None for _, pchip, _ in found.bd_rate):
        notes = dict.fromkeys(pchip.note for _, pchip, _ in found.bd_rate)
        parts.append("\nBD-rate of ours: " + "; ".join(notes) + ".")
    elif found.bd_rate:
        parts.append("\nBD-rate of ours against each (negative: we need fewer bytes):\n")
        parts.append("| against | PCHIP | Akima | |")
        parts.append("|---|--:|--:|---|")
        parts += [
            f"| {peer} | {_percent(pchip)} | {_percent(akima)} | {pchip.note} |"
            for peer, pchip, akima in found.bd_rate
        ]
    if found.equal_quality:
        parts.append("\nBytes at the quality of each of our rows:\n")
        parts.append("| our row | PSNR RGB | ours | against | its bytes | ours = 1 |")
        parts.append("|---|--:|--:|---|--:|--:|")
        for e in found.equal_quality:
            other = "not on its curve" if e.peer_bytes is None else f"{e.peer_bytes:,.0f}"
            ratio = "" if e.peer_bytes is None else f"{e.peer_bytes / e.our_bytes:.2f}"
            cells = [e.label, f"{e.psnr:.2f}", f"{e.our_bytes:,}", e.peer, other, ratio]
            parts.append("| " + " | ".join(cells) + " |")
    return "\n".join(parts) + "\n"


def _percent(delta: Delta) -> str:
    return "none" if delta.value is None else f"{delta.value:+.1f} %"
