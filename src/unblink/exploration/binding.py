"""Schedules by names: writing an execution's choices down, and finding the sites that a schedule names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from unblink.ground.sources import FIRST_SITE, Sources
from unblink.model.schedule import CLOCK, Preemption, Schedule
from unblink.schedule.plan import Choice, path_of, path_text

_Row = tuple[tuple[int, ...], int, int, tuple[int, ...] | None]
END_SITE = 1


def schedule_of(choices: Sequence[Choice], sources: Sources) -> Schedule:
    """Return `choices` as a witness writes them."""
    return Schedule(
        tuple(
            Preemption(
                path_text(choice.task),
                sources.name(choice.site),
                choice.occurrence,
                CLOCK if choice.to is None else path_text(choice.to),
            )
            for choice in choices
        )
    )


@dataclass(slots=True)
class Binding:
    """Maps the sites that a schedule names to the sites of this process, as these become known.

    `numbers` has the site of each preemption, 0 for those not known yet.
    """

    wanted: Sequence[Preemption]
    sources: Sources
    numbers: list[int]

    def offer(self, site: int) -> None:
        """Look whether `site` is one that the schedule names."""
        from unblink import _native

        if site < FIRST_SITE:
            return
        for number, preemption in enumerate(self.wanted):
            if self.numbers[number] or not self.sources.may_be(site, preemption.site):
                continue
            if self.sources.is_called(site, preemption.site):
                self.numbers[number] = site
                _native.bind(number, site)  # and it is a scheduling point from now on


@contextmanager
def bound(schedule: Schedule, sources: Sources) -> Iterator[Binding]:
    """Have directed executions run meanwhile follow `schedule`."""
    from unblink import _native

    binding = Binding(schedule.preemptions, sources, [0] * len(schedule))
    for number, preemption in enumerate(schedule.preemptions):
        if preemption.site == sources.name(END_SITE):
            binding.numbers[number] = END_SITE
    _native.direct(_rows(schedule, binding))
    for site in range(FIRST_SITE, _native.site_count()):
        binding.offer(site)
    _native.set_site_observer(binding.offer)
    try:
        yield binding
    finally:
        _native.set_site_observer(None)


def _rows(schedule: Schedule, binding: Binding) -> list[_Row]:
    return [
        (path_of(p.task), binding.numbers[n], p.occurrence, None if p.to == CLOCK else path_of(p.to))
        for n, p in enumerate(schedule.preemptions)
    ]
