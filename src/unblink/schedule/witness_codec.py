"""A witness as plain JSON values, and back, checked by hand.

Invariants:
- reading runs no code and builds nothing but the values of `unblink.model`; what is not exactly of the
  form below is refused with the JSON path of the offending value (`$.schedule[1].occurrence`);
- `from_plain(to_plain(storable(w))) == storable(w)`, and `storable` changes only what cannot be kept:
  overlong or unprintable text is cut or escaped.

A witness comes from other people (a bug report, a CI artefact), so it is read as hostile input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from unblink.model.errors import UsageError
from unblink.model.finding import Kind
from unblink.model.schedule import Controls, Preemption, Schedule
from unblink.model.site import SiteName
from unblink.model.witness import WITNESS_VERSION, Expected, Witness
from unblink.schedule.json_checks import (
    AGAIN,
    MAX_NUMBER,
    fields_of,
    integer_of,
    invalid,
    list_of,
    number_of,
    object_of,
    plain_line,
    shown,
    string_of,
    too_large,
)

MAX_PREEMPTIONS = 10_000
_MAX_EXTRA = 100


def storable(witness: Witness) -> Witness:
    """Return `witness` with every text in the form in which it is kept; see `plain_line`."""
    expected = witness.expected
    exception = None if expected.exception is None else plain_line(expected.exception)
    return replace(
        witness,
        target=plain_line(witness.target),
        expected=replace(expected, exception=exception, message=plain_line(expected.message)),
        schedule=_storable_schedule(witness.schedule),
        passing=None if witness.passing is None else _storable_schedule(witness.passing),
        controls=replace(
            witness.controls,
            epoch=float(witness.controls.epoch),
            stall=float(witness.controls.stall),
            extra={plain_line(key): plain_line(value) for key, value in witness.controls.extra.items()},
        ),
        needs_stall=float(witness.needs_stall),
        python=plain_line(witness.python),
        unblink=plain_line(witness.unblink),
    )


def to_plain(witness: Witness) -> dict[str, object]:
    """Return `witness` as JSON values, its keys in the order in which a person reads them."""
    expected, controls = witness.expected, witness.controls
    return {
        "version": witness.version,
        "target": witness.target,
        "expected": {
            "kind": expected.kind.value,
            "exception": expected.exception,
            "message": expected.message,
        },
        "needs_stall": witness.needs_stall,
        "schedule": [_plain_preemption(one) for one in witness.schedule.preemptions],
        "passing": None if witness.passing is None else [_plain_preemption(one) for one in witness.passing.preemptions],
        "controls": {
            "seed": controls.seed,
            "epoch": controls.epoch,
            "stall": controls.stall,
            "extra": dict(sorted(controls.extra.items())),
        },
        "python": witness.python,
        "unblink": witness.unblink,
    }


def from_plain(value: object) -> Witness:
    """Return the witness that `value`, as read from JSON, stands for.

    Raises: `UsageError` `witness-version` or `witness-invalid`.
    """
    found = object_of(value, "$")
    _check_version(found)
    fields = fields_of(found, "$", "version target expected needs_stall schedule passing controls python unblink")
    expected = fields_of(fields["expected"], "$.expected", "kind exception message")
    controls = fields_of(fields["controls"], "$.controls", "seed epoch stall extra")
    exception = expected["exception"]
    return Witness(
        target=string_of(fields["target"], "$.target", empty=False),
        expected=Expected(
            kind=_kind(expected["kind"], "$.expected.kind"),
            exception=None if exception is None else string_of(exception, "$.expected.exception", empty=False),
            message=string_of(expected["message"], "$.expected.message"),
        ),
        schedule=_schedule(fields["schedule"], "$.schedule"),
        passing=None if fields["passing"] is None else _schedule(fields["passing"], "$.passing"),
        controls=Controls(
            seed=integer_of(controls["seed"], "$.controls.seed", -(2**63), 2**64 - 1),
            epoch=number_of(controls["epoch"], "$.controls.epoch", -MAX_NUMBER),
            stall=number_of(controls["stall"], "$.controls.stall"),
            extra=_extra(controls["extra"], "$.controls.extra"),
        ),
        needs_stall=number_of(fields["needs_stall"], "$.needs_stall"),
        python=string_of(fields["python"], "$.python"),
        unblink=string_of(fields["unblink"], "$.unblink"),
    )


def _check_version(found: Mapping[str, object]) -> None:
    version = found.get("version")
    if type(version) is not int:
        raise invalid("$.version", "missing" if "version" not in found else f"{shown(version)} is not a whole number")
    if version == WITNESS_VERSION:
        return
    age = "newer" if version > WITNESS_VERSION else "older"
    cure = "update unblink" if age == "newer" else AGAIN
    fact = f"$.version: the witness has version {shown(version)}, {age} than {WITNESS_VERSION} (read here)"
    raise UsageError("witness-version", fact, cure)


def _plain_preemption(one: Preemption) -> dict[str, object]:
    site = one.site
    return {
        "task": one.task,
        "site": {
            "file": site.file,
            "function": site.function,
            "text": site.text,
            "operation": site.operation,
            "index": site.index,
        },
        "occurrence": one.occurrence,
        "to": one.to,
    }


def _storable_schedule(schedule: Schedule) -> Schedule:
    return Schedule(tuple(_storable_preemption(one) for one in schedule.preemptions))


def _storable_preemption(one: Preemption) -> Preemption:
    site = one.site
    kept = SiteName(
        plain_line(site.file),
        plain_line(site.function),
        plain_line(site.text),
        plain_line(site.operation),
        site.index,
    )
    return Preemption(plain_line(one.task), kept, one.occurrence, plain_line(one.to))


def _schedule(value: object, path: str) -> Schedule:
    entries = list_of(value, path, MAX_PREEMPTIONS)
    return Schedule(tuple(_preemption(entry, f"{path}[{index}]") for index, entry in enumerate(entries)))


def _preemption(value: object, path: str) -> Preemption:
    fields = fields_of(value, path, "task site occurrence to")
    site = fields_of(fields["site"], f"{path}.site", "file function text operation index")
    return Preemption(
        task=string_of(fields["task"], f"{path}.task", empty=False),
        site=SiteName(
            file=string_of(site["file"], f"{path}.site.file"),
            function=string_of(site["function"], f"{path}.site.function"),
            text=string_of(site["text"], f"{path}.site.text"),
            operation=string_of(site["operation"], f"{path}.site.operation"),
            index=integer_of(site["index"], f"{path}.site.index", 0, MAX_NUMBER),
        ),
        occurrence=integer_of(fields["occurrence"], f"{path}.occurrence", 1, MAX_NUMBER),
        to=string_of(fields["to"], f"{path}.to", empty=False),
    )


def _extra(value: object, path: str) -> dict[str, str]:
    found = object_of(value, path)
    if len(found) > _MAX_EXTRA:
        raise too_large(path, f"{len(found)} entries, more than {_MAX_EXTRA}")
    return {string_of(key, path): string_of(entry, f"{path}.{shown(key)}") for key, entry in found.items()}


def _kind(value: object, path: str) -> Kind:
    text = string_of(value, path)
    try:
        return Kind(text)
    except ValueError:
        known = ", ".join(kind.value for kind in Kind)
        raise invalid(path, f"{shown(text)} is no kind of finding; known are {known}") from None
