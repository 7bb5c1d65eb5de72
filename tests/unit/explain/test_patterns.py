from __future__ import annotations

import dataclasses

import pytest
from short_events import at, events, finding

from unblink.explain import diagnosis as names
from unblink.explain.patterns import diagnose, key_line, named
from unblink.model.finding import Kind, Waiting
from unblink.model.schedule import Stall


def pattern_of(*steps: tuple[object, ...], **fields: object) -> str | None:
    found = diagnose(finding(events(*steps), **fields))  # type: ignore[arg-type]
    return found.pattern if found else None


LOST = (
    (1, "read", "C.n", 3, "self.n += 1", "0"),
    (2, "read", "C.n", 3, "self.n += 1", "0"),
    (2, "write", "C.n", 3, "self.n += 1", "1"),
    (1, "write", "C.n", 3, "self.n += 1", "1", "!"),
)


def test_a_preempted_read_modify_write_is_a_lost_update() -> None:
    found = named(finding(events(*LOST)))
    assert (found.pattern, found.title) == (names.LOST_UPDATE, "lost update of C.n")
    assert found.where is not None and found.where.line == 3
    assert found.fix.startswith("no other task writes C.n")


def test_a_read_and_a_write_on_two_lines_are_a_lost_update_too() -> None:
    steps = (
        (1, "read", "C.n", 3, "n = self.n", "0"),
        (2, "update", "C.n", 9, "self.n.add(1)", "1"),
        (1, "write", "C.n", 4, "self.n = n + 1", "1", "!"),
    )
    assert pattern_of(*steps) == names.LOST_UPDATE


def test_a_check_that_went_stale_is_check_then_act_and_names_the_check() -> None:
    steps = (
        (1, "read", "d['k']", 3, "if k not in d:", "absent"),
        (2, "write", "d['k']", 4, "d[k] = make()", "1"),
        (1, "write", "d['k']", 4, "d[k] = make()", "2", "!"),
    )
    assert pattern_of(*steps) == names.CHECK_THEN_ACT
    line = key_line(finding(events(*steps)))
    assert line is not None and line.line == 3


def test_a_check_on_the_whole_container_covers_its_items() -> None:
    steps = (
        (1, "read", "xs", 3, "if xs:", "[1]"),
        (2, "update", "xs", 4, "xs.pop()", "1"),
        (1, "update", "xs", 4, "xs.pop()", "IndexError", "!"),
    )
    assert pattern_of(*steps) == names.CHECK_THEN_ACT


def test_none_checked_and_made_twice_is_lazy_initialisation() -> None:
    steps = (
        (1, "read", "M.pool", 3, "if self.pool is None:", "None"),
        (2, "write", "M.pool", 4, "self.pool = Pool()", "<Pool 1>"),
        (1, "write", "M.pool", 4, "self.pool = Pool()", "<Pool 2>", "!"),
    )
    assert pattern_of(*steps) == names.LAZY_INITIALISATION


def test_the_intruder_is_named_when_only_it_goes_without_the_lock() -> None:
    steps = (
        (1, "read", "C.n", 3, "self.n += 1", "0", ("lock",)),
        (2, "write", "C.n", 20, "self.n = 0", "0"),
        (1, "write", "C.n", 3, "self.n += 1", "1", "!", ("lock",)),
    )
    line = key_line(finding(events(*steps)))
    assert line is not None and line.line == 20


def test_a_triple_that_the_passing_schedule_has_too_is_not_named() -> None:
    steps = events(*LOST)
    assert diagnose(finding(steps, passing=steps)) is None


def test_a_triple_without_a_preemption_counts_only_against_a_passing_schedule() -> None:
    calm = tuple(step[:6] for step in LOST)
    assert pattern_of(*calm) is None
    passing = events((1, "read", "C.n", 3, "self.n += 1", "0"), (1, "write", "C.n", 3, "self.n += 1", "1"))
    assert pattern_of(*calm, passing=passing) == names.LOST_UPDATE


