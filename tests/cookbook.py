"""The commands of docs/cookbook.md, read from the page and run."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from spritecodec import cli

PAGE = Path(__file__).parent.parent / "docs" / "cookbook.md"


class Block(NamedTuple):
    """A fenced block of the page: its language and its text."""

    language: str
    text: str


def sections() -> dict[str, list[Block]]:
    """The blocks under each heading of the page."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {
        title: [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)]
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


def run_section(title: str, folder: Path, names: dict[str, Any]) -> None:
    """Run the blocks of a section in a folder; all must succeed.

    `names` are what the page's Python has defined so far; commands are lines that begin with
    ``spritecodec``.
    """
    with contextlib.chdir(folder):
        for block in sections()[title]:
            if block.language == "python":
                exec(compile(block.text, str(PAGE), "exec"), names)
            elif block.language == "sh":
                for line in block.text.splitlines():
                    program, *words = shlex.split(line, comments=True)
                    assert program == "spritecodec", line
                    assert cli.run(words) == 0, line
            else:
                assert block.language == "text", block
    assert os.listdir(folder)
