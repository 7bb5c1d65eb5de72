"""Threads, their locals, hooks, timers and pools: the same with and without the ground. All of them stand in one file."""

from __future__ import annotations

import _thread
import asyncio
import contextvars
import gc
import io
import sys
import threading
import time
import traceback
import weakref
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from contextlib import redirect_stderr
from pathlib import Path

import pytest
from workers import run_all


def test_a_thread_is_alive_between_its_start_and_its_end(alike):
    def body():
        go = threading.Event()
        thread = threading.Thread(target=go.wait)
        seen = [thread.is_alive(), thread.ident, thread.native_id]
        thread.start()
        seen += [
            thread.is_alive(),
            thread.ident is not None,
            thread in threading.enumerate(),
            threading.active_count(),
        ]
        go.set()
        thread.join()
        return seen, thread.is_alive(), thread in threading.enumerate(), threading.active_count()

    alike(body)


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: threading.Thread().join(),
        lambda: threading.current_thread().join(),
        lambda: threading.current_thread().start(),
        lambda: [thread := threading.Thread(), thread.start(), thread.join(), thread.start()],
        lambda: setattr(threading.current_thread(), "daemon", True),
        lambda: threading.Thread(target=1, group=2),
        lambda: _thread.start_new_thread(1, ()),
        lambda: _thread.start_new_thread(int, 1),
        lambda: _thread.start_new_thread(int, (), 1),
        lambda: _thread.start_new_thread(int),
        lambda: _thread.start_new_thread(),
    ],
)
def test_misuse_of_threads_is_refused_in_the_same_words(alike, misuse):
    assert alike(misuse)[0] != "value"


@pytest.mark.parametrize("timeout", [-1, 0, "1", threading.TIMEOUT_MAX * 2, float("nan"), -1e300, None])
def test_timeouts_of_join_are_read_alike(alike, timeout):
    def body():
        thread = threading.Thread(target=time.sleep, args=(0.02,))
        thread.start()
        try:
            return thread.join(timeout)
        finally:
            thread.join()

    alike(body)


def test_a_join_gives_up_when_its_time_is_over(alike):
    def body():
        go = threading.Event()
        thread = threading.Thread(target=go.wait)
        thread.start()
        thread.join(0.01)
        before = thread.is_alive()
        go.set()
        thread.join()
        return before, thread.is_alive()

    assert alike(body) == ("value", (True, False))


def test_a_thread_that_joins_itself_is_refused(alike):
    def body():
        seen = []

        def join():
            try:
                threading.current_thread().join()
            except RuntimeError as problem:
                seen.append(str(problem))

        run_all([threading.Thread(target=join)])
        return seen

    assert alike(body) == ("value", ["cannot join current thread"])


def test_threads_are_numbered_and_named_alike(alike):
    def body():
        seen = []
        threads = [threading.Thread(target=lambda: seen.append(threading.current_thread().name)) for _ in range(2)]
        first = int(threads[0].name.split("-")[1].split()[0])
        run_all(threads)
        return sorted(name.replace(str(first), "N").replace(str(first + 1), "M") for name in seen)

    alike(body)


def test_idents_are_each_thread_s_own(alike):
    def body():
        seen = [(threading.get_ident(), threading.get_native_id())]
        hold = threading.Barrier(3)

        def note():
            me = threading.current_thread()
            same = (me.ident, me.native_id) == (threading.get_ident(), threading.get_native_id())
            seen.append((threading.get_ident(), threading.get_native_id()) if same else None)
            hold.wait()

        run_all([threading.Thread(target=note) for _ in range(3)])
        return len({ident for ident, _ in seen}), len({native for _, native in seen})

    assert alike(body) == ("value", (4, 4))


