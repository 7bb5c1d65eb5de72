"""An execution that is recorded for its report goes as it went: what the program lets go of goes."""

from textwrap import dedent

from processes import race_in

PROGRAM = """
    import threading

    class Lease:
        def __init__(self, ended):
            self.ended = ended
            self.holder = None

        def __del__(self):
            self.ended.append(self.holder)

    class Tally:
        count = 0

    def test_tally():
        tally, ended = Tally(), []

        def work(name):
            lease = Lease(ended)
            lease.holder = name
            del lease
            assert name in ended, "still there"
            count = tally.count
            tally.count = count + 1

        threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert tally.count == 2
"""


def test_what_has_a_finaliser_is_not_kept_alive_for_the_report(tmp_path):
    (tmp_path / "test_it.py").write_text(dedent(PROGRAM))
    ended, (told,) = race_in(tmp_path, "--race-budget=200x")
    assert told["findings"][0]["pattern"] == "lost update", ended.stdout
    assert "AssertionError: still there" not in ended.stdout
