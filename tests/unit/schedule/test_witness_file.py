from __future__ import annotations

import builtins
import dataclasses
import errno
import functools
import json
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unblink.model.errors import UsageError
from unblink.model.finding import Kind
from unblink.model.schedule import CLOCK, Controls, Preemption, Schedule
from unblink.model.site import SiteName
from unblink.model.witness import Expected, Witness
from unblink.schedule.json_checks import MAX_STRING, plain_line
from unblink.schedule.witness_codec import storable
from unblink.schedule.witness_file import MAX_BYTES, dump, load, path_for

SITE = SiteName("counter.py", "Counter.bump", "self.value += 1", "write value")
WITNESS = Witness(
    target="tests/test_counter.py::test_bump",
    expected=Expected(Kind.FAILURE, "AssertionError", "assert 1 == 2"),
    schedule=Schedule((Preemption("main/0", SITE, 1, "main/1"), Preemption("main/1", SITE, 2, CLOCK))),
    passing=Schedule(),
    controls=Controls(seed=7, epoch=1.7e9, stall=1.0, extra={"hash seed": "0"}),
    needs_stall=0.5,
    python="3.13.0",
    unblink="0.1.0",
)
texts = st.text(st.characters(), max_size=40) | st.sampled_from(["é" * 5000, "\x1b[0m", "\ud800", "a\nb\tc", "\u2028"])
names = texts.filter(bool)
counts = st.integers(1, 10**12)
seconds = st.floats(0, 1e12)
preemptions = st.builds(
    Preemption, names, st.builds(SiteName, texts, texts, texts, texts, st.integers(0, 10**12)), counts, names
)
schedules = st.lists(preemptions, max_size=4).map(lambda made: Schedule(tuple(made)))
witnesses = st.builds(
    Witness,
    names,
    st.builds(Expected, st.sampled_from(Kind), st.none() | names, texts),
    schedules,
    st.none() | schedules,
    st.builds(
        Controls,
        st.integers(-(2**63), 2**64 - 1),
        st.floats(-1e12, 1e12),
        seconds,
        st.dictionaries(texts, texts, max_size=3),
    ),
    seconds,
    texts,
    texts,
)
in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@functools.cache
def content_of_the_witness() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w.json"
        dump(WITNESS, path)
        return path.read_bytes()


def refused(path: Path) -> UsageError:
    with pytest.raises(UsageError) as caught:
        load(path)
    assert caught.value.next_step
    return caught.value


def written(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    path = folder / "w.json"
    dump(WITNESS, path)
    plain = json.loads(path.read_text(encoding="utf-8"))
    change(plain)
    path.write_text(json.dumps(plain), encoding="utf-8")
    return path


def test_a_witness_comes_back_as_it_was(tmp_path: Path) -> None:
    path = path_for(WITNESS, tmp_path / "deep" / ".unblink")
    dump(WITNESS, path)
    assert load(path) == WITNESS
    assert re.fullmatch(r"[0-9a-f]{12}\.json", path.name)


@given(witnesses)
@in_one_folder
def test_any_witness_comes_back_in_its_storable_form(tmp_path: Path, witness: Witness) -> None:
    path = tmp_path / "w.json"
    dump(witness, path)
    assert load(path) == storable(witness) == storable(storable(witness))
    assert all(line.isprintable() for line in path.read_text(encoding="utf-8").split("\n"))


@given(st.text(st.characters(), max_size=50) | st.sampled_from(["x" * 9000, "字" * 3000, "\ud800" * 3000]))
def test_a_kept_line_is_short_harmless_and_kept_the_same_again(text: str) -> None:
    kept = plain_line(text)
    assert plain_line(kept) == kept
    assert len(kept.encode("utf-8")) <= MAX_STRING and "\x1b" not in kept


@given(st.integers(0, 10_000), st.binary(max_size=6), st.integers(0, 20))
@settings(max_examples=500, parent=in_one_folder)
def test_a_damaged_file_raises_nothing_but_a_usage_error(tmp_path: Path, at: int, put: bytes, cut: int) -> None:
    path = tmp_path / "w.json"
    content = content_of_the_witness()
    at %= len(content)
    path.write_bytes(content[:at] + put + content[at + cut :])
    try:
        assert isinstance(load(path), Witness)
    except UsageError as error:
        assert error.slug.startswith("witness-")


@given(st.integers(0, 2_000))
@in_one_folder
def test_a_file_that_is_cut_short_is_torn(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "w.json"
    content = content_of_the_witness().rstrip()
    path.write_bytes(content[: keep % len(content)])
    assert refused(path).slug == "witness-torn"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("x" * 5000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.data(), json_values)
@settings(max_examples=500, parent=in_one_folder)
def test_a_value_of_another_type_anywhere_is_refused_or_read_but_never_crashes(
    tmp_path: Path, data: st.DataObject, value: object
) -> None:
    path = tmp_path / "w.json"
    plain = json.loads(content_of_the_witness())
    inner: Any = plain
    while True:
        key = data.draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner))))
        if isinstance(inner[key], (dict, list)) and inner[key] and data.draw(st.booleans()):
            inner = inner[key]
            continue
        inner[key] = value
        break
    path.write_text(json.dumps(plain), encoding="utf-8")
    try:
        assert load(path) == storable(load(path))
    except UsageError as error:
        assert error.slug.startswith("witness-") and error.slug != "witness-missing"


