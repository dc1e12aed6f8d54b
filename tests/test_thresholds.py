"""The thresholds, and the benchmark that measures what they do."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import spritecodec
from benchmarks.thresholds import (
    UNCHANGED,
    Field,
    Results,
    docstrings,
    evidence,
    fields,
    verdict,
    with_evidence,
)
from spritecodec.mining import thresholds

PACKAGE = Path(spritecodec.__file__).parent

SOURCE = '''\
class PanThresholds(NamedTuple):
    """Pan."""

    min_votes: int = 60
    """Windows that must vote."""

    max_share: float = 0.5
    """Share of the screen. What is larger
    counts.

    Half: old-clip +0.3 %.
    """

    other: int = 1
    """Something."""
'''


def test_every_threshold_says_what_it_means() -> None:
    assert [field.key for field in fields() if not field.text] == []


@pytest.mark.parametrize(
    ("value", "text", "expected"),
    [
        (60, "", {"half": 30, "double": 120}),
        (3, "", {"half": 1, "double": 6}),
        (1, "", {"double": 2}),
        (0, "", {"double": 1}),
        (2.5, "", {"half": 1.25, "double": 5.0}),
        (0.3, "Share of it.", {"half": 0.15, "double": 0.6}),
        (0.75, "Share of it.", {"half": 0.375, "double": 0.875}),
        (0.75, "Decibels.", {"half": 0.375, "double": 1.5}),
        (0.0, "", {}),
        (True, "", {}),
        ("a", "", {}),
    ],
)
def test_values_that_are_tried(value: object, text: str, expected: dict[str, float]) -> None:
    assert Field("PAN", "name", value, text).changed() == expected


def test_evidence_names_the_largest_changes() -> None:
    changes: dict[str, dict[str, float | str]] = {
        "half": {"a": 0.02, "b": -3.14, "c": 0.0},
        "double": {"a": 12.4, "b": "not lossless", "c": 0.2, "d": 0.11},
    }
    assert evidence(changes) == "Half: b -3.1 %; double: fails on b, a +12 %, c +0.2 %."
    assert verdict(changes) == "several clips"
    assert evidence({"double": {"a": 0.0, "b": 0.05}}) == "No effect at double on 2 clips."
    assert evidence({"half": {"a": 0.0}, "double": {"a": 3.0}}) == (
        "Half: no effect; double: a +3.0 %."
    )
    assert evidence({}) == ""


def test_evidence_is_written_and_replaced() -> None:
    names = ("min_votes", "max_share")
    found = {("PanThresholds", name): f"Half: {name} +1.0 %." for name in names}
    written = with_evidence(SOURCE, found)
    assert '"""Windows that must vote.\n    Half: min_votes +1.0 %.\n    """\n' in written
    assert "counts.\n    Half: max_share +1.0 %.\n" in written
    assert "old-clip" not in written
    assert '    """Something."""\n' in written
    assert with_evidence(written, found) == written
    assert docstrings(written).keys() == docstrings(SOURCE).keys()


def test_thresholds_are_few() -> None:
    assert len(fields()) <= 120


def test_a_run_holds_while_its_record_and_its_clip_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = next(field for field in fields() if field.key == "MERGE.max_gap")
    half = field.changed()["half"]
    results = Results(tmp_path / "runs.json")
    results.add("clip", UNCHANGED, {"bytes": 100, "cpu": 1.0, "psnr": None})
    results.add("clip", f"{field.key}={half!r}", {"bytes": 110, "cpu": 1.0, "psnr": None})
    expected = {"half": {"clip": pytest.approx(10.0)}}
    assert results.best(field) == (expected, False)
    monkeypatch.setattr(thresholds, "PAN", thresholds.PAN._replace(overlay_margin=9))
    assert results.best(field) == (expected, False)
    monkeypatch.setattr(thresholds, "MERGE", thresholds.MERGE._replace(max_gap=field.value + 1))
    assert results.best(field) == (expected, True)
    monkeypatch.undo()
    results.add("clip", UNCHANGED, {"bytes": 99, "cpu": 1.0, "psnr": None})
    assert results.best(field) == (expected, True)


def test_compiled_kernels_take_thresholds_as_arguments() -> None:
    # A kernel that reads one as a global would keep its value in numba's cache.
    wrong = []
    for file in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(file.read_text())
        records = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").endswith("thresholds")
            for alias in node.names
            if alias.name.isupper()
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and any(
                "njit" in ast.dump(decorator) for decorator in node.decorator_list
            ):
                read = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} & records
                wrong += [f"{file.name}: {node.name} reads {name}" for name in sorted(read)]
    assert wrong == []
