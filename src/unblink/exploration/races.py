"""From racing pairs to findings: confirmed, steered, judged.

The detector's pairs are candidates, since an address may have been used again for another object. Each is confirmed
by one more execution of the schedule that showed it, in which every object is kept alive; that execution also has the
stacks of both accesses. A pair of which one task goes on to use the location is an atomicity violation if another
access in between cannot be serialised: then an execution is steered into that order, and its end state is compared
with the serial ones'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from unblink.explain.patterns import named
from unblink.explain.triples import Triple, could_be, triples
from unblink.exploration.explorer import Sighting
from unblink.exploration.gil_labels import gil_reason
from unblink.exploration.observation import RaceSeen, Recording
from unblink.exploration.runner import Interrupted
from unblink.ground.real_time import real_seconds
from unblink.model.finding import Event, Finding, Gil, Kind
from unblink.model.schedule import Schedule
from unblink.schedule.plan import Plan, Step

MOST_CONFIRMED = 40
MOST_REPORTED = 10
SECONDS = 3.0


class Records(Protocol):
    """What can run a plan and watch it closely."""

    def record(self, plan: Plan, watched: Sequence[int] = ()) -> Recording: ...
    def schedule(self, steps: tuple[Step, ...]) -> Schedule: ...
    def sites_of(self, events: Iterable[Event]) -> tuple[int, ...]: ...


@dataclass(frozen=True, slots=True)
class _Confirmed:
    """A race as it was seen, with the whole execution."""

    seen: RaceSeen
    recording: Recording
    sighting: Sighting

    @property
    def events(self) -> tuple[Event, Event]:
        """The two accesses."""
        events = self.recording.events
        return events[self.seen.first - 1], events[self.seen.second - 1]


def findings_of(
    sightings: Iterable[Sighting], runner: Records, *, seed: int, stall_ns: int, strict: bool
) -> tuple[Finding, ...]:
    """Return one finding for each location on which a race is confirmed, the most telling first."""
    by_target: dict[str, _Confirmed] = {}
    judged = _Judge(runner, seed, stall_ns)
    try:
        for confirmed in _confirmed(sightings, runner, seed, stall_ns):
            target = min((event.target for event in confirmed.events), key=len)
            known = by_target.get(target)
            if known is None or _telling(confirmed) > _telling(known):
                by_target[target] = confirmed
        found = [judged.finding(confirmed, strict=strict) for confirmed in list(by_target.values())[:MOST_REPORTED]]
    except Interrupted:
        found = []
    return tuple(sorted(found, key=lambda finding: finding.kind is Kind.RACE))


def _telling(confirmed: _Confirmed) -> int:
    first, second = confirmed.seen.pair.first_writes, confirmed.seen.pair.second_writes
    return int(first) + int(second)


def _confirmed(sightings: Iterable[Sighting], runner: Records, seed: int, stall_ns: int) -> Iterator[_Confirmed]:
    """Yield the pairs that are races of the program's own objects."""
    until = real_seconds() + SECONDS
    left = MOST_CONFIRMED
    done: set[tuple[int, int]] = set()
    wanted = list(sightings)
    for sighting in wanted:
        if sighting.pair.key in done:
            continue
        if left == 0 or real_seconds() > until:
            return
        left -= 1
        watched = sorted({site for other in wanted for site in other.pair.key})
        stall = max(stall_ns, sighting.stalled_ns)
        recording = runner.record(Plan("directed", seed, stall, choices=sighting.steps), watched)
        for seen in recording.races:
            if seen.pair.key not in done:
                done.add(seen.pair.key)
                yield _Confirmed(seen, recording, sighting)


