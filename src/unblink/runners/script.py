"""A script or a module run as `__main__`, as the body of executions."""

from __future__ import annotations

import importlib
import importlib.util
import io
import os
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from unblink.exploration.result import Result
from unblink.exploration.session import Session
from unblink.exploration.settings import Settings
from unblink.exploration.target import Target
from unblink.model.certificate import Certificate
from unblink.model.errors import UsageError
from unblink.schedule import witness_file


class ScriptFailed(Exception):
    """The script ended with an exit status that is not 0."""


@dataclass(frozen=True, slots=True)
class Script:
    """What is run as `__main__`: the file at `path`, with `arguments`; `module` is its name if run with -m."""

    path: str
    arguments: tuple[str, ...]
    module: str | None = None

    @classmethod
    def named(cls, module: str | None, words: list[str]) -> Script:
        """Return the script that the command line names.

        Raises:
            UsageError: `no-target`.
        """
        if module is not None:
            return cls(_file_of_module(module), tuple(words), module)
        if not words:
            raise UsageError("no-target", "no script was named", "unblink run SCRIPT [ARGUMENTS], or -m MODULE")
        path, *arguments = words
        if not os.path.isfile(path):
            raise UsageError("no-target", f"there is no script {path}", "name a Python file, or -m MODULE")
        return cls(os.path.abspath(path), tuple(arguments))

    @classmethod
    def of_target(cls, target: str) -> Script:
        """Return the script that a witness is of: `script:PATH`, `module:NAME`, each with its arguments by line."""
        kind, _, rest = target.partition(":")
        name, *arguments = rest.split("\n")
        if kind == "script":
            return cls.named(None, [name, *arguments])
        if kind == "module":
            return cls.named(name, arguments)
        raise UsageError(
            "no-target",
            f"the witness is of {target!r}, which was explored from Python",
            "call unblink.replay(witness, body) with that body",
        )

    @property
    def target_name(self) -> str:
        """How witnesses name this script."""
        name = f"module:{self.module}" if self.module else f"script:{os.path.relpath(self.path)}"
        return "\n".join([name, *self.arguments])

    @property
    def command(self) -> str:
        """The words after `unblink run` that name this script."""
        name = f"-m {self.module}" if self.module else os.path.relpath(self.path)
        return " ".join([name, *self.arguments])


def explore_script(script: Script, settings: Settings, include: Iterable[str]) -> Result:
    """Explore the script; only its first execution and the failing one print what they print."""
    with _session_for(script, include) as (session, target):
        result, _ = session.explore(
            target, settings, replay=lambda path: f"unblink run --race-replay={path} {script.command}"
        )
        return result


def replay_script(script: Script, witness: str, include: Iterable[str]) -> Result:
    """Run the script along a witness.

    Raises:
        DivergenceError: it did not follow the recording.
    """
    loaded = witness_file.load(witness)
    with _session_for(script, include) as (session, target):
        line = f"unblink run --race-replay={witness} {script.command}"
        result, _ = session.replay(loaded, target, line=line)
        return result


def verify_script(script: Script, witness: str, settings: Settings) -> tuple[Certificate, Result]:
    """See whether what a witness of the script shows is fixed.

    Raises:
        UsageError: the file is no witness that can be read.
    """
    loaded = witness_file.load(witness)
    with _session_for(script, ()) as (session, target):
        certificate, result, _ = session.verify(
            loaded,
            target,
            settings,
            path=witness,
            replay=lambda path: f"unblink run --race-replay={path} {script.command}",
        )
        return certificate, result


@contextmanager
def _session_for(script: Script, include: Iterable[str]) -> Iterator[tuple[Session, Target]]:
    before = sys.argv, sys.path[:]
    sys.argv = [script.path, *script.arguments]
    sys.path.insert(0, os.getcwd() if script.module else os.path.dirname(script.path))
    root = _root_of(script.path)
    try:
        with Session(root, include, hook_module_level=True) as session:
            code = session.instrumenter.code(script.path, hook_module_level=True)
            yield (
                session,
                Target(_quietly(_body(script, code)), script.target_name, official=_body(script, code)),
            )
    finally:
        sys.argv, sys.path[:] = before


def _root_of(path: str) -> str:
    """Return the project a script belongs to: the working directory if it is below that, else its own."""
    here = os.getcwd()
    return here if os.path.abspath(path).startswith(here + os.sep) else os.path.dirname(os.path.abspath(path))


def _body(script: Script, code: types.CodeType) -> Callable[[], Any]:
    def body() -> None:
        module = types.ModuleType("__main__")
        module.__file__ = script.path
        if script.module is not None:
            module.__package__ = script.module.rpartition(".")[0]
        before = sys.modules.get("__main__")
        sys.modules["__main__"] = module
        try:
            exec(code, module.__dict__)
        except SystemExit as end:
            if end.code not in (None, 0):
                raise ScriptFailed(f"exit status {end.code}") from None
        finally:
            if before is not None:
                sys.modules["__main__"] = before

    return body


def _quietly(body: Callable[[], Any]) -> Callable[[], Any]:
    def quiet() -> None:
        before = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = io.StringIO()
        try:
            body()
        finally:
            sys.stdout, sys.stderr = before

    return quiet


def _file_of_module(name: str) -> str:
    sys.path.insert(0, os.getcwd())
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except (ImportError, ValueError, AttributeError):
        spec = None
    finally:
        sys.path.pop(0)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise UsageError("no-target", f"there is no module {name} that has Python source", "check the name")
    return spec.origin