def test_thread_locals_are_each_thread_s_own_and_go_with_it(alike):
    def body():
        local, gone, seen = threading.local(), [], []

        class Value:
            pass

        def use(number):
            local.value = Value()
            local.number = number
            weakref.finalize(local.value, gone.append, number)
            time.sleep(0.001)
            seen.append(local.number == number)

        run_all([threading.Thread(target=use, args=(i,)) for i in range(3)])
        gc.collect()
        return seen, sorted(gone), hasattr(local, "value")

    assert alike(body) == ("value", ([True] * 3, [0, 1, 2], False))


def test_a_subclass_of_local_is_initialised_in_each_thread(alike):
    class Local(threading.local):
        def __init__(self, start):
            self.value = start

    def body():
        local, seen = Local(7), []
        local.value = 8
        run_all([threading.Thread(target=lambda: seen.append(local.value)) for _ in range(2)])
        return seen, local.value

    assert alike(body) == ("value", ([7, 7], 8))


def test_each_thread_has_a_context_of_its_own(alike):
    variable = contextvars.ContextVar("variable", default="none")

    def body():
        seen = []
        token = variable.set("main")

        def use():
            before = variable.get()
            variable.set("worker")
            time.sleep(0)
            seen.append((before, variable.get()))

        run_all([threading.Thread(target=use) for _ in range(2)])
        inside = variable.get()
        variable.reset(token)
        return seen, inside, variable.get()

    alike(body)


def test_each_thread_handles_its_own_exception(alike):
    def body():
        seen = []

        def fail(number):
            try:
                raise ValueError(number)
            except ValueError:
                time.sleep(0.001)
                seen.append(sys.exc_info()[1].args[0] == number)

        try:
            raise KeyError("main")
        except KeyError:
            run_all([threading.Thread(target=fail, args=(i,)) for i in range(3)])
            mine = repr(sys.exc_info()[1])
        return seen, mine, sys.exc_info()[0]

    alike(body)


def test_what_leaves_a_thread_goes_to_the_hook(alike):
    def body():
        seen, before = [], threading.excepthook
        threading.excepthook = lambda args: seen.append(
            (
                args.exc_type.__name__,
                str(args.exc_value),
                args.thread.name,
                [f.name for f in traceback.extract_tb(args.exc_traceback)],
            )
        )
        try:
            run_all(
                [
                    threading.Thread(target=lambda: int("x"), name="failing"),
                    threading.Thread(target=sys.exit, name="leaving"),
                ]
            )
        finally:
            threading.excepthook = before
        return sorted(seen, key=lambda entry: entry[2])

    kind, value = alike(body)
    assert kind == "value"
    assert value[0][3][0] == "_bootstrap_inner"


def test_what_leaves_a_thread_is_printed_with_its_own_frames_only(alike):
    def body():
        said, before = io.StringIO(), threading.excepthook
        threading.excepthook = threading.__excepthook__
        try:
            with redirect_stderr(said):
                run_all([threading.Thread(target=lambda: 1 / 0, name="failing")])
        finally:
            threading.excepthook = before
        return said.getvalue()

    alike(body)


def test_what_leaves_a_bare_thread_is_unraisable(alike):
    def body():
        seen, done = [], threading.Event()
        before, sys.unraisablehook = (
            sys.unraisablehook,
            lambda args: (
                seen.append(
                    (
                        args.err_msg and args.err_msg.split(" at 0x")[0],
                        repr(args.exc_value),
                        args.object is fail,
                    )
                ),
                done.set(),
            ),
        )

        def fail():
            raise ValueError("bare")

        try:
            _thread.start_new_thread(fail, ())
            done.wait(5)
        finally:
            sys.unraisablehook = before
        return seen

    alike(body)


def test_a_bare_thread_may_exit_quietly(alike):
    def body():
        seen, count = [], _thread._count()

        def leave():
            seen.append("in")
            _thread.exit()

        _thread.start_new_thread(leave, ())
        while not seen or _thread._count() > count:
            time.sleep(0.001)
        return seen

    alike(body)


