"""Votes that are counted in a JSON file, one after the other."""

import json
import threading


class Poll:
    def __init__(self, path):
        self._path = path
        self._lock = threading.Lock()
        path.write_text("{}", encoding="utf-8")

    def vote(self, answer):
        with self._lock:
            votes = self.result()
            votes[answer] = votes.get(answer, 0) + 1
            self._path.write_text(json.dumps(votes), encoding="utf-8")

    def result(self):
        return json.loads(self._path.read_text(encoding="utf-8"))


def test_every_vote_counts(tmp_path):
    poll = Poll(tmp_path / "poll.json")
    first = threading.Thread(target=poll.vote, args=("yes",), name="first")
    second = threading.Timer(0.1, poll.vote, args=("no",))
    first.start()
    second.start()
    first.join()
    second.join()
    assert poll.result() == {"yes": 1, "no": 1}
