"""Tracebacks of the program under test, without our frames."""

from __future__ import annotations

import traceback
from types import TracebackType

from unblink.ground.sources import Sources
from unblink.model.site import SourceLine


def where_of(exception: BaseException | None, sources: Sources) -> SourceLine | None:
    """Return the innermost line of the program's own code that `exception` came through."""
    found: SourceLine | None = None
    step = exception.__traceback__ if exception is not None else None
    while step is not None:
        code = step.tb_frame.f_code
        if not sources.is_foreign(code.co_filename):
            found = sources.frame_line(code, step.tb_lineno)
        step = step.tb_next
    return found


def text_of(exception: BaseException | None, sources: Sources) -> str:
    """Return the traceback as Python prints it, from the first frame of the program on."""
    if exception is None:
        return ""
    try:
        trimmed = without_our_frames(exception.__traceback__, sources)
        return "".join(traceback.format_exception(type(exception), exception, trimmed, chain=False))
    except Exception as problem:  # the exception's own __str__ may fail
        return f"{type(exception).__name__} (no traceback: {type(problem).__name__})"


def without_our_frames(step: TracebackType | None, sources: Sources) -> TracebackType | None:
    """Return a traceback without the frames that unblink and the test runner put before the program's own."""
    while step is not None and sources.is_foreign(step.tb_frame.f_code.co_filename):
        step = step.tb_next
    return step