def test_a_bare_thread_is_a_dummy_to_threading(alike):
    def body():
        seen = []
        ident = _thread.start_new_thread(
            lambda: seen.append((type(threading.current_thread()).__name__, threading.get_ident())), ()
        )
        while not seen:
            time.sleep(0.001)
        threading._active.pop(ident, None)  # before 3.13 a dummy stays
        return seen[0][0], seen[0][1] == ident

    alike(body)


def test_all_threads_show_their_frames(alike):
    def body():
        go = threading.Event()

        def waits_here():
            go.wait()

        thread = threading.Thread(target=waits_here)
        thread.start()
        for _ in range(100):
            names = []
            frame = sys._current_frames().get(thread.ident)
            while frame is not None:
                names.append(frame.f_code.co_name)
                frame = frame.f_back
            if "waits_here" in names:
                break
            time.sleep(0.001)
        mine = sys._current_frames()[threading.get_ident()].f_code.co_name
        go.set()
        thread.join()
        return "waits_here" in names, names[-1], mine, thread.ident in sys._current_frames()

    assert alike(body) == ("value", (True, "_bootstrap", "body", False))


def test_a_tracer_of_threading_sees_every_new_thread(alike):
    def body():
        seen, before = [], threading.gettrace()

        def tracer(frame, event, argument):
            if frame.f_code.co_name == "traced" and event == "call":
                seen.append(threading.current_thread().name)

        def traced():
            pass

        threading.settrace(tracer)
        try:
            run_all([threading.Thread(target=traced, name=f"t{i}") for i in range(2)])
        finally:
            threading.settrace(before)
        return sorted(seen), sys.gettrace() is None or sys.gettrace() is not tracer

    alike(body)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="3.11 has no settrace_all_threads()")
def test_a_tracer_for_all_threads_reaches_those_that_run(alike):
    def body():
        go, seen = threading.Event(), []

        def tracer(frame, event, argument):
            return None

        def work():
            go.wait()
            seen.append(sys.gettrace() is tracer)

        thread = threading.Thread(target=work)
        thread.start()
        before = sys.gettrace()
        threading.settrace_all_threads(tracer)
        threading.settrace_all_threads(before)
        seen.append(sys.gettrace() is before)
        threading.settrace_all_threads(tracer)
        go.set()
        thread.join()
        threading.settrace_all_threads(before)
        return seen

    alike(body)


def test_the_stack_size_is_set_and_refused_alike(alike):
    def body():
        before = threading.stack_size(1 << 20)
        now = threading.stack_size(before)
        try:
            threading.stack_size(1)
        except ValueError as problem:
            return before, now, str(problem)

    alike(body)


def test_a_pool_maps_in_order(alike):
    def body():
        with ThreadPoolExecutor(3) as pool:
            return list(pool.map(lambda x: x * x, range(6)))

    alike(body)


def test_a_pool_s_future_carries_the_exception_and_its_frames(alike):
    def body():
        def fails():
            raise LookupError("gone")

        with ThreadPoolExecutor(1) as pool:
            problem = pool.submit(fails).exception()
        return repr(problem), [frame.name for frame in traceback.extract_tb(problem.__traceback__)]

    alike(body)


def test_a_pool_that_is_shut_down_takes_nothing(alike):
    def body():
        pool = ThreadPoolExecutor(1)
        pool.shutdown()
        pool.submit(int)

    assert alike(body) == ("RuntimeError", "cannot schedule new futures after shutdown")


def test_a_pool_whose_initializer_fails_is_broken(alike):
    def body():
        with ThreadPoolExecutor(1, initializer=lambda: 1 / 0) as pool:
            try:
                pool.submit(int).result()
            except Exception as problem:
                return type(problem).__name__

    assert alike(body) == ("value", "BrokenThreadPool")


def test_futures_that_wait_in_line_are_cancelled(alike):
    def body():
        go = threading.Event()
        pool = ThreadPoolExecutor(1)
        first = pool.submit(go.wait)
        while not first.running():
            time.sleep(0.001)
        rest = [pool.submit(int) for _ in range(3)]
        threading.Timer(0.005, go.set).start()
        pool.shutdown(cancel_futures=True)
        return first.result(), [future.cancelled() for future in rest]

    assert alike(body) == ("value", (True, [True] * 3))


