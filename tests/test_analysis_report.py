"""The report in a real browser: what it shows, and that it needs nothing from outside."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
import spr_files
from PIL import Image

from spritecodec.analysis import Row, Table, open_source
from spritecodec.analysis.coding import encode
from spritecodec.analysis.peers import find_peer
from spritecodec.analysis.report import report_html
from spritecodec.cli import run

Dump = Callable[[str], str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that one analysis of a small clip writes."""
    folder = tmp_path_factory.mktemp("report")
    clip = folder / "small game.mkv"
    encode(find_peer("ffv1"), "lossless", spr_files.frames(), Fraction(60), clip)
    (folder / "ours.spr").write_bytes(spr_files.join(spr_files.chunks()))
    words = ["analyze", str(clip), str(folder / "ours.spr"), "--cache", str(folder / "cache")]
    words += ["--codecs", "x264-444,zmbv", "--targets", "x264-444=12,24,36"]
    for option in ("report.html", "json", "csv", "plot.png"):
        name, _, suffix = option.partition(".")
        words += [f"--{name}", str(folder / f"out.{suffix or name}")]
    assert run(words) == 0
    return folder


@pytest.fixture(scope="module")
def dump(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Dump:
    """The page as a headless browser holds it once its script, and one more, have run."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("there is no chromium to open the report with")
    page = (made / "out.html").read_text(encoding="utf-8")

    def opened(script: str = "") -> str:
        folder = tmp_path_factory.mktemp("browser")
        file = folder / "page.html"
        file.write_text(page.replace("</body>", f"<script>{script}</script></body>"), "utf-8")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
        flags += ["--disable-background-networking", f"--user-data-dir={folder / 'profile'}"]
        words = [browser, *flags, "--virtual-time-budget=5000", "--dump-dom", file.as_uri()]
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
        return done.stdout.split('<script type="application/json"')[0]

    return opened


def table_of(made: Path) -> Table:
    return Table.from_json((made / "out.json").read_text())


def test_the_page_asks_for_nothing_from_outside(made: Path) -> None:
    page = (made / "out.html").read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!data:)[^\"'$]", page)
    assert "@import" not in page
    assert not re.findall(r"https?://(?!www\.w3\.org/)", page)
    for mark in ("/* style */", "/* script */", "/* data */"):
        assert mark not in page


def test_the_page_shows_the_figures(made: Path, dump: Dump) -> None:
    dom = html.unescape(dump(""))
    table = table_of(made)
    assert '<h1 id="title">small game.mkv</h1>' in dom
    assert "12 frames of 24\u00d716" in dom
    for row in table:
        assert f'data-row="{row.label}"' in dom, row.label  # a point of the plot
        assert f"{row.bytes:,}" in dom
        assert row.command in dom
    assert [row.status for row in table] == ["ok"] * 5
    assert dom.count("<polyline") == 1 + 2 * 2  # one curve; ours and x264 over time, twice
    ours, zmbv = table.find("ours.spr"), table.find("zmbv")
    assert ours.bytes is not None
    assert zmbv.bytes is not None
    assert f"{zmbv.bytes / ours.bytes:.2f} \u00d7 ours" in dom  # the bar of the exact peer
    assert "4 sprites" in dom
    assert re.search(r"background [\d,]+ \(\d+\.\d %\)", dom)
    assert 'alt="the sprites of ours.spr as given"' in dom
    assert "every pixel of this frame is exact" in dom  # the viewer has compared two pictures


def test_the_page_answers_to_clicks(dump: Dump) -> None:
    dom = dump(
        """
        [...document.querySelectorAll('#rd-legend button')]
          .find((b) => b.textContent === 'x264-444').click();
        document.querySelectorAll('#table th')[2].click();
        const which = document.querySelector('#viewer select');
        which.selectedIndex = [...which.options].findIndex((o) => o.text.startsWith('x264'));
        document.getElementById('difference').checked = true;
        which.dispatchEvent(new Event('change'));
        const dot = document.querySelector('#rd-plot .dot');
        dot.dispatchEvent(new MouseEvent('mousemove', {clientX: 40, clientY: 40, bubbles: true}));
        """
    )
    plot = dom.split('id="rd-plot"')[1].split('id="rd-legend"')[0]
    assert "x264-444" not in plot  # its curve is hidden
    assert 'data-row="zmbv lossless"' in plot
    rows = dom.split('id="table"')[1].split("<tbody>")[1].split("<tr")[1:]
    sizes = [re.findall(r"<td>([\d,]+)</td>", row)[0].replace(",", "") for row in rows]
    assert sizes == sorted(sizes, key=int)  # the heading "bytes" was clicked
    assert len(sizes) == 5
    assert re.search(r"x264-444 \d+: [\d,]+ of 384 pixels differ, by at most \d+", dom)
    assert 'class="stage plain"' in dom
    tip = dom.split('id="tip"')[1]
    assert "hidden" not in tip.split(">")[0]
    assert "every pixel exact" in tip


def test_points_are_labelled_without_covering_one_another(dump: Dump) -> None:
    dom = dump()
    shape = r'class="label" data-label="([^"]+)" x="([\d.]+)" y="([\d.]+)">([^<]+)<'
    labels = re.findall(shape, dom)
    assert {"ours.spr", "zmbv"} <= {text for *_, text in labels}
    assert any(name.startswith("x264-444") for name, *_ in labels)
    places = [(float(x), float(y), 6.4 * len(text)) for _, x, y, text in labels]
    boxes = [(x, y - 10, x + width, y + 2) for x, y, width in places]
    for i, (a, b, c, d) in enumerate(boxes):
        for e, f, g, h in boxes[:i]:
            assert a >= g or e >= c or b >= h or f >= d


def test_a_page_of_rows_that_still_run_reloads_itself(made: Path) -> None:
    table = table_of(made)
    rows = (*table.rows, Row("aom-444", "30", "running"), Row("aom-444", "40", "waiting"))
    with open_source(made / "small game.mkv") as source:
        page = report_html(Table(table.source, table.content, rows), source)
        data = json.loads(page.split('id="data">')[1].split("</script>")[0])
        whole = report_html(table, source)
    assert '<meta http-equiv="refresh"' in page
    assert "http-equiv" not in whole
    assert [row["status"] for row in data["rows"]][-2:] == ["running", "waiting"]
    assert data["pictures"]["rows"] == []
    assert len(page) < len(whole)


def test_the_other_files(made: Path) -> None:
    table = table_of(made)
    rows = list(csv.DictReader(io.StringIO((made / "out.csv").read_text())))
    assert [row["codec"] for row in rows] == [row.codec for row in table]
    assert [int(row["bytes"]) for row in rows] == [row.bytes for row in table]
    assert rows[0]["psnr"] == "inf"
    with Image.open(made / "out.png") as plot:
        assert plot.size == (1200, 760)
        colours = {colour for _, colour in plot.convert("RGB").getcolors(1 << 20) or []}
    assert (0x1C, 0x7E, 0xD6) in colours  # x264-444's
    assert (0xD6, 0x33, 0x6C) in colours  # ours


def test_a_table_without_our_codec_still_makes_a_page(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, cache = str(made / "small game.mkv"), str(made / "cache")
    page = tmp_path / "page.html"
    words = ["analyze", clip, "--codecs", "zmbv", "--report", str(page), "--cache", cache]
    assert run(words) == 0
    out = capsys.readouterr()
    assert "| zmbv | lossless |" in out.out
    assert "zmbv" in out.err
    text = page.read_text(encoding="utf-8")
    data = json.loads(text.split('id="data">')[1].split("</script>")[0])
    assert data["summary"]["bdRate"] == []
    assert data["files"] == []


def test_wrong_options_are_refused(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = str(made / "small game.mkv")
    assert run(["analyze", clip, "--codecs", "h266"]) == 2
    assert "no codec 'h266'" in capsys.readouterr().err
    assert run(["analyze", clip, "--codecs", "zmbv", "--targets", "x264-444="]) == 2
    words = ["analyze", clip, "--codecs", "zmbv", "--cache", str(made / "cache")]
    assert run([*words, "--report", str(made / "none" / "page.html")]) == 4
