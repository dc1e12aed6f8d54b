"""The shape of the code: imports run one way, and functions are short."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"spritecodec": ROOT / "spritecodec", "spritecodec.formats": ROOT / "formats"}
PACKAGES |= {f"spritecodec.{name}": ROOT / name for name in ("cli", "web")}

# The stages of mining in the order of the data; none imports a later one.
STAGES = ("camera", "recolouring", "background", "animation", "sprites", "tracks", "search")
MAX_LINES, MAX_ARGUMENTS = 60, 8
# Functions above these limits; a comment at each says why it is better so.
DEFENDED = {
    "analysis.run.rate_distortion",
    "cli.analyze.command",
    "cli.compare.command",
    "cli.decode.command",
    "cli.encode.command",
    "decode.decode",
    "encode.encode",
    "restore.palette_kernels.sweep",
    "restore.palette_kernels.wishes",
}


def modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name."""
    found = {}
    for package, folder in PACKAGES.items():
        for file in folder.rglob("*.py"):
            name = ".".join([package, *file.relative_to(folder).with_suffix("").parts])
            found[name.removesuffix(".__init__")] = ast.parse(file.read_text())
    return found


MODULES = modules()


def imported(name: str) -> set[str]:
    """Modules of the package that a module imports when it is loaded."""
    found = set()
    body = [n for n in MODULES[name].body if not _only_for_types(n)]
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{a.name}" for a in node.names} | {node.module}
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
    return (found & MODULES.keys()) - {name}


def _only_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every function and method, by module and name."""
    for name, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield f"{name.removeprefix('spritecodec.')}.{node.name}", node


def too_long(node: ast.FunctionDef) -> bool:
    """Whether a function has too many lines of code, its docstring left out."""
    described = ast.get_docstring(node) is not None
    text = node.body[0] if described else None
    lines = (node.end_lineno or 0) - node.lineno + 1
    if text is not None:
        lines -= (text.end_lineno or 0) - text.lineno + 1
    return lines > MAX_LINES


def too_many_arguments(node: ast.FunctionDef) -> bool:
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return len([a for a in every if a.arg not in ("self", "cls")]) > MAX_ARGUMENTS


def test_no_module_imports_itself_through_others() -> None:
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            for other in sorted(imported(name)):
                visit(other, [*path, name])
            done.add(name)

    for name in MODULES:
        visit(name, [])


def stage(name: str) -> str | None:
    """The stage of mining that a module belongs to; None for what all of them share."""
    parts = name.split(".")
    if parts[:2] != ["spritecodec", "mining"] or len(parts) < 3:
        return None
    return parts[2] if parts[2] in STAGES else None


def test_no_stage_of_mining_imports_a_later_one() -> None:
    wrong = []
    for name in MODULES:
        here = stage(name)
        if here is None:
            continue
        for other in imported(name):
            there = stage(other)
            if there is not None and STAGES.index(there) > STAGES.index(here):
                wrong.append(f"{name} imports {other}")
    assert not wrong


def test_background_and_sprites_do_not_know_each_other() -> None:
    for one, other in (("background", "sprites"), ("sprites", "background")):
        for name in MODULES:
            if stage(name) == one:
                known = [m for m in imported(name) if stage(m) == other]
                assert not known, f"{name} imports {known}"


@pytest.mark.parametrize("package", ["scene", "render", "reader", "decode", "labels", "formats"])
def test_what_reads_files_does_not_import_the_encoder(package: str) -> None:
    encoder = ("spritecodec.mining", "spritecodec.restore", "spritecodec.model")
    for name in MODULES:
        if name == f"spritecodec.{package}" or name.startswith(f"spritecodec.{package}."):
            known = [m for m in imported(name) if m.startswith(encoder)]
            assert not known, f"{name} imports {known}"


def test_functions_are_short_and_take_few_arguments() -> None:
    above = {name for name, node in functions() if too_long(node) or too_many_arguments(node)}
    assert above == DEFENDED
    assert len(DEFENDED) <= 10
