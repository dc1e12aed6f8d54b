"""``spritecodec play``."""

from __future__ import annotations

import secrets
import threading
import webbrowser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import click

from spritecodec.cli.page import read_page
from spritecodec.errors import OutputError

EPILOG = """\b
Examples:
  spritecodec play game.spr
  spritecodec play game.spr --no-browser        # only says where it is
"""


@click.command(epilog=EPILOG, short_help="Play a .spr file in the browser.")
@click.argument("source", metavar="FILE.spr", type=click.Path())
@click.option("--no-browser", is_flag=True, help="Open nothing; somebody else will.")
def command(source: str, no_browser: bool) -> None:
    """Play FILE.spr in the browser, until Ctrl-C.

    The page is the one of `spritecodec page`. Nothing is written, and only this machine, with the
    address that is printed, can read it.
    """
    page = read_page(source)
    path = f"/{secrets.token_urlsafe(16)}/"
    try:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler(path, page))
    except OSError as e:
        raise OutputError(f"cannot listen on 127.0.0.1: {e.strerror or e}") from e
    address = f"http://127.0.0.1:{server.server_address[1]}{path}"
    click.echo(f"{source} plays at {address}")
    click.echo("Ctrl-C ends it.")
    if not no_browser:
        # In a thread, because a browser in the terminal does not come back before it is left.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo("Ended.")
    finally:
        server.server_close()


def handler(path: str, page: bytes) -> type[BaseHTTPRequestHandler]:
    """Answers with the page, at its path and under its own name alone."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # A page of another site whose name was made to mean this machine has another Host.
            host, _, port = self.headers.get("Host", "").rpartition(":")
            own = host in ("127.0.0.1", "localhost") and port == str(self.server.server_port)  # type: ignore[attr-defined]
            if not own or not secrets.compare_digest(self.path.encode(), path.encode()):
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
