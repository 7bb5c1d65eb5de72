"""The findings of the golden reports, built by hand, and the command that writes the files anew.

    python tests/golden/reports.py --write

Look at the difference before you keep it: these files are what users see.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from unblink.explain.patterns import named
from unblink.explain.terminal import render
from unblink.model.finding import Event, Finding, Gil, Kind, TaskInfo, Waiting
from unblink.model.schedule import CLOCK, Preemption, Schedule, Stall
from unblink.model.site import SiteName, SourceLine

FOLDER = Path(__file__).parent
SAFE_BY_LUCK = "CPython 3.13 switches only at calls and backward jumps"


class Recording:
    """Builds the events of one execution."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.now = 0.0

    def __call__(
        self,
        task: int,
        operation: str,
        target: str,
        at: SourceLine,
        value: str | None = None,
        *,
        held: tuple[str, ...] = (),
        preempts: bool = False,
    ) -> None:
        number = len(self.events) + 1
        self.events.append(Event(number, task, operation, target, at, value, held, self.now, preempts))


def line(file: str, number: int, function: str, text: str) -> SourceLine:
    return SourceLine(file, number, function, text)


def workers(count: int, at: SourceLine) -> tuple[TaskInfo, ...]:
    made = [TaskInfo(n, f"main/{n - 1}", f"worker-{n}", at, "main") for n in range(1, count + 1)]
    return (TaskInfo(0, "main", "main"), *made)


def choice(task: str, at: SourceLine, operation: str, to: str) -> Preemption:
    return Preemption(task, SiteName(at.file, at.function, at.text, operation), 1, to)


def lost_update() -> Finding:
    test = "test_counter.py"
    start = line(test, 9, "test_bump", "thread.start()")
    join = line(test, 11, "test_bump", "thread.join()")
    check = line(test, 12, "test_bump", "assert counter.value == 2")
    bump = line("counter.py", 13, "bump", "self.value += 1")

    def run(*, fails: bool) -> list[Event]:
        r = Recording()
        r(0, "start", "worker-1", start)
        r(0, "start", "worker-2", start)
        r(0, "join", "worker-1", join)
        r(1, "read", "Counter.value", bump, "0")
        if fails:
            r(2, "read", "Counter.value", bump, "0")
            r(2, "write", "Counter.value", bump, "1")
            r(2, "end", "", bump)
        r(1, "write", "Counter.value", bump, "1", preempts=fails)
        r(1, "end", "", bump)
        if not fails:
            r(2, "read", "Counter.value", bump, "1")
            r(2, "write", "Counter.value", bump, "2")
            r(2, "end", "", bump)
        r(0, "join", "worker-2", join)
        r(0, "read", "Counter.value", check, "1" if fails else "2")
        return r.events

    return Finding(
        Kind.FAILURE,
        "AssertionError",
        None,
        None,
        message="AssertionError: assert 1 == 2",
        traceback="Traceback (most recent call last):\n"
        '  File "test_counter.py", line 12, in test_bump\n    assert counter.value == 2\n'
        "AssertionError: assert 1 == 2\n",
        gil=Gil.ONLY_FREE_THREADED,
        gil_reason=SAFE_BY_LUCK,
        tasks=workers(2, start),
        events=tuple(run(fails=True)),
        passing=tuple(run(fails=False)),
        schedule=Schedule((choice("main/0", bump, "write value", "main/1"),)),
        found_at=3,
        replay="pytest test_counter.py::test_bump --race-replay=.unblink/3f9c0a11d2e4.json",
    )


