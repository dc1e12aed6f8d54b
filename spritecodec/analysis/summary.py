"""What a table of measurements says, in a few figures: ratios, BD-rate, equal quality."""

from __future__ import annotations

from dataclasses import dataclass

from spritecodec.analysis.bd import Delta
from spritecodec.analysis.peers import US
from spritecodec.analysis.table import Table


@dataclass(frozen=True)
class EqualQuality:
    """What a peer's curve needs for the quality that one of our rows has.

    Attributes
    ----------
    target : str
        Of our row.
    psnr : float
        dB in RGB over the whole clip.
    our_bytes : int
    peer : str
    peer_bytes : float or None
        None where the peer's curve does not reach that quality or starts above it.
    """

    target: str
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
    """Lossless sizes, BD-rate against every lossy peer, bytes at equal quality."""
    codecs = tuple(dict.fromkeys(row.codec for row in table if row.status == "ok"))
    peers = [c for c in codecs if c != US and len(table.curve(c)[0]) >= 2]
    best = {codec: table.best_lossless([codec]) for codec in codecs}
    exact = {codec: row.bytes for codec, row in best.items() if row and row.bytes}
    ours = exact.get(US)
    lossless = tuple(
        (codec, size, size / ours if ours else None)
        for codec, size in sorted(exact.items(), key=lambda item: item[1])
    )
    deltas = tuple(
        (peer, table.bd_rate(peer, US), table.bd_rate(peer, US, "akima"))
        for peer in peers
        if US in codecs
    )
    equal = tuple(
        EqualQuality(row.target, row.psnr, row.bytes, peer, table.bytes_at_quality(peer, row.psnr))
        for row in table
        if row.codec == US and row.status == "ok" and not row.lossless
        if row.psnr is not None and row.bytes is not None
        for peer in peers
    )
    return Summary(lossless, deltas, equal)


def summary_markdown(table: Table) -> str:
    """The whole table and its summary as Markdown."""
    found = summarise(table)
    parts = [table.to_markdown()]
    if found.lossless:
        parts.append("\nSmallest file that gives every pixel back:\n\n| codec | bytes | ours = 1 |")
        parts.append("|---|--:|--:|")
        parts += [
            f"| {codec} | {size:,} | {'' if ratio is None else f'{ratio:.2f}'} |"
            for codec, size, ratio in found.lossless
        ]
    if found.bd_rate:
        parts.append("\nBD-rate of ours against each (negative: we need fewer bytes):\n")
        parts.append("| against | PCHIP | Akima | |")
        parts.append("|---|--:|--:|---|")
        parts += [
            f"| {peer} | {_percent(pchip)} | {_percent(akima)} | {pchip.note} |"
            for peer, pchip, akima in found.bd_rate
        ]
    if found.equal_quality:
        parts.append("\nBytes at the quality of each of our rows:\n")
        parts.append("| our target | PSNR RGB | ours | against | its bytes | ours = 1 |")
        parts.append("|---|--:|--:|---|--:|--:|")
        for e in found.equal_quality:
            other = "not on its curve" if e.peer_bytes is None else f"{e.peer_bytes:,.0f}"
            ratio = "" if e.peer_bytes is None else f"{e.peer_bytes / e.our_bytes:.2f}"
            cells = [e.target, f"{e.psnr:.2f}", f"{e.our_bytes:,}", e.peer, other, ratio]
            parts.append("| " + " | ".join(cells) + " |")
    return "\n".join(parts) + "\n"


def _percent(delta: Delta) -> str:
    return "none" if delta.value is None else f"{delta.value:+.1f} %"
