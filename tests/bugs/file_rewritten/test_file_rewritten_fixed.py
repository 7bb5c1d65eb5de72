"""The state of a service is written beside its file, and put into its place."""

import os
import threading


class State:
    def __init__(self, path):
        self.path = path

    def save(self, text):
        beside = self.path.with_suffix(".new")
        with open(beside, "w") as file:
            file.write(text)
        os.replace(beside, self.path)

    def load(self):
        return self.path.read_text()


def test_whoever_reads_sees_one_state_or_the_other(tmp_path):
    state = State(tmp_path / "state")
    state.save("running")
    seen = []
    saving = threading.Thread(target=state.save, args=("stopped",))
    loading = threading.Thread(target=lambda: seen.append(state.load()))
    saving.start()
    loading.start()
    saving.join()
    loading.join()
    assert seen in (["running"], ["stopped"])
