"""The public face in Python: explore, replay, point, invariant."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from unblink.model.errors import UsageError

if TYPE_CHECKING:
    from unblink.exploration.result import Result
    from unblink.exploration.session import Session
    from unblink.model.witness import Witness

Body = Callable[[], Any]
_session: Session | None = None


def explore(
    body: Body,
    budget: object = "1000x,5s",
    strategy: str = "auto",
    seed: int = 0,
    stall: float = 1.0,
    *,
    cancel: bool = False,
    include: tuple[str, ...] = (),
    witnesses: str | None = ".unblink",
) -> Result:
    """Run `body` afresh under one schedule after another, and say what was found.

    `budget` bounds the search (`"1000x"`, `"5s"`, or both with a comma); `stall` is the most virtual time, in
    seconds, for which tasks may be held back in a failure; `cancel` has asyncio tasks cancelled where they await;
    `include` names packages beyond the project to instrument; `witnesses` is the folder for witness files, None for
    none.

    Raises:
        UsageError: an argument has no meaning, or an execution is active already.
        UncontrolledError: this Python cannot be controlled, or an event loop that `body` runs.
        KeyboardInterrupt: Ctrl-C; what was found is written before.
    """
    from unblink.exploration.interrupt import was_pressed
    from unblink.exploration.settings import Settings, parse_budget, parse_seed, parse_stall, parse_strategy
    from unblink.exploration.target import Target

    _check_body(body)
    settings = Settings(
        parse_budget(budget), parse_strategy(strategy), parse_seed(seed), parse_stall(stall), cancels=bool(cancel)
    )
    session = _open_session(include)
    name = _name_of(body)
    result, _ = session.explore(
        Target(body, name),
        settings,
        replay=lambda path: f'unblink.replay("{path}", {_short(name)})',
        folder=witnesses,
        unseen=_unseen(body, session),
    )
    if result.interrupted or was_pressed():
        raise KeyboardInterrupt
    return result


def replay(witness: str | os.PathLike[str] | Witness, body: Body) -> Result:
    """Run `body` along a witness (a file, or `result.witness_value`); return what it shows.

    Raises:
        UsageError: the file is no witness that can be read.
        DivergenceError: the program did not follow the recording, or did not fail as it must.
    """
    from unblink.exploration.target import Target
    from unblink.model.witness import Witness
    from unblink.schedule import witness_file

    _check_body(body)
    loaded = witness if isinstance(witness, Witness) else witness_file.load(witness)
    result, _ = _open_session(()).replay(loaded, Target(body, _name_of(body)))
    return result


def point() -> None:
    """Offer a scheduling point here. Outside an execution it does nothing."""
    module = sys.modules.get("unblink._native")
    if module is not None:
        module.point()


def invariant(check: Callable[[], Any]) -> None:
    """Have `check` called at the scheduling points of this execution; where it returns False or raises, it fails.

    `check` must only look: what it does is no operation of the program. Outside an execution it is called once.
    """
    from unblink.exploration.invariants import register

    register(check)


def _check_body(body: object) -> None:
    if not callable(body):
        raise UsageError("no-target", f"{body!r} cannot be called", "give a function that takes no arguments")


def _open_session(include: tuple[str, ...]) -> Session:
    """Return the process's session; the first call opens it, for as long as the process lives."""
    global _session
    from unblink.exploration.session import Session

    if _session is None or include:
        if _session is not None:
            _session.close()
        _session = Session(os.getcwd(), include, within_program=True)
        _session.__enter__()
        atexit.register(_session.close)
    else:
        _session.instrument_loaded_modules()
    return _session


def _unseen(body: Body, session: Session) -> tuple[str, ...]:
    """Return a remark if the body's own module is not among those that are instrumented."""
    code = getattr(body, "__code__", None) or getattr(getattr(body, "__func__", None), "__code__", None)
    path = getattr(code, "co_filename", "")
    if not path.endswith(".py") or session.instrumenter.wants(getattr(body, "__module__", "") or "", path):
        return ()
    return (f"the code of {os.path.basename(path)}, which is outside of the project [not-instrumented]",)


def _name_of(body: Body) -> str:
    module = getattr(body, "__module__", None) or "__main__"
    return f"{module}:{getattr(body, '__qualname__', type(body).__qualname__)}"


def _short(name: str) -> str:
    return name.partition(":")[2]