class _Judge:
    """Tells atomicity violations from mere lack of order, and harmful ones from benign ones."""

    def __init__(self, runner: Records, seed: int, stall_ns: int) -> None:
        self._runner = runner
        self._seed = seed
        self._stall_ns = stall_ns

    def finding(self, confirmed: _Confirmed, *, strict: bool) -> Finding:
        """Return the finding for a confirmed race."""
        first, second = confirmed.events
        recording = confirmed.recording
        plain = Finding(
            kind=Kind.RACE,
            title="",
            pattern=None,
            where=second.at,
            gil=Gil.CAN_HAPPEN,
            is_note=not strict,
            tasks=recording.tasks,
            events=recording.events,
            racing=(confirmed.seen.first, confirmed.seen.second),
            stacks=confirmed.seen.stacks,
        )
        try:
            return self._violation(plain, recording, (first, second)) or named(plain)
        except Interrupted:
            raise
        except Exception:  # a report never fails while it reports
            return replace(plain, title=f"unordered access to {second.target}")

    def _violation(self, plain: Finding, recording: Recording, racing: tuple[Event, Event]) -> Finding | None:
        target = min((event.target for event in racing), key=len)
        done = [triple for triple in triples(recording.events) if _is_of(triple, target)]
        wished = [triple for triple in could_be(recording.events) if _is_of(triple, target)]
        for triple in [*done, *wished][:3]:
            ended = self._steered(triple)
            if ended is None:
                continue
            steered, broken = ended
            shown = [each for each in triples(broken.events) if _same(each, triple)]
            gil = broken.gil_between(shown[0].first, shown[0].second) if shown else Gil.UNKNOWN
            finding = replace(
                plain,
                kind=Kind.ATOMICITY_VIOLATION,
                where=triple.second.at,
                events=broken.events,
                racing=(shown[0].first.number, shown[0].between.number) if shown else plain.racing,
                stacks=next((seen.stacks for seen in broken.races if len(seen.stacks) == 2), ()),
                message=steered,
                gil=gil,
                gil_reason=gil_reason(gil, triple.first, triple.second),
            )
            if shown:
                return named(finding)
        if done or wished:
            triple = (done or wished)[0]
            return (
                named(
                    replace(
                        plain,
                        kind=Kind.ATOMICITY_VIOLATION,
                        gil=recording.gil_between(triple.first, triple.second),
                        message="unconfirmed: no execution could be steered into it",
                    )
                )
                if triple in done
                else None
            )
        return None

    def _steered(self, triple: Triple) -> tuple[str, Recording] | None:
        """Return the verdict on `triple` and the execution that has it; None if none could be had."""
        sites = self._runner.sites_of((triple.first, triple.between, triple.second))
        if len(sites) != 3:
            return None
        first, between, second = sites
        broken = self._run(first, second, between)
        if broken is None or not any(_same(each, triple) for each in triples(broken.events)):
            return None
        target = triple.second.target
        serial = [self._run(0, 0, 0), self._run(0, first, between)]
        ends = [_end_of(recording.events, target) for recording in serial if recording is not None]
        ended = _end_of(broken.events, target)
        if ended is None or None in ends:
            return "unconfirmed: the end state could not be read", broken
        if ended in ends:
            return f"benign here: {target} ends as {ended}, as it does in a serial order", broken
        either = " or ".join(dict.fromkeys(str(end) for end in ends))
        return f"harmful: {target} ends as {ended}, and as {either} when the tasks come one after the other", broken

    def _run(self, before: int, held: int, until: int) -> Recording | None:
        from unblink import _native

        _native.steer(before, held, until)
        return self._runner.record(Plan("steered", self._seed, self._stall_ns), (before, held, until))


def _is_of(triple: Triple, target: str) -> bool:
    return target in (triple.first.target, triple.second.target, triple.between.target)


def _same(one: Triple, other: Triple) -> bool:
    return _lines(one) == _lines(other)


def _lines(triple: Triple) -> tuple[object, ...]:
    return tuple((e.at.file, e.at.line, e.operation) for e in (triple.first, triple.between, triple.second))


def _end_of(events: Sequence[Event], target: str) -> str | None:
    values = [event.value for event in events if event.target == target and event.value is not None]
    return values[-1] if values else None
