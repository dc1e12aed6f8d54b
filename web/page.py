"""One HTML file that plays a .spr file offline and shows what it is made of."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
from pathlib import Path

from spritecodec.web.bundle import COMMENT, bundle

PAGE = Path(__file__).parent / "page"


def page_html(data: bytes, name: str) -> str:
    """The page of a file.

    Parameters
    ----------
    data : bytes
        The whole .spr file. It may be damaged: the page then says so, in one sentence.
    name : str
        What the page calls it.

    Returns
    -------
    str
        A whole HTML document, to be stored in UTF-8. It asks for nothing from outside, and its
        policy forbids that and every script but its own.
    """
    style = COMMENT.sub("", _read("page.css"))
    boot = _read("boot.js")
    # No module: where a page comes from a file, browsers start no worker from one.
    script = '"use strict";' + bundle(PAGE / "page.js").replace("import.meta.url", "location.href")
    player = gzip.compress(script.encode(), 9, mtime=0)
    policy = [
        "default-src 'none'",
        f"script-src '{_digest(boot)}' blob:",
        "worker-src blob:",
        f"style-src '{_digest(style)}'",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    page = _read("page.html")
    for mark, content in (
        ("policy", "; ".join(policy)),
        ("style", style),
        ("boot", boot),
        ("player", base64.b64encode(player).decode()),
        ("file", base64.b64encode(data).decode()),
        ("name", html.escape(name)),  # the last, because it may contain a mark
    ):
        page = page.replace(f"/* {mark} */", content)
    return page


def _read(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _digest(content: str) -> str:
    """What a policy calls an inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
