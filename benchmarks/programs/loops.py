"""Two asyncio tasks with three awaits each, and one HTTP request over loopback. None of these can fail."""

from __future__ import annotations

import asyncio
import threading
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer


class Box:
    def __init__(self) -> None:
        self.value = 0


async def add_three(box: Box, delay: float) -> None:
    for _ in range(3):
        await asyncio.sleep(delay)
        box.value += 1


async def two_tasks(delay: float) -> None:
    box = Box()
    await asyncio.gather(add_three(box, delay), add_three(box, delay))
    assert box.value == 6


def run_afresh(delay: float) -> Callable[[], None]:
    """Return a body that makes a loop of its own each time."""
    return lambda: asyncio.run(two_tasks(delay))


def run_on(loop: asyncio.AbstractEventLoop, delay: float) -> Callable[[], None]:
    """Return a body that runs on a loop which is kept."""

    def body() -> None:
        loop.run_until_complete(two_tasks(delay))

    return body


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        pass


def one_request() -> None:
    """Serve one request in a thread, and make it."""
    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/") as answer:
            assert answer.read() == b"hello"
        thread.join()
