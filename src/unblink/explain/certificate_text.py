"""A certificate as a few lines of text. It claims no more than was explored."""

from __future__ import annotations

from unblink.explain.plain_text import count, neutral, seconds
from unblink.explain.summary import residual_odds
from unblink.model.certificate import Certificate


def certificate_lines(certificate: Certificate, *, path: str | None) -> list[str]:
    """Return what was done and what came of it, and where it is kept."""
    if not certificate.is_fixed:
        return [f"not fixed: {neutral(certificate.problem or '', 300)}"]
    stands = f"{certificate.followed} of {count(certificate.choices, 'choice')} could still be taken"
    lines = [
        "fixed, as far as was explored:",
        f"  the old witness passes ({stands})",
        f"  its neighbourhood passes ({count(certificate.neighbours, 'schedule')} of one flip)",
    ]
    runs = count(certificate.executions, "execution")
    if certificate.complete:
        space = "every distinct interleaving of the instrumented code passes"
        lines.append(f"  {space} ({certificate.interleavings} in {runs})")
    else:
        lines.append(f"  {runs} of the search pass{residual_odds(certificate.executions)}; not a proof")
    lines.append(f"  not explored: tasks held back for more than {seconds(certificate.stall)} in all")
    if path is not None:
        lines.append(f"  kept in {neutral(path, 200)}")
    return lines
