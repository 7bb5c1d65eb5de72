"""Witness files: versioned JSON, written whole or not at all, read as hostile input.

A witness is what people attach to bug reports and keep in CI, so the file is meant to be read by a person
(one value a line, stable order) and must be safe to open: nothing in it is run, sizes are checked before
anything is parsed, and every defect is a `UsageError` that says where it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import stat
from pathlib import Path
from typing import NoReturn

from unblink.model.errors import UsageError
from unblink.model.witness import Witness
from unblink.schedule.json_checks import AGAIN, invalid, plain_line, shown
from unblink.schedule.witness_codec import from_plain, storable, to_plain

MAX_BYTES = 1 << 20
DEFAULT_FOLDER = Path(".unblink")
_temporary_names = itertools.count()


def path_for(witness: Witness, folder: str | os.PathLike[str] = DEFAULT_FOLDER) -> Path:
    """Return the file in `folder` that is named by what `witness` says: equal witnesses share one file."""
    return Path(folder) / f"{hashlib.sha256(_encoded(witness)).hexdigest()[:12]}.json"


def dump(witness: Witness, path: str | os.PathLike[str]) -> None:
    """Write `witness` to `path`, whole or not at all; missing folders are made.

    The text is written beside `path`, forced to the disk and then renamed, so that a crash or a full disk
    leaves the old file or none. Overlong and unprintable text is kept as `storable` says.

    Raises: `UsageError` `witness-invalid` or `witness-too-large` for a witness that `load` would refuse,
    `witness-unwritable` when the file cannot be made.
    """
    content = _encoded(witness)
    try:
        _write_whole(Path(path), content)
    except (OSError, ValueError) as error:
        fact = f"the witness {shown(str(path), 400)} cannot be written: {_reason(error)}"
        raise UsageError("witness-unwritable", fact, "name a file in a folder that you may write to") from error


def load(path: str | os.PathLike[str]) -> Witness:
    """Return the witness in the file `path`.

    Raises: `UsageError` with one of the slugs `witness-missing`, `witness-too-large`, `witness-torn`,
    `witness-version`, `witness-invalid`, and nothing else, whatever the file holds.
    """
    name = shown(str(path), 400)
    content = _read(path, name)
    try:
        return from_plain(_parsed(content))
    except UsageError as error:
        raise UsageError(error.slug, f"{name}: {_fact(error)}", error.next_step) from None


def _encoded(witness: Witness) -> bytes:
    """Return the file's content, proved to be readable again."""
    plain = to_plain(storable(witness))
    from_plain(plain)
    text = json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False)
    if not all(line.isprintable() for line in text.split("\n")):
        text = json.dumps(plain, indent=1, allow_nan=False)  # so that showing the file shows no hidden characters
    content = (text + "\n").encode("utf-8")
    if len(content) > MAX_BYTES:
        raise UsageError("witness-too-large", f"the witness takes {len(content)} bytes, more than {MAX_BYTES}", AGAIN)
    return content


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{next(_temporary_names)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:  # a Ctrl-C must leave nothing behind either
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the rename durable where the system can; the file itself is whole already."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _read(path: str | os.PathLike[str], name: str) -> bytes:
    """Return the bytes of a regular file of a sane size; a pipe or a device is never read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                _refuse_missing(name, "it is not a file")
            content = b"" if status.st_size > MAX_BYTES else file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        _refuse_missing(name, _reason(error))
    if status.st_size > MAX_BYTES or len(content) > MAX_BYTES:
        size = max(status.st_size, len(content))
        raise UsageError("witness-too-large", f"{name} has {size} bytes, more than {MAX_BYTES}", "name a witness file")
    return content


def _refuse_missing(name: str, reason: str) -> NoReturn:
    fact = f"there is no witness to read at {name}: {reason}"
    raise UsageError("witness-missing", fact, f"look in the folder {DEFAULT_FOLDER}, or {AGAIN}")


def _parsed(content: bytes) -> object:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _torn(f"$: byte {error.start} is not UTF-8") from None
    try:
        return json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant, parse_int=_sane_integer
        )
    except RecursionError:
        raise invalid("$", "nested too deeply") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}: {error.msg}"
        what = place if text.strip() else "it is empty"
        raise _torn(f"$: {what}") from None


def _torn(fact: str) -> UsageError:
    what = f"the witness is cut short or damaged: {fact}"
    return UsageError("witness-torn", what, f"copy the file again, or {AGAIN}")


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise invalid(f"$..{shown(key)}", "the key stands there twice")
        found[key] = value
    return found


def _no_constant(text: str) -> NoReturn:
    raise invalid("$", f"{text} is no number of JSON")


def _sane_integer(text: str) -> int:
    if len(text) > 24:  # the standard library refuses only from 4,300 digits on
        raise invalid("$", f"the number {text[:24]}… has {len(text)} digits")
    return int(text)


def _reason(error: Exception) -> str:
    return plain_line(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _fact(error: UsageError) -> str:
    """Return the message of `error` without what `UnblinkError` adds to it."""
    return str(error).split("\n  next: ")[0].removesuffix(f" [{error.slug}]")