def test_accesses_of_different_functions_are_no_triple() -> None:
    steps = (
        (1, "read", "C.n", at(3, "print(self.n)", "show"), "", "0"),
        (2, "write", "C.n", 9, "self.n = 5", "5"),
        (1, "write", "C.n", at(7, "self.n = 0", "reset"), "", "0", "!"),
    )
    assert pattern_of(*steps) is None


def test_locked_increments_in_turns_have_no_name() -> None:
    steps = []
    for n, task in enumerate((1, 2, 1, 2)):
        steps.append((task, "read", "C.n", 3, "self.n += 1", str(n), ("lock",), *("!",) * (n > 1)))
        steps.append((task, "write", "C.n", 3, "self.n += 1", str(n + 1), ("lock",)))
    assert pattern_of(*steps) is None


def test_a_cycle_of_locks_is_a_lock_order_inversion() -> None:
    waiting = (Waiting(1, "acquire", "b", 2, (at(5),)), Waiting(2, "acquire", "a", 1, (at(9),)))
    steps = ((1, "acquire", "a", 4, "with a:"), (2, "acquire", "b", 8, "with b:"))
    found = named(finding(events(*steps), Kind.DEADLOCK, waiting=waiting))
    assert (found.pattern, found.title) == (names.LOCK_ORDER, "lock-order inversion of a and b")


def test_a_task_that_waits_for_its_own_lock_is_a_self_deadlock() -> None:
    waiting = (Waiting(1, "acquire", "a", 1, (at(5),)),)
    steps = ((1, "acquire", "a", 4, "with a:"),)
    assert pattern_of(*steps, kind=Kind.DEADLOCK, waiting=waiting) == names.SELF_DEADLOCK


def test_a_lock_of_an_ended_task_was_never_released() -> None:
    waiting = (Waiting(2, "acquire", "a", 1, (at(5),)),)
    steps = ((1, "acquire", "a", 4, "a.acquire()"), (1, "end", "", 6, ""))
    found = named(finding(events(*steps), Kind.DEADLOCK, waiting=waiting))
    assert found.pattern == names.NEVER_RELEASED
    assert found.where is not None and found.where.line == 4


WAITING = (Waiting(1, "wait", "cond", None, (at(6, "cond.wait()"),)),)


def test_a_signal_before_the_wait() -> None:
    steps = ((2, "notify", "cond", 9, "cond.notify()"), (1, "wait", "cond", 6, "cond.wait()", None, "!"))
    assert pattern_of(*steps, kind=Kind.DEADLOCK, waiting=WAITING) == names.SIGNAL_BEFORE_WAIT


def test_a_signal_between_the_check_and_the_wait_is_missed() -> None:
    steps = (
        (1, "read", "R.value", 5, "if self.value is None:", "None"),
        (2, "notify", "cond", 9, "cond.notify()"),
        (1, "wait", "cond", 6, "cond.wait()", None, "!"),
    )
    assert pattern_of(*steps, kind=Kind.DEADLOCK, waiting=WAITING) == names.MISSED_SIGNAL


def test_an_event_that_is_cleared_after_it_was_set_is_missed_at_the_clear() -> None:
    steps = (
        (2, "set", "cond", 9, "cond.set()"),
        (1, "clear", "cond", 5, "cond.clear()", None, "!"),
        (1, "wait", "cond", 6, "cond.wait()"),
    )
    found = diagnose(finding(events(*steps), kind=Kind.DEADLOCK, waiting=WAITING))
    assert found is not None and found.pattern == names.MISSED_SIGNAL
    assert found.key is not None and found.key.line == 5


TAKEN = (1, "acquire", "lock", 3, "lock.acquire()")
GIVEN = (1, "release", "lock", 4, "lock.release()")
FAILS = (1, "release", "lock", 5, "lock.release()", "not held", "!")


def test_a_lock_that_its_task_gives_back_twice() -> None:
    found = diagnose(finding(events(TAKEN, GIVEN, FAILS)))
    assert found is not None and found.pattern == names.DOUBLE_RELEASE
    assert found.key is not None and found.key.line == 5