def test_a_missing_file_a_folder_and_a_pipe_are_no_witness(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (
        tmp_path / "none.json",
        tmp_path,
        tmp_path / "pipe",
        Path("a\0b"),
        Path("/dev/zero"),
        Path("/dev/null"),
    ):
        assert refused(path).slug == "witness-missing"


def test_an_empty_file_and_one_that_is_not_utf8_are_torn(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    for content in (b"", b"  \n", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"{} {}"):
        path.write_bytes(content)
        assert refused(path).slug == "witness-torn"


@pytest.mark.parametrize(("version", "word"), [(0, "older"), (2, "newer"), (10**20, "newer")])
def test_another_version_is_named_older_or_newer(tmp_path: Path, version: int, word: str) -> None:
    error = refused(written(tmp_path, lambda plain: plain.update(version=version)))
    assert error.slug == "witness-version" and word in str(error)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda p: p.update(version="1"), "$.version"),
        (lambda p: p.update(version=True), "$.version"),
        (lambda p: p.pop("version"), "$.version"),
        (lambda p: p.pop("target"), "$.target"),
        (lambda p: p.update(target=""), "$.target"),
        (lambda p: p.update(target="a\x1b[2J"), "$.target"),
        (lambda p: p.update(surprise=1), "$.'surprise'"),
        (lambda p: p.update(schedule={}), "$.schedule"),
        (lambda p: p["schedule"].append(None), "$.schedule[2]"),
        (lambda p: p["schedule"][1].update(occurrence=0), "$.schedule[1].occurrence"),
        (lambda p: p["schedule"][1].update(occurrence=1.0), "$.schedule[1].occurrence"),
        (lambda p: p["schedule"][1].update(occurrence=True), "$.schedule[1].occurrence"),
        (lambda p: p["schedule"][0]["site"].update(index=-1), "$.schedule[0].site.index"),
        (lambda p: p["schedule"][0]["site"].update(line=3), "$.schedule[0].site.'line'"),
        (lambda p: p["expected"].update(kind="sabotage"), "$.expected.kind"),
        (lambda p: p["expected"].update(exception=3), "$.expected.exception"),
        (lambda p: p["controls"].update(seed=2**64), "$.controls.seed"),
        (lambda p: p["controls"].update(stall=-1), "$.controls.stall"),
        (lambda p: p["controls"].update(epoch=1e300), "$.controls.epoch"),
        (lambda p: p["controls"].update(extra={"a": 1}), "$.controls.extra.'a'"),
        (lambda p: p.update(needs_stall=None), "$.needs_stall"),
        (lambda p: p.update(needs_stall=float("nan")), "NaN"),
        (lambda p: p.update(needs_stall=float("inf")), "Infinity"),
    ],
)
def test_a_wrong_value_is_named_by_its_path(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], path: str
) -> None:
    error = refused(written(tmp_path, change))
    assert error.slug == "witness-invalid" and path in str(error)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.update(target="x" * 5000),
        lambda p: p.update(schedule=p["schedule"] * 6000),
        lambda p: p["controls"].update(extra={str(n): "" for n in range(101)}),
    ],
)
def test_absurd_sizes_are_refused(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    assert refused(written(tmp_path, change)).slug == "witness-too-large"


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # sparse: reading it would take all memory
    assert refused(path).slug == "witness-too-large"
    path.write_bytes(b"[" * MAX_BYTES)
    assert refused(path).slug == "witness-invalid"


@pytest.mark.parametrize(
    "content", ['{"a":' * 100_000, "[" * 200_000 + "]" * 200_000, "[1" + "0" * 5000 + "]", "[1e999]"]
)
def test_deep_and_huge_json_is_invalid_or_torn(tmp_path: Path, content: str) -> None:
    path = tmp_path / "w.json"
    path.write_text(content)
    assert refused(path).slug in ("witness-invalid", "witness-torn")


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    dump(WITNESS, path)
    path.write_text(path.read_text().replace('"target"', '"target": "x",\n "target"', 1))
    error = refused(path)
    assert error.slug == "witness-invalid" and "'target'" in str(error)


def test_many_keys_are_read_in_linear_time(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_text(json.dumps({str(n): 0 for n in range(70_000)}))
    assert refused(path).slug == "witness-invalid"


def test_loading_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, lambda plain: plain["expected"].update(exception="os.system('false')"))

    def never(*_: object, **__: object) -> None:
        raise AssertionError

    for name in ("eval", "exec", "__import__"):
        monkeypatch.setattr(builtins, name, never)
    found = load(path)
    monkeypatch.undo()
    assert found.expected.exception == "os.system('false')"


def test_an_error_names_the_file_and_hides_control_characters_in_its_name(tmp_path: Path) -> None:
    path = tmp_path / "w\x1b[2J.json"
    path.write_text("{")
    text = str(refused(path))
    assert "w\\x1b[2J.json" in text and "\x1b" not in text


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException
) -> None:
    path = tmp_path / "w.json"
    dump(WITNESS, path)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, call, fail)
    with pytest.raises((UsageError, KeyboardInterrupt)) as caught:
        dump(dataclasses.replace(WITNESS, target="other"), path)
    monkeypatch.undo()
    if isinstance(caught.value, UsageError):
        assert caught.value.slug == "witness-unwritable" and "No space left" in str(caught.value)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_a_file_where_a_folder_should_be_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as caught:
        dump(WITNESS, tmp_path / "file" / "w.json")
    assert caught.value.slug == "witness-unwritable"


@pytest.mark.parametrize(
    "witness",
    [
        dataclasses.replace(WITNESS, target=""),
        dataclasses.replace(WITNESS, needs_stall=float("nan")),
        dataclasses.replace(WITNESS, schedule=Schedule((Preemption("main", SITE, 0, "main"),))),
        dataclasses.replace(WITNESS, version=2),
        dataclasses.replace(WITNESS, schedule=Schedule(WITNESS.schedule.preemptions * 5001)),
    ],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path: Path, witness: Witness) -> None:
    with pytest.raises(UsageError):
        dump(witness, tmp_path / "w.json")
    assert list(tmp_path.iterdir()) == []


def test_a_person_can_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    dump(WITNESS, path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith('{\n "version": 1,\n "target": "tests/test_counter.py::test_bump",\n')
    assert '   "text": "self.value += 1",\n' in text.replace("    ", "   ")


def test_equal_witnesses_share_a_name_and_others_do_not() -> None:
    again = dataclasses.replace(WITNESS)
    other = dataclasses.replace(WITNESS, target="other")
    assert path_for(WITNESS) == path_for(again) != path_for(other)
    assert path_for(WITNESS).parent == Path(".unblink")
