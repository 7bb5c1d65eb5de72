from __future__ import annotations

import datetime
import os
import random
import secrets
import threading
import time
import uuid

import pytest
from workers import run_all


@pytest.mark.parametrize("duration", [-1, "1", None, 1e300, float("nan"), float("inf")])
def test_nonsense_durations_are_refused_in_the_same_words(alike, duration):
    assert alike(lambda: time.sleep(duration))[0] in ("ValueError", "TypeError", "OverflowError")


def test_clocks_give_the_types_they_give(alike):
    def body():
        names = ("time", "monotonic", "perf_counter", "process_time", "thread_time")
        return [(type(getattr(time, n)()), type(getattr(time, f"{n}_ns")())) for n in names]

    alike(body)


@pytest.mark.parametrize("name", ["time", "monotonic", "perf_counter"])
def test_a_clock_and_its_nanoseconds_agree(alike, name):
    def body():
        before, middle, after = (
            getattr(time, name)(),
            getattr(time, f"{name}_ns")() / 1e9,
            getattr(time, name)(),
        )
        return before <= middle + 1e-6 and middle <= after + 1e-6

    assert alike(body) == ("value", True)


@pytest.mark.parametrize("clock", [time.CLOCK_REALTIME, time.CLOCK_MONOTONIC, time.CLOCK_PROCESS_CPUTIME_ID])
def test_posix_clocks_agree_with_their_names(alike, clock):
    named = {time.CLOCK_REALTIME: time.time, time.CLOCK_MONOTONIC: time.monotonic}.get(clock, time.process_time)
    assert alike(lambda: abs(time.clock_gettime(clock) - named()) < 1) == ("value", True)


@pytest.mark.parametrize("arguments", [(), ("1",), (10**6,), (1, 2)])
def test_nonsense_posix_clocks_are_refused_in_the_same_words(alike, arguments):
    assert alike(lambda: time.clock_gettime(*arguments))[0] != "value"


def test_sleeping_lets_the_clock_go_on(alike):
    def body():
        before = time.monotonic(), time.time()
        time.sleep(0.02)
        return [0.02 <= after - was < 2 for was, after in zip(before, (time.monotonic(), time.time()), strict=True)]

    assert alike(body) == ("value", [True, True])


def test_the_date_is_the_clock_s(alike):
    def body():
        now, today = datetime.datetime.now(), datetime.date.today()
        aware = datetime.datetime.now(datetime.UTC)
        stamp = time.time()
        close = [abs(moment.timestamp() - stamp) < 1 for moment in (now, aware, datetime.datetime.today())]
        return close, today == datetime.date.fromtimestamp(stamp), aware.tzinfo, now.tzinfo

    alike(body)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_date_in_utc_is_the_clock_s(alike):
    def body():
        naive = datetime.datetime.utcnow()
        return naive.tzinfo, abs(naive.replace(tzinfo=datetime.UTC).timestamp() - time.time()) < 1

    alike(body)


def test_subclasses_of_datetime_read_the_same_clock(alike):
    class Moment(datetime.datetime):
        pass

    class Day(datetime.date):
        pass

    def body():
        day = Day.today()
        return (
            type(Moment.now()),
            type(Moment.today()),
            type(day),
            day == datetime.date.fromtimestamp(time.time()),
        )

    alike(body)


@pytest.mark.parametrize("arguments", [(1,), ("UTC",), (None, None)])
def test_nonsense_zones_are_refused_in_the_same_words(alike, arguments):
    assert alike(lambda: datetime.datetime.now(*arguments))[0] == "TypeError"


def test_broken_down_times_are_the_clock_s(alike):
    def body():
        stamp = time.time()
        return [
            abs(time.mktime(time.localtime()) - stamp) <= 1,
            abs(time.mktime(time.localtime(None)) - stamp) <= 1,
            time.gmtime()[:4] == time.gmtime(stamp)[:4],
            time.ctime()[:13] == time.ctime(stamp)[:13],
            time.asctime()[:13] == time.ctime(stamp)[:13],
            time.strftime("%Y-%m-%d %H") == time.strftime("%Y-%m-%d %H", time.localtime(stamp)),
        ]

    assert alike(body) == ("value", [True] * 6)