def test_a_second_release_that_takes_the_lock_from_another_task() -> None:
    steps = (
        TAKEN,
        GIVEN,
        (2, "acquire", "lock", 3, "lock.acquire()"),
        (1, "release", "lock", 5, "lock.release()", None, "!"),
        (2, "release", "lock", 4, "lock.release()", "not held"),
    )
    found = diagnose(finding(events(*steps)))
    assert found is not None and (found.pattern, found.evidence[2].task) == (names.DOUBLE_RELEASE, 1)


def test_a_lock_that_another_task_gives_back() -> None:
    found = diagnose(finding(events(TAKEN, (2, "release", "lock", 9, "lock.release()", None, "!"), FAILS)))
    assert found is not None and found.pattern == names.UNLOCKED_BY_ANOTHER
    assert found.key is not None and found.key.line == 9


def test_a_lock_that_is_handed_over_is_no_defect() -> None:
    assert pattern_of(TAKEN, (2, "release", "lock", 9, "lock.release()", None, "!"), TAKEN) is None


def test_an_object_that_is_found_before_it_is_built() -> None:
    steps = (
        (1, "write", "registry['a']", 3, "registry[name] = self", "<Sensor>"),
        (2, "read", "registry", 9, "for sensor in registry.values():", None, "!"),
        (2, "read", "Sensor.offset", 10, "return sensor.offset"),
        (1, "write", "Sensor.offset", 4, "self.offset = offset", "2"),
    )
    assert pattern_of(*steps) == names.PUBLISHED
    assert pattern_of(*steps[1:]) != names.PUBLISHED


TORN = (
    (1, "read", "Bank.a", 3, "return self.a + self.b", "1"),
    (2, "write", "Bank.a", 8, "self.a = 2", "2"),
    (2, "write", "Bank.b", 9, "self.b = 2", "2"),
    (1, "read", "Bank.b", 3, "return self.a + self.b", "2", "!"),
)


def test_two_fields_of_which_one_is_seen_old_and_one_new() -> None:
    assert pattern_of(*TORN) == names.TORN_READ


def test_two_fields_that_are_both_seen_new_are_not_torn() -> None:
    first, *writes, second = TORN
    assert pattern_of(*writes, first, second) != names.TORN_READ


def test_a_permit_that_its_task_takes_into_the_grave() -> None:
    steps = (
        (2, "acquire", "permits", 3, "permits.acquire()"),
        (2, "end", "", 0, ""),
        (1, "acquire", "permits", 9, "permits.acquire()"),
    )
    waiting = (Waiting(1, "acquire", "permits", None, (at(9, "permits.acquire()"),)),)
    found = diagnose(finding(events(*steps), kind=Kind.DEADLOCK, waiting=waiting))
    assert found is not None and found.pattern == names.NEVER_RELEASED
    assert found.key is not None and found.key.line == 3


def test_a_get_that_came_too_late_after_a_look() -> None:
    steps = (
        (1, "read", "jobs", 3, "while not jobs.empty():"),
        (2, "get", "jobs", 4, "jobs.get()"),
        (1, "get", "jobs", 4, "jobs.get()", None, "!"),
    )
    waiting = (Waiting(1, "get", "jobs", None, (at(4, "jobs.get()"),)),)
    assert pattern_of(*steps, kind=Kind.DEADLOCK, waiting=waiting) == names.CHECK_THEN_ACT


