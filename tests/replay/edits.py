"""Mechanical edits that leave a program's meaning alone: those that a person makes who looks for a bug."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable, Iterator

Edit = Callable[[str], str]
_LOG = "logging.getLogger(__name__).info"


def unchanged(source: str) -> str:
    """Return the source as it is."""
    return source


def with_prints(source: str) -> str:
    """Print at the start of every function."""
    return _before_lines(source, _first_statements(source), lambda name: f"print('in', {name!r})")


def with_a_print_before_each_statement(source: str) -> str:
    """Print between all statements of every function."""
    return _before_lines(source, _statements(source), lambda name: f"print('in', {name!r}, flush=True)")


def with_comments(source: str) -> str:
    """Put a comment of its own line before each statement, and a file comment at the top."""
    return "# looked at\n# twice\n" + _before_lines(source, _statements(source), lambda _: "# here?")


def with_comments_on_the_lines(source: str) -> str:
    """Put a comment at the end of each line of code on which a statement or its head ends."""
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    commented = {one.start[0] for one in tokens if one.type == tokenize.COMMENT}
    ends = {one.start[0] for one in tokens if one.type == tokenize.NEWLINE} - commented
    lines = source.splitlines()
    return "\n".join(f"{line}  # seen" if n in ends else line for n, line in enumerate(lines, 1)) + "\n"


def with_logging(source: str) -> str:
    """Log before each statement of every function, the racing one among them."""
    return _with_import(_before_lines(source, _statements(source), lambda name: f"{_LOG}('in %s', {name!r})"))


def with_warnings_logged(source: str) -> str:
    """Log so that the handlers' locks are taken: a warning at the start of every function."""
    text = "logging.getLogger(__name__).warning"
    return _with_import(_before_lines(source, _first_statements(source), lambda name: f"{text}('in %s', {name!r})"))


def with_an_unrelated_function(source: str) -> str:
    """Put a function and a class that nobody uses before everything else."""
    return _after_imports(
        source,
        "def unrelated(values):\n    total = 0\n    for value in values:\n        total += value\n    return total\n\n\n"
        "class Unrelated:\n    def __init__(self):\n        self.value = unrelated([1, 2])\n\n\n",
    )


def with_moved_lines(source: str) -> str:
    """Move everything down, and put the methods of each class in the opposite order."""
    lines = source.splitlines()
    for owner in reversed([one for one in ast.walk(ast.parse(source)) if isinstance(one, ast.ClassDef)]):
        parts = [(_first_line(one), one.end_lineno or 0) for one in owner.body if isinstance(one, _FUNCTION)]
        if len(parts) < 2:
            continue
        texts = [lines[first - 1 : last] for first, last in parts]
        start, end = parts[0][0] - 1, parts[-1][1]
        if any(not isinstance(one, _FUNCTION) and start < one.lineno <= end for one in owner.body):
            continue
        moved = [line for text in reversed(texts) for line in [*text, ""]][:-1]
        lines[start:end] = moved
    return "\n" * 40 + "\n".join(lines) + "\n"


EDITS: dict[str, Edit] = {
    "as it was": unchanged,
    "prints": with_prints,
    "a print before each statement": with_a_print_before_each_statement,
    "comments": with_comments,
    "comments on the lines": with_comments_on_the_lines,
    "an unrelated function": with_an_unrelated_function,
    "logging before each statement": with_logging,
    "warnings logged": with_warnings_logged,
    "moved lines": with_moved_lines,
}

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])


def _functions(source: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, _FUNCTION):
            yield node


def _body(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    """Return the statements of a function without its docstring."""
    has_docstring = ast.get_docstring(node) is not None
    return node.body[1:] if has_docstring and len(node.body) > 1 else node.body


def _first_statements(source: str) -> list[tuple[ast.stmt, str]]:
    return [(_body(node)[0], node.name) for node in _functions(source)]


def _statements(source: str) -> list[tuple[ast.stmt, str]]:
    """Return each statement within a function that begins a line of its own."""
    found: dict[int, tuple[ast.stmt, str]] = {}
    for function in _functions(source):
        for node in ast.walk(function):
            for block in ("body", "orelse", "finalbody"):
                statements = getattr(node, block, None)
                if not isinstance(statements, list) or (node is not function and isinstance(node, _FUNCTION)):
                    continue
                for one in _body(node) if isinstance(node, _FUNCTION) else statements:
                    if isinstance(one, ast.stmt) and not _is_elif(source, one):
                        found.setdefault(one.lineno, (one, function.name))
    return [found[line] for line in sorted(found)]


def _is_elif(source: str, one: ast.stmt) -> bool:
    line = source.splitlines()[one.lineno - 1]
    return line.lstrip().startswith("elif") or line[: one.col_offset].strip() != ""


def _before_lines(source: str, places: list[tuple[ast.stmt, str]], text: Callable[[str], str]) -> str:
    lines = source.splitlines()
    for one, name in sorted(places, key=lambda place: place[0].lineno, reverse=True):
        first = min([one.lineno, *(d.lineno for d in getattr(one, "decorator_list", ()))])
        if lines[one.lineno - 1][: one.col_offset].strip():
            continue  # `def f(): return 1` on one line
        lines.insert(first - 1, " " * one.col_offset + text(name))
    return "\n".join(lines) + "\n"


def _after_imports(source: str, text: str) -> str:
    tree = ast.parse(source)
    last = 0
    for one in tree.body:
        is_text = isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
        if not (is_text or isinstance(one, ast.Import | ast.ImportFrom)):
            break
        last = one.end_lineno or last
    lines = source.splitlines(keepends=True)
    return "".join(lines[:last]) + ("\n\n" if last else "") + text + "".join(lines[last:])


def _with_import(source: str) -> str:
    return _after_imports(source, "import logging\n\n")
