"""A certificate: what was done to see that the bug of a witness is fixed, and what came of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

CERTIFICATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Certificate:
    """What `unblink verify` found.

    `choices` is how many the witness has, `followed` how many of them the changed code still lets be taken;
    `neighbours` are the schedules that differ from it in one choice; `executions` those of the search after that,
    `complete` whether they were all that there are (`interleavings` distinct ones). `problem` is None if nothing
    failed.
    """

    target: str
    witness: str
    choices: int
    followed: int
    neighbours: int
    executions: int
    complete: bool
    interleavings: int | None
    stall: float
    python: str
    unblink: str
    problem: str | None = None
    version: int = CERTIFICATE_VERSION

    @property
    def is_fixed(self) -> bool:
        """Whether the old witness, its neighbourhood and the search all passed."""
        return self.problem is None

    def as_json(self) -> dict[str, object]:
        """Return the certificate as the file holds it."""
        return {"verdict": "fixed" if self.is_fixed else "not fixed", **asdict(self)}
