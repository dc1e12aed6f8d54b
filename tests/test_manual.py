"""The manual page, shell completions, and what a container runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spritecodec import cli

PROGRAM = [sys.executable, "-P", "-m", "spritecodec.cli"]
ROOT = Path(__file__).parent.parent


def test_the_manual_describes_every_command_and_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.run(["manual"]) == 0
    page = capsys.readouterr().out
    for name in cli.COMMANDS:
        assert f"\n.SH {name.upper()}\n" in page
    assert ".B \\-\\-psnr DB\n" in page
    assert "spritecodec decode game.spr \\- | ffplay \\-" in page
    if shutil.which("groff"):
        done = subprocess.run(
            ["groff", "-man", "-ww", "-z", "-Tutf8"],
            input=page.encode(),
            capture_output=True,
            check=True,
        )
        assert done.stderr == b""


@pytest.mark.parametrize(
    ("words", "expected"), [("spritecodec enc", "encode"), ("spritecodec encode --pre", "--preset")]
)
def test_bash_completes_commands_and_options(words: str, expected: str) -> None:
    wanted = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    wanted["_SPRITECODEC_COMPLETE"] = "bash_complete"
    done = subprocess.run(
        PROGRAM, env=os.environ | wanted, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [f"plain,{expected}"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_program(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if shell == "bash" and shutil.which("bash") is None:
        pytest.skip("there is no bash here")
    assert cli.run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_SPRITECODEC_COMPLETE={shell}_complete" in script


@pytest.mark.skipif(os.name != "posix", reason="containers have a POSIX shell")
def test_the_entry_point_of_the_container_copies_compiled_code(tmp_path: Path) -> None:
    compiled, cache, programs = tmp_path / "compiled", tmp_path / "cache", tmp_path / "bin"
    compiled.mkdir()
    (compiled / "kernel").write_bytes(b"code")
    programs.mkdir()
    (programs / "spritecodec").write_text('#!/bin/sh\necho "ran: $*"\n')
    (programs / "spritecodec").chmod(0o755)
    variables = {"PATH": f"{programs}:{os.environ['PATH']}", "COMPILED": str(compiled)}
    for _ in range(2):
        done = subprocess.run(
            ["sh", ROOT / "docker-entrypoint.sh", "info", "a b.spr"],
            env=variables | {"NUMBA_CACHE_DIR": str(cache)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "ran: info a b.spr\n"
        assert [p.name for p in cache.iterdir()] == ["kernel"]
