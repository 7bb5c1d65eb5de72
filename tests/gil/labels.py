"""What unblink says of the programs: one label for the race and one for the failure that comes of it.

    python -m tests.gil.labels NAME...

Prints one JSON object a program.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable

import unblink
from unblink.model.finding import Gil, Kind

from .programs import PROGRAMS, Claim, Counter

BUDGET = "200x"


def body(name: str, *, checks: bool) -> Callable[[], None]:
    """Return a body for `unblink.explore`, which fails if it `checks` and the program was broken."""

    def run() -> None:
        subject = PROGRAMS[name]()
        mine: list[object] = []

        def work(me: object) -> None:
            subject.step(me)
            if isinstance(subject, Claim) and subject.has(me):
                mine.append(me)

        threads = [threading.Thread(target=work, args=(object(),)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if checks:
            assert (subject.total() == 2) if isinstance(subject, Counter) else len(mine) == 1

    return run


def label(name: str, kind: Kind) -> Gil | None:
    """Return the label of the finding of that `kind`, or None where there is no such finding."""
    result = unblink.explore(body(name, checks=kind is Kind.FAILURE), BUDGET, witnesses=None)
    found = [finding.gil for finding in result.findings if finding.kind is kind]
    return found[0] if found else None


def main(arguments: list[str]) -> None:
    """Print the labels of the programs."""
    for name in arguments or PROGRAMS:
        race, failure = label(name, Kind.ATOMICITY_VIOLATION), label(name, Kind.FAILURE)
        print(json.dumps({"name": name, "race": race, "failure": failure}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
