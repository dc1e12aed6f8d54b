"""A real headless browser for the tests: Chromium, driven through pipes, and a server of files."""

from __future__ import annotations

import base64
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WEB = Path(__file__).parent.parent / "web"
SECONDS = 120.0  # after which an answer will not come any more, on a machine with much else to do

# Chromium reads commands from descriptor 3 and answers on 4.
LAUNCHER = """
import os, sys
os.dup2(int(sys.argv[1]), 3, inheritable=True)
os.dup2(int(sys.argv[2]), 4, inheritable=True)
os.execv(sys.argv[3], sys.argv[3:])
"""
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--mute-audio",
    "--hide-scrollbars", "--autoplay-policy=no-user-gesture-required",
    "--disable-renderer-backgrounding", "--disable-dev-shm-usage", "--remote-debugging-pipe",
]  # fmt: skip


class PageError(Exception):
    """A script in the page threw."""


def find_chromium() -> str | None:
    """The browser's path; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """One Chromium. Close it, or use it in a ``with`` statement."""

    def __init__(self, executable: str) -> None:
        self._profile = tempfile.mkdtemp(prefix="spritecodec-chromium-")
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        words = [sys.executable, "-c", LAUNCHER, str(theirs_in), str(theirs_out), executable]
        self._process = subprocess.Popen(
            [*words, *FLAGS, f"--user-data-dir={self._profile}", "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._out = open(ours_out, "wb", buffering=0)  # noqa: SIM115 - closed with the browser
        self._in = open(ours_in, "rb")  # noqa: SIM115
        self._number = 0
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self.events: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        buffer = b""
        while data := self._in.read1(1 << 16):
            *messages, buffer = (buffer + data).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._answers[message["id"]].put(message)
                else:
                    self.events.append(message)

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """One command of the DevTools protocol; returns its result."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        self._answers[number] = queue.Queue()
        self._out.write(json.dumps(message).encode() + b"\0")
        answer = self._answers[number].get(timeout=SECONDS)
        del self._answers[number]
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    @contextmanager
    def page(self, url: str, width: int = 1280, height: int = 800) -> Iterator[Page]:
        """A page of its own, loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        page.call("Page.enable")
        page.call("Runtime.enable")
        page.call("Log.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        page.call("Emulation.setDeviceMetricsOverride", **size)
        page.open(url)
        try:
            yield page
        finally:
            self.call("Target.closeTarget", targetId=target)

    def close(self) -> None:
        self._out.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._in.close()
        shutil.rmtree(self._profile, ignore_errors=True)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Page:
    """One page of the browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **parameters)

    def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        self.call("Page.navigate", url=url)
        self.evaluate(
            f"""new Promise((done) => {{
              const look = () => location.href.startsWith({json.dumps(url.partition("#")[0])})
                && document.readyState === "complete" ? done() : setTimeout(look, 10);
              look();
            }})"""
        )

    def evaluate(self, script: str, *arguments: Any) -> Any:
        """What an expression (its promise, if it is one) comes to; with arguments, a function's.

        Raises
        ------
        PageError
            It throws.
        """
        if arguments:
            script = f"({script})(...{json.dumps(arguments)})"
        # While a page is being replaced, a promise of the old one never settles.
        for _ in range(20):
            try:
                found = self.call(
                    "Runtime.evaluate",
                    expression=script,
                    awaitPromise=True,
                    returnByValue=True,
                    userGesture=True,
                )
            except PageError as e:
                if "context was destroyed" in str(e) or "navigated" in str(e):
                    continue
                raise
            if "exceptionDetails" in found:
                details = found["exceptionDetails"]
                raise PageError(details.get("exception", {}).get("description", str(details)))
            return found["result"].get("value")
        raise PageError("the page is replaced again and again")

    def until(self, condition: str) -> None:
        """Wait until an expression holds."""
        end = time.monotonic() + SECONDS
        while not self.evaluate(condition):
            if time.monotonic() > end:
                raise PageError(f"it never holds: {condition}")
            time.sleep(0.01)

    def press(self, key: str, code: str = "", modifiers: int = 0) -> None:
        """Press and release a key."""
        text = key if len(key) == 1 else ""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=code or key,
                windowsVirtualKeyCode={"Escape": 27, "Tab": 9, "Enter": 13}.get(key, 0),
                text=text if kind == "keyDown" else "",
                modifiers=modifiers,
            )

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Move ("mouseMoved"), press or release ("mousePressed", "mouseReleased") the mouse."""
        pressed = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **pressed)

    def media(self, **features: str) -> None:
        """Pretend that the user prefers something, for example prefers_color_scheme="dark"."""
        named = [{"name": k.replace("_", "-"), "value": v} for k, v in features.items()]
        self.call("Emulation.setEmulatedMedia", features=named)

    def screenshot(self, whole: bool = False) -> bytes:
        """What it looks like, as PNG."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(found["data"])

    def complaints(self) -> list[str]:
        """What the page wrote on its console as an error, and what it threw."""
        found = []
        for event in self._browser.events:
            if event.get("sessionId") != self._session:
                continue
            what, details = event["method"], event["params"]
            if what == "Runtime.exceptionThrown":
                thrown = details["exceptionDetails"]
                found.append(thrown.get("exception", {}).get("description", thrown["text"]))
            elif what == "Runtime.consoleAPICalled" and details["type"] == "error":
                found.append(" ".join(str(a.get("value", a)) for a in details["args"]))
            elif what == "Log.entryAdded" and details["entry"]["level"] == "error":
                found.append(details["entry"]["text"])
        return found


class Server:
    """Serves the folder `web` under /web/, and `files` (path to bytes), with ranges or without.

    Attributes
    ----------
    files : dict of str to bytes
        What lies at "/name".
    ranges : bool
        Whether parts of files are sent.
    sent : list of (str, int)
        Path and number of bytes of every answer.
    """

    def __init__(self) -> None:
        page = b"<!doctype html><title>a page</title>"
        self.files: dict[str, bytes] = {"/": page, "/favicon.ico": b""}
        self.ranges = True
        self.sent: list[tuple[str, int]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _content(self, path: str) -> bytes | None:
        if path in self.files:
            return self.files[path]
        file = (WEB / path.removeprefix("/web/")).resolve()
        inside = path.startswith("/web/") and file.is_relative_to(WEB.resolve())
        return file.read_bytes() if inside and file.is_file() else None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self
        kinds = {"js": "text/javascript", "html": "text/html", "": "text/html", "css": "text/css"}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                content = outer._content(path)
                if content is None:
                    self.send_error(404)
                    return
                size = len(content)
                asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
                if asked is not None and outer.ranges:
                    first, last = int(asked[1]), min(int(asked[2]), size - 1)
                    content = content[first : last + 1]
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
                else:
                    self.send_response(200)
                kind = kinds.get(path.rpartition(".")[2] if "." in path else "")
                self.send_header("Content-Type", kind or "application/octet-stream")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                outer.sent.append((path, len(content)))

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
