"""The result of a measurement: one typed row a codec and target, in a table."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeVar

from spritecodec.analysis.bd import Delta, Method, bd_psnr, bd_rate, rate_at_quality
from spritecodec.analysis.peers import US
from spritecodec.errors import SettingsError

_T = TypeVar("_T")


@dataclass(frozen=True)
class Row:
    """One codec at one target on one clip. Fields are None where the run did not get there.

    Attributes
    ----------
    codec, target : str
        As asked for; the target is on the codec's own scale (crf, dB, ``"lossless"``).
    status : {"ok", "missing", "failed", "running", "waiting"}
        The last two are of tables that are not finished.
        "missing": the encoder is not on this machine; "failed": it ran and did not finish.
    note : str
        Why a row is not ok.
    settings : str
        Encoder, pixel format and options.
    frames, width, height : int
    bytes : int
        The whole file, its container included.
    payload_bytes : int
        Coded frames alone, where the container stores their sizes.
    kilobits_per_second, bits_per_pixel : float
        Of the whole file; seconds from the source's nominal frame rate, 1 kbit = 1000 bits,
        a pixel is one place in one frame.
    psnr, psnr_mean, psnr_y, ssim, ms_ssim : float
        As in `spritecodec.analysis.Quality`; ``inf`` dB where every frame is exact.
    ms_ssim_scales, exact_frames : int
    lossless : bool
        Every pixel of every frame is the source's.
    encode_seconds, decode_seconds : float
        Wall clock; of encoding with reading the source, of decoding to RGB.
    encode_cpu_seconds, decode_cpu_seconds : float
        User and system time of the same work, summed over processes and threads.
    encode_peak_bytes, decode_peak_bytes : int
        Largest resident memory of the process that did it, interpreter included.
    command : str
        Prints this row again.
    ffmpeg : str
        The same settings as an ffmpeg command line fed with raw frames; empty where
        ffmpeg does not do it.
    file : str
        The coded file, kept in the cache.
    frame_psnr : tuple of float
        dB in RGB per frame.
    frame_bytes : tuple of int
        Per frame in order of presentation; empty where the container does not store it.
    """

    codec: str
    target: str
    status: Literal["ok", "missing", "failed", "running", "waiting"] = "ok"
    note: str = ""
    settings: str = ""
    frames: int | None = None
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    payload_bytes: int | None = None
    kilobits_per_second: float | None = None
    bits_per_pixel: float | None = None
    psnr: float | None = None
    psnr_mean: float | None = None
    psnr_y: float | None = None
    ssim: float | None = None
    ms_ssim: float | None = None
    ms_ssim_scales: int | None = None
    exact_frames: int | None = None
    lossless: bool | None = None
    encode_seconds: float | None = None
    encode_cpu_seconds: float | None = None
    encode_peak_bytes: int | None = None
    decode_seconds: float | None = None
    decode_cpu_seconds: float | None = None
    decode_peak_bytes: int | None = None
    command: str = ""
    ffmpeg: str = ""
    file: str = ""
    frame_psnr: tuple[float, ...] = ()
    frame_bytes: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        """Codec and target in one word, for example ``"x264-444 18"``."""
        return f"{self.codec} {self.target}"

    @property
    def ours(self) -> bool:
        """Whether the row is of this codec: measured here, or an existing .spr file."""
        return self.codec == US or self.codec.lower().endswith(".spr")

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON knows it: infinite PSNR as the string ``"inf"``, nan as None."""
        return {key: _plain(value) for key, value in asdict(self).items()}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Row:
        """The reverse of `to_dict`."""
        known = {f.name for f in fields(Row)}
        found = {key: _number(value) for key, value in values.items() if key in known}
        text = {key: str(values.get(key, "")) for key in ("codec", "target", "note")}
        return Row(**{**found, **text})


SERIES = ("frame_psnr", "frame_bytes")


