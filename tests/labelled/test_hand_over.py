"""What a threading.Lock publishes: a release happens before the next acquisition, whoever comes between."""

import threading

from .running import together


class Box:
    def __init__(self, n=0):
        self.n = n
        self.ready = False


class Client:
    def __init__(self):
        self.token = "secret"  # racy


class Service:
    def __init__(self):
        self.lock = threading.Lock()
        self.made = None

    def client(self):
        """Looks without the lock first."""
        if self.made is None:  # racy
            with self.lock:
                if self.made is None:
                    self.made = Client()  # racy
        return self.made  # racy

    def client_under_lock(self):
        with self.lock:
            if self.made is None:
                self.made = Client()
            return self.made


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_double_checked_locking():
    """The first look and the last read are not under the lock under which the client is made."""
    service = Service()
    tokens = [None, None]

    def use(place):
        tokens[place] = service.client().token  # racy

    together(lambda: use(0), lambda: use(1))
    assert tokens == ["secret", "secret"]


def test_race_lock_made_lazily():
    """Both find no lock, each makes one, and the last one stays."""
    box = Box()
    shelf = {}

    def bump():
        if "lock" not in shelf:  # racy
            shelf["lock"] = threading.Lock()  # racy
        with shelf["lock"]:  # racy
            box.n += 1  # racy

    together(bump, bump)
    assert box.n in (1, 2)


def test_race_flag_read_without_the_lock_that_guards_it():
    """The flag is set under the lock, but who looks at it does not take the lock, and so orders nothing."""
    lock = threading.Lock()
    box = Box()
    seen = [None]

    def publish():
        box.n = 42  # racy
        with lock:
            box.ready = True  # racy

    def consume():
        if box.ready:  # racy
            seen[0] = box.n  # racy

    together(publish, consume)
    assert seen[0] in (None, 42)


def test_race_written_after_the_hand_over():
    """The flag under the lock hands the box over; its maker writes it once more."""
    lock = threading.Lock()
    box = Box()
    state = {"ready": False}
    seen = [None]

    def publish():
        box.n = 1
        with lock:
            state["ready"] = True
        box.n = 2  # racy

    def consume():
        with lock:
            ready = state["ready"]
        if ready:
            seen[0] = box.n  # racy

    together(publish, consume)
    assert seen[0] in (None, 1, 2)


def test_race_chain_with_a_link_that_does_not_look():
    """The middle thread passes the word on without having waited for the first one."""
    first, second = threading.Lock(), threading.Lock()
    box = Box()
    said = {"a": False, "b": False}
    seen = [None]

    def begin():
        box.n = 1  # racy
        with first:
            said["a"] = True

    def pass_on():
        with second:
            said["b"] = True

    def end():
        with second:
            told = said["b"]
        if told:
            seen[0] = box.n  # racy

    together(begin, pass_on, end)
    assert seen[0] in (None, 0, 1)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_published_by_a_flag_under_the_lock():
    """Who has seen the flag has acquired the lock after its release: the payload needs no lock any more."""
    lock = threading.Lock()
    box = Box()
    seen = [None]

    def publish():
        box.n = 42
        with lock:
            box.ready = True

    def consume():
        with lock:
            ready = box.ready
        if ready:
            seen[0] = box.n

    together(publish, consume)
    assert seen[0] in (None, 42)


def test_no_race_handed_over_through_a_chain_of_locks():
    """The first releases a lock that the second one acquires, who then releases another for the third."""
    first, second = threading.Lock(), threading.Lock()
    box = Box()
    said = {"a": False, "b": False}
    seen = [None]

    def begin():
        box.n = 1
        with first:
            said["a"] = True

    def pass_on():
        with first:
            told = said["a"]
        if told:
            with second:
                said["b"] = True

    def end():
        with second:
            told = said["b"]
        if told:
            box.n += 1
            seen[0] = box.n

    together(begin, pass_on, end)
    assert seen[0] in (None, 2)


def test_no_race_lock_as_a_signal():
    """Main acquires the lock a second time, which it can only after the thread has released it."""
    done = threading.Lock()
    box = Box()

    def work():
        box.n = 1
        done.release()

    done.acquire()
    thread = threading.Thread(target=work)
    thread.start()
    done.acquire()
    box.n += 1
    assert box.n == 2
    thread.join()


def test_no_race_locks_passed_round_in_a_ring():
    """Each thread waits for its lock and releases the next one's: the turns follow one another."""
    turns = [threading.Lock() for _ in range(3)]
    box = Box()
    for turn in turns[1:]:
        turn.acquire()

    def take_turns(place):
        for _ in range(2):
            turns[place].acquire()
            box.n += 1
            turns[(place + 1) % 3].release()

    together(lambda: take_turns(0), lambda: take_turns(1), lambda: take_turns(2))
    assert box.n == 6


def test_no_race_made_lazily_under_the_lock():
    """Every look at the client is under the lock, and after it was made it does not change."""
    service = Service()
    tokens = [None, None]

    def use(place):
        tokens[place] = service.client_under_lock().token

    together(lambda: use(0), lambda: use(1))
    assert tokens == ["secret", "secret"]


def test_no_race_double_check_under_two_locks():
    """The first look is under a lock too, the one that the publication takes."""
    look, make = threading.Lock(), threading.Lock()
    shelf = {"client": None}
    tokens = [None, None]

    def current():
        with look:
            return shelf["client"]

    def client():
        if current() is None:
            with make:
                if current() is None:
                    made = Client()
                    with look:
                        shelf["client"] = made
        return current()

    def use(place):
        tokens[place] = client().token

    together(lambda: use(0), lambda: use(1))
    assert tokens == ["secret", "secret"]