def test_a_permit_of_a_cancelled_task_that_others_give_up_waiting_for_is_leaked() -> None:
    steps = (
        (1, "acquire", "permits", 3, "await permits.acquire()"),
        (1, "cancel", "asyncio.sleep", 4, "await asyncio.sleep(1)"),
        (2, "acquire", "permits", 9, "await wait_for(permits.acquire(), 5)"),
        (2, "cancel", "wait_for", 9, "await wait_for(permits.acquire(), 5)", None, "!"),
    )
    assert pattern_of(*steps) == names.LEAKED_LOCK
    given_back = (*steps[:2], (1, "release", "permits", 6, "permits.release()"), *steps[2:])
    assert pattern_of(*given_back) is None
    nobody_came = steps[:2]
    assert pattern_of(*nobody_came) is None
    by_default = (*steps[:3], steps[3][:5])
    assert pattern_of(*by_default) == names.LEAKED_LOCK  # nobody chose anything: what was waited for in vain proves it
    for_another_reason = (*steps[:3], (2, "cancel", "wait_for", 12, "await wait_for(answer, 5)"))
    assert pattern_of(*for_another_reason) is None


def test_a_task_that_goes_round_after_its_cancellation_has_swallowed_it() -> None:
    steps = (
        (1, "cancel", "asyncio.sleep", 8, "await asyncio.sleep(0.01)"),
        (1, "await", "asyncio.sleep", 8, "await asyncio.sleep(0.01)"),
        (1, "await", "asyncio.sleep", 8, "await asyncio.sleep(0.01)"),
    )
    waiting = (Waiting(1, "await", "asyncio.sleep", None, (at(8),)),)
    assert pattern_of(*steps, kind=Kind.LIVELOCK, waiting=waiting) == names.SWALLOWED
    assert pattern_of(*steps[:2], kind=Kind.LIVELOCK, waiting=waiting) is None  # it may be cleaning up
    assert pattern_of(*steps[1:], kind=Kind.LIVELOCK, waiting=waiting) is None  # nobody has cancelled it


FILLED_LATE = (
    (1, "read", "Store.rows['tea']", 6, "return self.rows[key]", "10"),
    (2, "write", "Store.rows['tea']", 9, "self.rows[key] = value", "12"),
    (2, "update", "Prices.cache['tea']", 12, "self.cache.pop(key, None)"),
    (1, "write", "Prices.cache['tea']", 7, "self.cache[key] = price", "10", "!"),
    (0, "read", "Prices.cache['tea']", 5, "return self.cache[key]", "10"),
)


def test_a_cache_that_is_filled_after_its_source_was_written_gives_a_stale_read() -> None:
    found = named(finding(events((1, "read", "Prices.cache['tea']", 5, "if key in self.cache:"), *FILLED_LATE)))
    assert (found.pattern, found.title) == (names.STALE_READ, "stale read of Prices.cache['tea']")
    assert found.where == at(7, "self.cache[key] = price")
    first, _, *others = FILLED_LATE
    assert pattern_of(first, *others) is None  # nobody has written the source
    *others, read = FILLED_LATE
    assert pattern_of(*others, (*read[:5], "12")) is None  # it was filled anew


def test_a_signal_after_the_wait_is_not_missed() -> None:
    steps = ((1, "wait", "cond", 6, "cond.wait()"), (2, "notify", "cond", 9, "cond.notify()"))
    assert pattern_of(*steps, kind=Kind.DEADLOCK, waiting=WAITING) is None


def test_an_event_that_stays_set_is_not_missed() -> None:
    steps = ((2, "set", "ready", 9, "ready.set()"), (1, "wait", "ready", 6, "ready.wait()"))
    assert pattern_of(*steps, kind=Kind.DEADLOCK, waiting=WAITING) is None


def test_a_wait_inside_the_standard_library_is_still_a_wait() -> None:
    steps = (
        (2, "release", "lock in Condition.notify", 9, "self.ready.notify()"),
        (1, "acquire", "lock in Condition.wait", 6, "self.ready.wait()"),
    )
    waiting = (Waiting(1, "acquire", "lock in Condition.wait", None, (at(6, "self.ready.wait()"),)),)
    found = diagnose(finding(events(*steps), Kind.DEADLOCK, waiting=waiting))
    assert found is not None and found.title == "signal before wait: self.ready"


def test_a_wait_that_gave_up_came_after_its_signal() -> None:
    steps = (
        (2, "notify", "cond", 9, "cond.notify()"),
        (1, "wait", "cond", 6, "cond.wait(1)", "timed out", "!"),
    )
    assert pattern_of(*steps) == names.SIGNAL_BEFORE_WAIT


