"""The errors that unblink raises itself. Each has a slug; `docs/messages/<slug>.md` tells fact, evidence, next step."""

from __future__ import annotations


class UnblinkError(Exception):
    """Base of every error of unblink. `slug` names the page in docs/messages; `message` says what is the case,
    `next_step` what to do."""

    def __init__(self, slug: str, message: str, next_step: str = "") -> None:
        self.slug = slug
        self.message = message
        self.next_step = next_step
        text = f"{message} [{slug}]"
        if next_step:
            text += f"\n  next: {next_step}"
        super().__init__(text)


class UsageError(UnblinkError):
    """The caller asked for something that has no meaning: a nonsense budget, an unknown strategy, a torn witness."""


class DivergenceError(UnblinkError):
    """A replay did not follow its recording, or one schedule gave two different executions."""


class UncontrolledError(UnblinkError):
    """The program did something that cannot be controlled, so nothing can be claimed of it."""


class InternalError(UnblinkError):
    """A defect of unblink itself: please report it."""