def test_futures_are_waited_for_alike(alike):
    def body():
        with ThreadPoolExecutor(2) as pool:
            slow, quick = pool.submit(time.sleep, 0.05), pool.submit(int)
            done, rest = wait([slow, quick], return_when=FIRST_COMPLETED)
            first = quick in done, slow in rest
            try:
                slow.result(timeout=0.001)
            except TimeoutError as problem:
                first += (repr(problem),)
            return first, len(list(as_completed([slow, quick]))), slow.done()

    alike(body)


def test_a_future_calls_back_in_the_thread_that_completes_it(alike):
    def body():
        seen, future = [], Future()
        future.add_done_callback(lambda f: seen.append((f.result(), threading.current_thread().name)))
        run_all([threading.Thread(target=future.set_result, args=(5,), name="completer")])
        return seen

    alike(body)


def test_the_workers_of_a_pool_that_is_forgotten_end(alike):
    def body():
        pool = ThreadPoolExecutor(2)
        pool.submit(int).result()
        workers = list(pool._threads)
        del pool
        gc.collect()
        for worker in workers:
            worker.join(5)
        return [worker.is_alive() for worker in workers]

    alike(body)


def test_a_thread_that_has_ended_lets_its_target_go(alike):
    def body():
        class Target:
            def __call__(self):
                pass

        target = Target()
        gone = weakref.ref(target)
        thread = threading.Thread(target=target)
        thread.start()
        thread.join()
        del target
        return gone() is None

    assert alike(body) == ("value", True)


def test_a_thread_object_goes_when_nobody_holds_it(alike):
    def body():
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        gone = weakref.ref(thread)
        del thread
        gc.collect()
        return gone() is None

    assert alike(body) == ("value", True)


def test_a_traceback_shows_no_frame_of_ours(controlled):
    def fails():
        raise ValueError

    problem = controlled(fails).exception
    files = [frame.filename for frame in traceback.extract_tb(problem.__traceback__)]
    assert [Path(file).name for file in files] == ["test_threads.py"]


def test_an_import_in_two_threads_happens_once(alike, tmp_path, monkeypatch):
    (tmp_path / "slowly.py").write_text("import time\ntime.sleep(0.002)\nvalue = object()\n")
    monkeypatch.syspath_prepend(tmp_path)

    def body():
        seen = []

        def use():
            import slowly

            seen.append(slowly.value)

        run_all([threading.Thread(target=use) for _ in range(3)])
        del sys.modules["slowly"]
        return len(seen), len(set(map(id, seen)))

    assert alike(body) == ("value", (3, 1))


def test_daemon_threads_are_not_waited_for(controlled):
    def body():
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        return "ended"

    before = threading.enumerate()
    run = controlled(body)
    assert (run.value, run.leftover, run.ending.name) == ("ended", 0, "FINISHED")
    assert threading.enumerate() == before


def test_other_threads_are_waited_for(controlled):
    def body():
        threading.Thread(target=lambda: (time.sleep(3), seen.append("worked"))).start()

    seen = []
    controlled(body)
    assert seen == ["worked"]


def running_loops():
    ready, done = threading.Event(), threading.Event()
    seen = []

    def look():
        try:
            asyncio.get_running_loop()
            seen.append("a loop")
        except RuntimeError:
            seen.append("none")

    async def serve():
        look()
        ready.set()
        while not done.is_set():
            await asyncio.sleep(0.01)
        look()

    server = threading.Thread(target=lambda: asyncio.run(serve()))
    server.start()
    ready.wait()
    look()
    other = threading.Thread(target=look)
    other.start()
    other.join()
    done.set()
    server.join()
    return seen


def test_the_running_loop_is_that_of_the_thread(alike):
    assert alike(running_loops) == ("value", ["a loop", "none", "none", "a loop"])