def test_if_for_while_is_a_wait_without_a_second_check() -> None:
    steps = (
        (1, "read", "items", 3, "if not items:", "[]"),
        (1, "wait", "cond", 4, "cond.wait()"),
        (2, "update", "items", 12, "items.append(1)", "[1]"),
        (2, "notify", "cond", 13, "cond.notify()"),
        (3, "update", "items", 5, "items.pop()", "1"),
        (1, "update", "items", 5, "items.pop()", "IndexError", "!"),
    )
    assert pattern_of(*steps) == names.NO_RECHECK


def test_a_second_check_after_the_wait_is_no_defect() -> None:
    steps = (
        (1, "read", "items", 3, "while not items:", "[]"),
        (1, "wait", "cond", 4, "cond.wait()"),
        (3, "update", "items", 5, "items.pop()", "1"),
        (1, "read", "items", 3, "while not items:", "[]", "!"),
    )
    assert pattern_of(*steps) != names.NO_RECHECK


def test_a_hand_off_that_gives_up_after_the_acknowledgement_is_named() -> None:
    steps = (
        (1, "update", "Broker.pending", at(4, "del self.pending[tag]", "ack"), ""),
        (1, "put", "jobs", 5, "jobs.put(m, timeout=.5)", "Full", 0.5),
    )
    stalls = (Stall("worker-2", 0.5, "a.py:1", "a.py:2"),)
    assert pattern_of(*steps, stalls=stalls) == names.ACKNOWLEDGED
    assert pattern_of(steps[1], steps[0], stalls=stalls) is None


def test_work_that_goes_on_after_its_lease_was_taken_again_is_named() -> None:
    take = at(4, "self.rows[key] = (owner, now + ttl)", "set_if_absent")
    steps = (
        (1, "write", "rows['lease']", take, "", "w1"),
        (2, "write", "rows['lease']", take, "", "w2", 31.0),
        (1, "write", "result", 9, "self.result = 1", "1", 35.0, "!"),
    )
    assert pattern_of(*steps) == names.LEASE_OUTLIVED
    released = (steps[0], (1, "delete", "rows['lease']", 8, "del self.rows[key]"), *steps[1:])
    assert pattern_of(*released) is None


def test_a_copy_older_than_its_source_is_a_stale_read() -> None:
    steps = (
        (1, "read", "ledger", 3, "total = ledger.sum()", "100"),
        (1, "write", "cache['sum']", 4, "cache[query] = total", "100"),
        (2, "write", "ledger", 9, "ledger.add(50)", "150"),
        (1, "read", "cache['sum']", 5, "return cache[query]", "100", "!"),
    )
    found = named(finding(events(*steps)))
    assert (found.pattern, found.title) == (names.STALE_READ, "stale read of cache['sum']")
    assert found.where is not None and found.where.line == 5


KEPT = (
    (1, "acquire", "DB.lock", 3, "with lock:"),
    (1, "release", "DB.lock", 3, "with lock:"),
    (1, "write", "answers['sum']", 4, "answers[query] = total", "100"),
    (2, "acquire", "DB.lock", 9, "with lock:"),
    (2, "release", "DB.lock", 9, "with lock:"),
    (1, "acquire", "DB.lock", 6, "with lock:", None, "!"),
    (1, "read", "answers['sum']", 7, "return answers[query]", "100", ("DB.lock",)),
)


def test_a_copy_kept_across_anothers_critical_section_is_a_stale_read() -> None:
    found = named(finding(events(*KEPT)))
    assert (found.pattern, found.title) == (names.STALE_READ, "stale read of answers['sum']")
    assert found.where is not None and found.where.line == 7


@pytest.mark.parametrize("left_out", [3, 5], ids=["nobody was in between", "the lock is not taken again"])
def test_a_copy_that_nobody_made_stale_is_no_stale_read(left_out: int) -> None:
    found = named(finding(events(*KEPT[:left_out], *KEPT[left_out + 1 :])))
    assert found.pattern is None