def test_a_day_passes_in_no_time(controlled):
    def body():
        before = datetime.datetime.now()
        time.sleep(86_400)
        return (datetime.datetime.now() - before).days, datetime.date.today() - before.date()

    real = time.monotonic()
    assert controlled(body).value == (1, datetime.timedelta(days=1))
    assert time.monotonic() - real < 5


def test_timeouts_end_in_the_order_of_their_length(controlled):
    def body():
        order, never = [], threading.Event()

        def wait(seconds):
            never.wait(seconds)
            order.append(seconds)

        run_all([threading.Thread(target=wait, args=(seconds,)) for seconds in (30, 10, 20)])
        return order

    for seed in range(5):
        assert controlled(body, "random", seed).value == [10, 20, 30]


def chances():
    names = [uuid.uuid4(), uuid.uuid1().fields[0], secrets.token_hex(4), os.urandom(5), random.random()]
    return [
        *names,
        random.gauss(0, 1),
        random.sample(range(100), 3),
        random.Random().random(),
        random.SystemRandom().random(),
    ]


def test_chance_is_equal_in_equal_executions(controlled):
    assert controlled(chances, "random", 3).value == controlled(chances, "random", 3).value


def test_chance_outside_is_as_it_would_have_been(controlled):
    random.seed(7)
    expected = [random.random(), random.gauss(0, 1), random.random()]
    random.seed(7)
    seen = [random.random()]
    controlled(chances)
    seen.append(random.gauss(0, 1))
    controlled(chances)
    seen.append(random.random())
    assert seen == expected


@pytest.mark.parametrize("arguments", [(-1,), ("1",), (), (1.5,)])
def test_nonsense_sizes_of_chance_are_refused_in_the_same_words(alike, arguments):
    assert alike(lambda: os.urandom(*arguments))[0] in ("ValueError", "TypeError")


def test_the_size_of_chance_is_as_asked(alike):
    assert alike(lambda: [len(os.urandom(n)) for n in (0, 1, 7, 8, 9, 100)]) == (
        "value",
        [0, 1, 7, 8, 9, 100],
    )
    assert alike(lambda: (uuid.uuid4().version, len(secrets.token_bytes(16)))) == ("value", (4, 16))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may set the clock")
def test_setting_the_clock_sets_the_execution_s_own_only(controlled):
    def body():
        before = time.monotonic()
        time.clock_settime(time.CLOCK_REALTIME, 1e9)
        seconds = time.time(), datetime.datetime.now(datetime.UTC).timestamp()
        time.clock_settime_ns(time.CLOCK_REALTIME, 2 * 10**18)
        return [int(s) for s in seconds], time.time_ns() // 10**9, time.monotonic() - before < 1

    real = time.time()
    try:
        assert controlled(body).value == ([10**9, 10**9], 2 * 10**9, True)
    finally:
        assert abs(time.time() - real) < 60
    assert controlled(lambda: time.time_ns() // 10**9).value == 1_700_000_000


def test_other_clocks_cannot_be_set(alike):
    assert alike(lambda: time.clock_settime(time.CLOCK_MONOTONIC, 0))[0] in ("OSError", "PermissionError")
    assert alike(lambda: time.clock_settime(time.CLOCK_MONOTONIC))[0] == "TypeError"


def test_processor_time_leaves_out_what_was_slept(alike):
    def body():
        before = time.process_time(), time.thread_time()
        time.sleep(0.05)
        after = time.process_time(), time.thread_time()
        return [0 <= now - then < 0.04 for now, then in zip(after, before, strict=True)]

    assert alike(body) == ("value", [True, True])