@dataclass(frozen=True)
class Table:
    """Rows of one clip.

    Attributes
    ----------
    source : str
        The clip's name.
    content : str
        SHA-256 of its frames, in hexadecimal.
    rows : tuple of Row
    """

    source: str
    content: str
    rows: tuple[Row, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def find(self, codec: str, target: str | float | None = None) -> Row:
        """The first row of that codec, and of that target where one is given.

        Raises
        ------
        SettingsError
            There is none.
        """
        wanted = None if target is None else target_text(target)
        for row in self.rows:
            if row.codec == codec and wanted in (None, row.target):
                return row
        raise SettingsError(f"the table has no row {codec} {wanted or ''}".rstrip())

    def curve(self, codec: str) -> tuple[list[float], list[float]]:
        """`curve` of one codec's rows, for `bd_rate`."""
        return curve(row for row in self.rows if row.codec == codec)

    def bd_rate(self, anchor: str, test: str, method: Method = "pchip") -> Delta:
        """`spritecodec.analysis.bd_rate` of two codecs of the table."""
        return bd_rate(*self.curve(anchor), *self.curve(test), method=method)

    def bd_psnr(self, anchor: str, test: str, method: Method = "pchip") -> Delta:
        """`spritecodec.analysis.bd_psnr` of two codecs of the table."""
        return bd_psnr(*self.curve(anchor), *self.curve(test), method=method)

    def bytes_at_quality(self, codec: str, psnr: float) -> float | None:
        """Bytes that a codec needs for an RGB PSNR, read off its curve; None outside it."""
        return rate_at_quality(*self.curve(codec), psnr)

    def best_lossless(self, codecs: Iterable[str]) -> Row | None:
        """The smallest row of those codecs that gave every pixel back."""
        wanted = set(codecs)
        exact = [r for r in self.rows if r.lossless and r.bytes and r.codec in wanted]
        return min(exact, key=lambda r: r.bytes or 0, default=None)

    def to_json(self, series: bool = True) -> str:
        """Everything; without `series`, the per-frame figures and the cached files' names.

        The PSNR of what is exact, which is infinite, is null; what was not measured is left out.
        """
        left_out = () if series else (*SERIES, "file")
        value = {
            "source": self.source,
            "content": self.content,
            "rows": [
                {
                    k: _finite(v)
                    for k, v in row.to_dict().items()
                    if v is not None and k not in left_out
                }
                for row in self.rows
            ],
        }
        return json.dumps(value, indent=1, allow_nan=False)

    @staticmethod
    def from_json(text: str) -> Table:
        """The reverse of `to_json`."""
        value = json.loads(text)
        rows = tuple(
            Row.from_dict({k: _infinite(v) for k, v in row.items()}) for row in value["rows"]
        )
        return Table(value["source"], value["content"], rows)

    def to_csv(self) -> str:
        """One line a row after a header line, without the per-frame series."""
        names = [f.name for f in fields(Row) if f.name not in SERIES]
        out = io.StringIO()
        writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(row.to_dict() for row in self.rows)
        return out.getvalue()

    def to_pandas(self) -> Any:
        """A pandas DataFrame, one line a row, infinite PSNR as ``inf``.

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        import pandas

        return pandas.DataFrame([asdict(row) for row in self.rows])

    def to_markdown(self) -> str:
        """The figures as a Markdown table for people."""
        lines = [
            "| codec | target | bytes | PSNR RGB | mean of frames | PSNR Y | SSIM | MS-SSIM "
            "| encode CPU s | decode CPU s | peak MB |",
            "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
        for r in self.rows:
            if r.status != "ok":
                lines.append(f"| {r.codec} | {r.target} | {r.status}: {r.note} |" + " |" * 8)
                continue
            peak = _shown(r.encode_peak_bytes and r.encode_peak_bytes / 1e6, 0)
            cells = [
                r.codec, r.target, _shown(r.bytes, 0), _shown(r.psnr), _shown(r.psnr_mean),
                _shown(r.psnr_y), _shown(r.ssim, 4), _shown(r.ms_ssim, 4),
                _shown(r.encode_cpu_seconds, 1), _shown(r.decode_cpu_seconds, 2), peak,
            ]  # fmt: skip
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"


def curve(rows: Iterable[Row]) -> tuple[list[float], list[float]]:
    """Bytes and RGB PSNR (whole clip) of the rows that were measured and are lossy."""
    lossy = [r for r in rows if r.status == "ok" and not r.lossless]
    return [float(r.bytes or 0) for r in lossy], [float(r.psnr or 0.0) for r in lossy]


def target_text(target: str | float) -> str:
    """A target as rows carry it: ``18.0`` as ``"18"``."""
    return target if isinstance(target, str) else f"{target:g}"


def _shown(value: float | None, digits: int = 2) -> str:
    if value is None or math.isnan(value):
        return ""
    return "exact" if math.isinf(value) else f"{value:,.{digits}f}"


def _plain(value: _T) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf"
    return value


def _finite(value: Any) -> Any:
    """A value of `Row.to_dict` without infinity."""
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if value == "inf" else value


def _infinite(value: Any) -> Any:
    """The reverse."""
    if isinstance(value, list):
        return [_infinite(v) for v in value]
    return "inf" if value is None else value


def _number(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_number(v) for v in value)
    return math.inf if value == "inf" else value