def test_the_lock_of_a_librarys_own_guards_nothing_of_the_programs() -> None:
    of_the_handler = [
        (step[0], step[1], "_FileHandler.lock", step[3], "log.warning('here')", *step[5:])
        if "lock:" in str(step[4])
        else step
        for step in KEPT
    ]
    assert named(finding(events(*of_the_handler))).pattern is None


def test_a_read_before_the_write_that_it_needs_is_an_order_violation() -> None:
    failing = events((0, "read", "out", 3, "print(out)", "0"), (1, "write", "out", 9, "out = 5", "5", "!"))
    passing = events((1, "write", "out", 9, "out = 5", "5"), (0, "read", "out", 3, "print(out)", "5"))
    found = diagnose(finding(failing, passing=passing))
    assert found is not None and found.pattern == names.ORDER_VIOLATION


def test_cpythons_own_word_names_the_changing_container() -> None:
    steps = (
        (1, "read", "d", 3, "for k in d:"),
        (2, "write", "d['x']", 9, "d['x'] = 1", "1"),
    )
    message = "RuntimeError: dictionary changed size during iteration"
    found = diagnose(finding(events(*steps), stalls=(Stall("w", 0.1, "", ""),), message=message))
    assert found is not None and found.title == "iterator over a changing container: d"
    assert found.key is not None and found.key.line == 3


@pytest.mark.parametrize("kind", list(Kind))
def test_nothing_is_named_without_events(kind: Kind) -> None:
    assert diagnose(finding((), kind)) is None


def test_a_failure_in_which_the_schedule_had_no_part_is_not_named() -> None:
    steps = ((1, "read", "d", 3, "for k in d:"), (2, "write", "d", 9, "d.clear()"))
    assert pattern_of(*steps, message="RuntimeError: dictionary changed size during iteration") is None


def test_what_the_finder_has_named_stays() -> None:
    given = finding(events(*LOST), fix="as the finder says")
    assert named(given).fix == "as the finder says"
    assert named(dataclasses.replace(given, pattern="aba")).pattern == "aba"


def test_a_loop_that_looks_again_is_no_defect() -> None:
    steps = (
        (1, "read", "flag", 3, "while not flag:", "False"),
        (2, "write", "flag", 9, "flag = True", "True"),
        (1, "read", "flag", 3, "while not flag:", "True", "!"),
    )
    assert pattern_of(*steps) is None


def test_scratch_state_that_another_task_overwrites_is_named() -> None:
    steps = (
        (1, "write", "C.current", 3, "self.current = job", "a"),
        (2, "write", "C.current", 3, "self.current = job", "b"),
        (1, "read", "C.current", 4, "run(self.current)", "b", "!"),
    )
    assert pattern_of(*steps) == names.OVERWRITTEN


def test_two_tasks_that_do_the_same_in_two_functions_lose_an_update() -> None:
    def read(task: int) -> tuple[object, ...]:
        return (task, "read", "Poll.votes", at(5, "return self.votes", "load"), "")

    def write(task: int, line: int = 9) -> tuple[object, ...]:
        return (task, "write", "Poll.votes", at(line, "self.votes = n", "save"), "", None, "!")

    assert pattern_of(read(1), read(2), write(2), write(1)) == names.LOST_UPDATE
    # One may read for one purpose, and write for another.
    assert pattern_of(read(1), read(2), write(2, line=20), write(1)) != names.LOST_UPDATE
    assert pattern_of(read(1), write(2), write(1)) != names.LOST_UPDATE


def test_state_seen_between_its_two_writes_is_a_dirty_read() -> None:
    steps = (
        (1, "write", "C.total", 3, "self.total = 0", "0"),
        (2, "read", "C.total", 9, "return self.total", "0"),
        (1, "write", "C.total", 4, "self.total = new", "5", "!"),
    )
    assert pattern_of(*steps) == names.DIRTY_READ
