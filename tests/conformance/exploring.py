"""Explorations in a forked child: what they instrument, and the ground, go with it."""

import os
from pathlib import Path

import unblink
from unblink.exploration.isolation import in_child

BUDGET = "400x,20s"


def explore(body, **options):
    """Explore as `unblink.explore`, with this folder as the project: of the other tests' modules none is instrumented."""
    os.chdir(Path(__file__).parent)
    return unblink.explore(body, witnesses=None, **options)


def answers(body, budget=BUDGET):
    """Return every answer of `body` over the interleavings; none may fail.

    It runs once before: where the first run leaves something behind, executions are tried in processes of their own,
    and what they see stays there.
    """

    def work():
        body()
        seen = set()
        result = explore(lambda: seen.add(body()), budget=budget)
        return seen, "" if result.failure is None else result.report()

    seen, report = in_child(work)
    assert not report, report
    return seen


def explored(body, *, budget=BUDGET, **options):
    """Return the result of one exploration."""
    return in_child(lambda: explore(body, budget=budget, **options))


def findings(body):
    """Return (kind, pattern, title) of each finding that fails."""
    return [(str(f.kind), f.pattern, f.title) for f in explored(body).findings if not f.is_note]