def check_then_insert() -> Finding:
    start = line("test_registry.py", 20, "test_register", "pool.submit(register, name)")
    check = line("registry.py", 31, "register", "if name not in registry:")
    make = line("registry.py", 32, "register", "registry[name] = Entry(name)")
    audit = line("audit.py", 7, "note", "self.seen += 1")
    r = Recording()
    for n in (1, 2):
        r(0, "start", f"worker-{n}", start)
    for n in range(14):
        r(1, "read" if n % 2 == 0 else "write", "Audit.seen", audit, str((n + 1) // 2), held=("audit_lock",))
    r(1, "read", "registry['a']", check, "absent")
    r(2, "read", "registry['a']", check, "absent")
    r(2, "write", "registry['a']", make, "<Entry a at 1>")
    for n in range(14, 20):
        r(2, "read" if n % 2 == 0 else "write", "Audit.seen", audit, str((n + 1) // 2), held=("audit_lock",))
    r(2, "end", "", make)
    r(1, "write", "registry['a']", make, "<Entry a at 2>", preempts=True)
    r(1, "end", "", make)
    return Finding(
        Kind.FAILURE,
        "AssertionError",
        None,
        None,
        message="AssertionError: assert [<Entry a at 1>, <Entry a at 2>] == [<Entry a at 1>]",
        gil=Gil.CAN_HAPPEN,
        gil_reason="Entry(name) is a call between the check and the write",
        tasks=workers(2, start),
        events=tuple(r.events),
        schedule=Schedule((choice("main/0", make, "write item", "main/1"),)),
        found_at=11,
        replay="pytest test_registry.py::test_register --race-replay=.unblink/77aa01c2d3e4.json",
    )


def crossed_locks() -> Finding:
    start = line("test_bank.py", 14, "test_transfers", "thread.start()")
    first = line("bank.py", 21, "transfer", "with source.lock:")
    second = line("bank.py", 22, "transfer", "with target.lock:")
    body = line("test_bank.py", 12, "<lambda>", "lambda: transfer(a, b, 10)")
    back = line("test_bank.py", 13, "<lambda>", "lambda: transfer(b, a, 20)")
    join = line("test_bank.py", 16, "test_transfers", "thread.join()")
    r = Recording()
    for n in (1, 2):
        r(0, "start", f"worker-{n}", start)
    r(0, "join", "worker-1", join)
    r(1, "acquire", "a.lock", first)
    r(2, "acquire", "b.lock", first)
    r(2, "acquire", "a.lock", second, held=("b.lock",))
    r(1, "acquire", "b.lock", second, held=("a.lock",), preempts=True)
    return Finding(
        Kind.DEADLOCK,
        "deadlock",
        None,
        None,
        gil=Gil.CAN_HAPPEN,
        tasks=workers(2, start),
        events=tuple(r.events),
        waiting=(
            Waiting(0, "join", "worker-1", 1, (join,)),
            Waiting(1, "acquire", "b.lock", 2, (second, body)),
            Waiting(2, "acquire", "a.lock", 1, (second, back)),
        ),
        schedule=Schedule((choice("main/0", second, "lock.acquire", "main/1"),)),
        found_at=2,
        replay="pytest test_bank.py::test_transfers --race-replay=.unblink/0d0d0d0d0d0d.json",
    )


def lost_by_stall() -> Finding:
    start = line("test_consumer.py", 8, "test_nothing_is_lost", "consumer.start()")
    ack = line("consumer.py", 40, "consume", "self.broker.ack(message)")
    hand = line("consumer.py", 42, "consume", "self.jobs.put(message, timeout=0.5)")
    work = line("consumer.py", 61, "work", "job = self.jobs.get()")
    done = line("consumer.py", 62, "work", "self.done.append(job)")
    test = line("test_consumer.py", 12, "test_nothing_is_lost", "assert consumer.done == sent")
    r = Recording()
    r(0, "start", "consumer", start)
    r(0, "start", "worker", start)
    r(1, "update", "Broker.pending", ack, "deleted 1")
    r(1, "put", "jobs", hand, "1")
    r(1, "update", "Broker.pending", ack, "deleted 2")
    r.now = 0.5
    r(2, "stall", "", work, "0.5 s")
    r(1, "put", "jobs", hand, "timed out")
    r(1, "end", "", hand)
    r(2, "get", "jobs", work, "1", preempts=True)
    r(2, "update", "done", done, "[1]")
    r(0, "read", "done", test, "[1]")
    return Finding(
        Kind.FAILURE,
        "AssertionError",
        None,
        None,
        message="AssertionError: assert [1] == [1, 2]",
        needs_stall=0.5,
        gil=Gil.CAN_HAPPEN,
        tasks=(
            TaskInfo(0, "main", "main"),
            TaskInfo(1, "main/0", "consumer", start, "main"),
            TaskInfo(2, "main/1", "worker", start, "main"),
        ),
        events=tuple(r.events),
        stalls=(Stall("worker", 0.5, "consumer.py:60", "consumer.py:61"),),
        schedule=Schedule((choice("main/1", work, "get", CLOCK),)),
        found_at=17,
        replay="pytest test_consumer.py::test_nothing_is_lost --race-replay=.unblink/aaaa0000bbbb.json",
    )


def lost_exception() -> Finding:
    start = line("test_mail.py", 5, "test_send", "threading.Thread(target=send).start()")
    send = line("mail.py", 9, "send", "outbox[0].send()")
    clear = line("test_mail.py", 6, "test_send", "outbox.clear()")
    r = Recording()
    r(0, "start", "Thread-1 (send)", start)
    r(0, "update", "outbox", clear)
    r(1, "read", "outbox[0]", send, "IndexError")
    r(1, "raise", "IndexError", send)
    r(1, "end", "", send)
    return Finding(
        Kind.LOST_EXCEPTION,
        "IndexError left Thread-1 (send) and nobody saw it",
        None,
        send,
        message="IndexError: list index out of range",
        traceback='Traceback (most recent call last):\n  File "mail.py", line 9, in send\n'
        "    outbox[0].send()\n"
        "IndexError: list index out of range\n",
        gil=Gil.CAN_HAPPEN,
        tasks=(TaskInfo(0, "main", "main"), TaskInfo(1, "main/0", "Thread-1 (send)", start, "main")),
        events=tuple(r.events),
        found_at=1,
        replay="pytest test_mail.py::test_send --race-replay=.unblink/123456789abc.json",
    )


def livelock() -> Finding:
    start = line("test_polite.py", 18, "test_two_polite_people", "thread.start()")
    check = line("polite.py", 6, "pass_by", "while corridor.taken_by != me:")
    yields = line("polite.py", 7, "pass_by", "corridor.taken_by = other")
    r = Recording()
    for n in (1, 2):
        r(0, "start", f"worker-{n}", start)
    for _ in range(250):
        for task, other in ((1, 2), (2, 1)):
            r(task, "read", "Corridor.taken_by", check, str(other), preempts=True)
            r(task, "write", "Corridor.taken_by", yields, str(other))
    return Finding(
        Kind.LIVELOCK,
        "1000 steps without progress",
        None,
        check,
        message="the step limit of 1000 was reached",
        gil=Gil.CAN_HAPPEN,
        tasks=workers(2, start),
        events=tuple(r.events),
        found_at=1,
        replay="pytest test_polite.py::test_two_polite_people --race-replay=.unblink/fedcba987654.json",
    )


def no_preemption() -> Finding:
    test = line("test_sum.py", 4, "test_sum", "assert total([1, 2]) == 4")
    return Finding(
        Kind.FAILURE,
        "AssertionError",
        None,
        test,
        message="AssertionError: assert 3 == 4\n +  where 3 = total([1, 2])",
        traceback='Traceback (most recent call last):\n  File "test_sum.py", line 4, in test_sum\n'
        "    assert total([1, 2]) == 4\nAssertionError: assert 3 == 4\n",
        tasks=(TaskInfo(0, "main", "main"),),
        found_at=1,
        replay="pytest test_sum.py::test_sum --race-replay=.unblink/000000000000.json",
    )


def seven_tasks() -> Finding:
    start = line("test_stock.py", 30, "test_many_buyers", "thread.start()")
    check = line("stock.py", 11, "buy", "if self.left > 0:")
    take = line("stock.py", 12, "buy", "self.left -= 1")
    hit = line("stock.py", 9, "buy", "self.visits[buyer] = True")
    r = Recording()
    for n in range(1, 7):
        r(0, "start", f"worker-{n}", start)
    for n in range(1, 5):
        r(n, "write", f"Stock.visits[{n}]", hit, "True")
        r(n, "read", "Stock.left", check, str(5 - n))
        r(n, "read", "Stock.left", take, str(5 - n))
        r(n, "write", "Stock.left", take, str(4 - n))
        r(n, "end", "", take)
        if n == 3:
            r(5, "write", "Stock.visits[5]", hit, "True")
            r(5, "read", "Stock.left", check, "1")
    r(5, "read", "Stock.left", take, "0", preempts=True)
    r(5, "write", "Stock.left", take, "-1")
    r(5, "end", "", take)
    r(6, "write", "Stock.visits[6]", hit, "True")
    r(6, "read", "Stock.left", check, "-1")
    r(6, "end", "", check)
    return Finding(
        Kind.INVARIANT,
        "AssertionError",
        None,
        None,
        message="stock.left >= 0",
        gil=Gil.CAN_HAPPEN,
        tasks=workers(6, start),
        events=tuple(r.events),
        schedule=Schedule((choice("main/4", take, "read left", "main/3"),)),
        found_at=29,
        replay="pytest test_stock.py::test_many_buyers --race-replay=.unblink/5e5e5e5e5e5e.json",
    )


def six_columns() -> Finding:
    start = line("test_ring.py", 8, "test_ring", "thread.start()")
    passes = line("ring_of_neighbours.py", 17, "pass_on", "self.token_holder = self.neighbour")
    look = line("ring_of_neighbours.py", 16, "pass_on", "holder = self.token_holder")
    r = Recording()
    for n in range(1, 6):
        r(0, "start", f"worker-{n}", start)
    for n in range(1, 6):
        r(n, "read", "Ring.token_holder", look, f"'neighbour-{n}'", held=("ring_lock",))
    for n in range(1, 6):
        held = ("ring_lock",)
        r(n, "write", "Ring.token_holder", passes, f"'neighbour-{n + 1}'", held=held, preempts=n < 5)
    r(
        0,
        "read",
        "Ring.token_holder",
        line("test_ring.py", 12, "test_ring", "assert ring.token_holder"),
        "'neighbour-6'",
    )
    return Finding(
        Kind.ATOMICITY_VIOLATION,
        "",
        None,
        None,
        tasks=workers(5, start),
        events=tuple(r.events),
        is_note=True,
        replay="pytest test_ring.py::test_ring --race-replay=.unblink/6c6c6c6c6c6c.json",
    )


REPORTS: dict[str, Callable[[], Finding]] = {
    make.__name__: make
    for make in (
        lost_update,
        check_then_insert,
        crossed_locks,
        lost_by_stall,
        lost_exception,
        livelock,
        no_preemption,
        seven_tasks,
        six_columns,
    )
}


def report(name: str) -> str:
    return render(named(REPORTS[name]()), executions=1000) + "\n"


def main(arguments: list[str]) -> None:
    for name in REPORTS:
        text = report(name)
        if "--write" in arguments:
            (FOLDER / f"{name}.txt").write_text(text, encoding="utf-8")
        else:
            print(f"===== {name}\n{text}")


if __name__ == "__main__":
    main(sys.argv[1:])
