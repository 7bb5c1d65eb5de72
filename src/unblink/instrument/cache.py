"""Instrumented code, kept beside the `.pyc` files under a tag of our own.

`__pycache__/mod.cpython-312.unblink-1.pyc`; composed with pytest's rewriting, `…unblink-1-pytest-8.3.0.pyc`.
A file is valid for one source (time of change in nanoseconds, and size), one Python, and one state of the
pass itself: its own sources are part of the key, so a changed pass never meets old code. Like the import
system we are silent where nothing can be written, and a reader never meets half a file.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import marshal
import os
import sys
import zlib
from pathlib import Path
from types import CodeType
from typing import Final

from .compiled import Compiled

FORMAT: Final = 2
_PASS = (
    "sites.py",
    "scopes.py",
    "methods.py",
    "expressions.py",
    "calls.py",
    "transform.py",
    "static_attributes.py",
    "compiled.py",
)


@functools.cache
def pass_fingerprint() -> bytes:
    """Return four bytes that change when the pass does."""
    checksum = FORMAT
    for name in _PASS:
        try:
            checksum = zlib.crc32(Path(__file__).with_name(name).read_bytes(), checksum)
        except OSError:  # in an archive: it does not change under us
            continue
    return checksum.to_bytes(4, "little")


def cache_path(source: str, variant: str = "") -> Path | None:
    """Return where the code of `source` is kept, or `None` if this Python keeps none.

    `variant` tells apart what is compiled differently from the same source.
    """
    try:
        plain = importlib.util.cache_from_source(source)  # knows the prefix, the Python and its -O
    except NotImplementedError:
        return None
    stem, extension = os.path.splitext(plain)
    return Path(f"{stem}.unblink-{FORMAT}{variant}{extension}")


def load(source: str, stat: os.stat_result, flags: int, variant: str = "") -> Compiled | None:
    """Return what was stored for this state of `source`, or `None`."""
    path = cache_path(source, variant)
    if path is None:
        return None
    try:
        content = path.read_bytes()
        header = _header(stat, flags)
        if content[: len(header)] != header:
            return None
        code, sites = marshal.loads(content[len(header) :])
    except (OSError, EOFError, ValueError, TypeError):
        return None
    if not isinstance(code, CodeType) or code.co_filename != source:
        return None  # the file was moved together with its source
    return Compiled(code, sites)


def store(source: str, stat: os.stat_result, flags: int, compiled: Compiled, variant: str = "") -> None:
    """Keep `compiled` for this state of `source`, if bytecode may be written at all."""
    path = None if sys.dont_write_bytecode else cache_path(source, variant)
    if path is None:
        return
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{id(compiled)}")
    content = _header(stat, flags) + marshal.dumps((compiled.code, compiled.sites))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.st_mode & 0o666 | 0o200)
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _header(stat: os.stat_result, flags: int) -> bytes:
    return b"".join(
        [
            b"unblink\n",
            importlib.util.MAGIC_NUMBER,
            pass_fingerprint(),
            flags.to_bytes(4, "little"),
            stat.st_mtime_ns.to_bytes(8, "little", signed=True),
            stat.st_size.to_bytes(8, "little"),
        ]
    )
