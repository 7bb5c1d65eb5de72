"""What nobody controls: threads and servers of fixtures, child processes. Time passes for them as in life."""

import re
import subprocess
import sys
import textwrap

import pytest
from processes import race_in

FIXTURES = """
    import asyncio, http.server, socket, subprocess, sys, threading, time, urllib.request
    import pytest

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(0.05)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")
        def log_message(self, *arguments): pass

    @pytest.fixture(scope="module")
    def address():
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address
        server.shutdown()
        server.server_close()

    @pytest.fixture(scope="module")
    def loop():
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        yield loop
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    async def work():
        await asyncio.sleep(0.3)
        return 5

    def both(call):
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(call())) for _ in range(2)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        return answers
"""

FIXTURE_TESTS = {
    "a server's answer within its timeout": """
        def test_it(address):
            url = "http://%s:%d/" % address
            assert both(lambda: urllib.request.urlopen(url, timeout=3).read()) == [b"ok", b"ok"]
    """,
    "a loop that runs elsewhere, with a timeout": """
        def test_it(loop):
            def ask(): return asyncio.run_coroutine_threadsafe(work(), loop).result(timeout=3)
            assert both(ask) == [5, 5]
    """,
    "a loop that runs elsewhere, without any": """
        def test_it(loop):
            def ask(): return asyncio.run_coroutine_threadsafe(work(), loop).result()
            assert both(ask) == [5, 5]
    """,
    "a flag that another thread sets, polled": """
        @pytest.fixture(scope="module")
        def flag():
            flag = threading.Event()
            threading.Timer(1.0, flag.set).start()
            return flag

        def test_it(flag):
            def poll():
                end = time.monotonic() + 10
                while not flag.is_set() and time.monotonic() < end: time.sleep(0.02)
                return flag.is_set()
            assert both(poll) == [True, True]
    """,
    "a queue that another thread fills": """
        @pytest.fixture(scope="module")
        def jobs():
            import _queue
            jobs = _queue.SimpleQueue()
            threading.Timer(0.5, lambda: (jobs.put(1), jobs.put(1))).start()
            return jobs

        def test_it(jobs):
            def take():
                job = jobs.get(timeout=10)
                jobs.put(job)
                return job
            assert both(take) == [1, 1]
    """,
}

CHILD_TESTS = {
    "a child with a timeout": """
        def test_it():
            assert both(lambda: subprocess.run(["sleep", "0.4"], timeout=20).returncode) == [0, 0]
    """,
    "a child that asks a task": """
        def test_it():
            server = http.server.HTTPServer(("127.0.0.1", 0), Slow)
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            ask = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:%d/').read()" % server.server_address[1]
            status = subprocess.run([sys.executable, "-c", ask]).returncode
            server.shutdown()
            thread.join()
            server.server_close()
            assert status == 0
    """,
    "a child that is polled": """
        def test_it():
            def poll():
                child = subprocess.Popen(["sleep", "0.3"])
                end = time.monotonic() + 20
                while child.poll() is None and time.monotonic() < end: time.sleep(0.02)
                return child.wait()
            assert both(poll) == [0, 0]
    """,
    "a child of an event loop": """
        def test_it():
            async def main():
                child = await asyncio.create_subprocess_exec("sh", "-c", "sleep 0.3; echo hi", stdout=subprocess.PIPE)
                return await asyncio.gather(asyncio.wait_for(child.communicate(), 20), asyncio.sleep(0.01))
            assert asyncio.run(main())[0] == (b"hi\\n", None)
    """,
}


def explored(folder, source, *options):
    (folder / "test_it.py").write_text(textwrap.dedent(FIXTURES) + textwrap.dedent(source))
    ended, (test,) = race_in(folder, "--race-budget=6x,8s", *options)
    return ended.stdout, test


@pytest.mark.parametrize("case", FIXTURE_TESTS)
def test_a_thread_of_a_fixture_has_the_time_that_it_has_in_life(tmp_path, case):
    output, test = explored(tmp_path, FIXTURE_TESTS[case], "--race-stall=0")
    assert test["verdict"] == "passed", output
    assert "[uncontrolled-thread]" in str(test["uncontrolled"])


@pytest.mark.parametrize("case", CHILD_TESTS)
def test_a_child_process_has_the_time_that_it_has_in_life(tmp_path, case):
    output, test = explored(tmp_path, CHILD_TESTS[case])
    assert test["verdict"] == "passed", output
    assert "[uncontrolled-process]" in str(test["uncontrolled"])


def test_a_server_that_never_answers_is_named_and_no_hang(tmp_path):
    silent = """
        @pytest.fixture(scope="module")
        def silent():
            serve = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
            child = subprocess.Popen([sys.executable, "-c", serve], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            with child:
                yield ("127.0.0.1", int(child.stdout.readline()))
                child.kill()

        def test_it(silent):
            with socket.create_connection(silent) as client:
                client.recv(1)
    """
    output, test = explored(tmp_path, silent)
    assert test["findings"][0]["kind"] == "deadlock"
    assert "[uncontrolled-socket]" in str(test["uncontrolled"])
    assert re.search(r"nothing came from outside of control for 1\d\.\d s", output)
    assert "which nobody under control can bring about" in output


def test_a_thread_that_ran_before_an_exploration_is_named_and_has_its_time(tmp_path):
    program = """
        import threading, time
        import unblink

        asked, answered = threading.Event(), threading.Event()

        def serve():
            while True:
                asked.wait()
                asked.clear()
                time.sleep(0.2)
                answered.set()

        threading.Thread(target=serve, daemon=True).start()

        def body():
            def ask():
                asked.set()
                assert answered.wait(5)
            threads = [threading.Thread(target=ask) for _ in range(2)]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            answered.clear()

        result = unblink.explore(body, budget="4x", stall=0, witnesses=None)
        print(result.verdict, *result.uncontrolled)
    """
    (tmp_path / "program.py").write_text(textwrap.dedent(program))
    ended = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.stdout.startswith("passed"), ended.stdout + ended.stderr
    assert "[uncontrolled-thread]" in ended.stdout
