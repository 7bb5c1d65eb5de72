"""Variables of a function that inner functions share: one location for each call of the enclosing function."""

import functools
import threading

from .running import in_turn, together


def make_counter():
    n = 0

    def bump():
        nonlocal n
        n += 1  # racy
        return n  # racy

    return bump


def make_locked_counter():
    n = 0
    lock = threading.Lock()

    def bump():
        nonlocal n
        with lock:
            n += 1
            return n

    return bump


# -- races -----------------------------------------------------------------------------------------------------------


def test_race_nonlocal_counter():
    """Both threads read and write the variable of the enclosing call."""
    n = 0

    def bump():
        nonlocal n
        n += 1  # racy

    together(bump, bump)
    assert n in (1, 2)


def test_race_nonlocal_written_and_read():
    """One thread writes what the other one reads."""
    done = False
    seen = [None]

    def finish():
        nonlocal done
        done = True  # racy

    def look():
        seen[0] = done  # racy

    together(finish, look)
    assert seen[0] in (False, True)


def test_race_one_closure_called_by_two_threads():
    """make_counter was called once, so there is one n."""
    bump = make_counter()
    together(bump, bump)


def test_race_maximum_kept_by_all():
    """Each compares with the best so far and then writes it, as two steps."""
    best = 0

    def offer(value):
        nonlocal best
        if value > best:  # racy
            best = value  # racy

    together(lambda: offer(3), lambda: offer(7))
    assert best in (3, 7)


def test_race_owner_rebinds_after_the_start():
    """The enclosing function changes its own variable while the thread reads it."""
    seen = [None]
    message = "early"

    def look():
        seen[0] = message  # racy

    thread = threading.Thread(target=look)
    thread.start()
    message = "late"  # racy
    thread.join()
    assert seen[0] in ("early", "late")


def test_race_loop_counter_read_by_the_threads_that_the_loop_starts():
    """The closure sees the variable, not the value that it had at the start, and main goes on counting."""
    seen = [None, None, None]
    threads = []
    number = 0

    def look(place):
        seen[place] = number  # racy

    while number < 3:
        threads.append(threading.Thread(target=look, args=(number,)))
        threads[-1].start()
        number += 1  # racy
    for thread in threads:
        thread.join()
    assert all(place <= value <= 3 for place, value in enumerate(seen))


def test_race_variable_two_functions_up():
    """The variable belongs to the outermost function and is one for both threads."""
    n = 0

    def make():
        def bump():
            nonlocal n
            n += 1  # racy

        return bump

    together(make(), make())
    assert n in (1, 2)


def test_race_tuple_of_nonlocals():
    """One statement writes both variables, and so does the other thread's."""
    low, high = 0, 10

    def widen():
        nonlocal low, high
        low, high = -1, 11  # racy

    def narrow():
        nonlocal low, high
        low, high = 4, 5  # racy

    together(widen, narrow)
    assert low in (-1, 4)
    assert high in (5, 11)


def test_race_deleted_and_written():
    """`del` unbinds the variable that the other thread binds."""
    token = "old"

    def forget():
        nonlocal token
        del token  # racy

    def renew():
        nonlocal token
        token = "new"  # racy

    together(forget, renew)


def test_race_tuple_grown_by_augmented_assignment():
    """No tuple ever changes, but `+=` reads and rebinds the variable that holds the current one."""
    found = ()

    def add(item):
        nonlocal found
        found += (item,)  # racy

    together(lambda: add(1), lambda: add(2))
    assert found in ((1,), (2,), (1, 2), (2, 1))


def test_race_item_of_a_captured_dict():
    """The variable is bound once; the item is read and written by both."""
    state = {"n": 0}

    def bump():
        state["n"] += 1  # racy

    together(bump, functools.partial(bump))
    assert state["n"] in (1, 2)


# -- no races --------------------------------------------------------------------------------------------------------


def test_no_race_each_thread_has_a_counter_of_its_own():
    """Each call of make_counter has a variable of its own."""
    seen = [None, None]

    def work(place):
        bump = make_counter()
        bump()
        seen[place] = bump()

    together(lambda: work(0), lambda: work(1))
    assert seen == [2, 2]


def test_no_race_counters_made_before_the_start():
    """Two calls made two variables, and each thread uses one."""
    left, right = make_counter(), make_counter()
    together(left, right)
    assert (left(), right()) == (2, 2)


def test_no_race_loop_variable_bound_as_a_default():
    """The default keeps the value that the variable had when the function was made."""
    seen = [None, None, None]
    threads = []
    number = 0
    while number < 3:

        def look(number=number):
            seen[number] = number

        threads.append(threading.Thread(target=look))
        threads[-1].start()
        number += 1
    for thread in threads:
        thread.join()
    assert seen == [0, 1, 2]


def test_no_race_loop_variable_bound_by_partial():
    """partial keeps the value, not the variable."""
    seen = [None, None]

    def look(place):
        seen[place] = place

    together(*[functools.partial(look, place) for place in range(2)])
    assert seen == [0, 1]


def test_no_race_bound_twice_before_the_start():
    """Both bindings happen before start(), and then there are only reads."""
    seen = [None, None]
    message = "first"
    message = message + " second"

    def look(place):
        seen[place] = message

    together(lambda: look(0), lambda: look(1))
    assert seen == ["first second"] * 2


def test_no_race_nonlocal_under_a_lock():
    """Every access of the threads is under the lock that the closure shares with the variable."""
    bump = make_locked_counter()
    together(bump, bump)
    assert bump() == 3


def test_no_race_result_by_nonlocal_read_after_join():
    """join() orders the thread's write before main's read."""
    result = None

    def work():
        nonlocal result
        result = 42

    together(work)
    assert result == 42


def test_no_race_nonlocal_in_turn():
    """Each thread is joined before the next one starts."""
    n = 0

    def bump():
        nonlocal n
        n += 1

    in_turn(bump, bump, bump)
    assert n == 3


def test_no_race_variables_of_recursive_calls():
    """Every call of the recursive function has a variable of its own, in whatever thread it runs."""
    seen = [None, None]

    def depth(limit):
        reached = 0

        def step():
            nonlocal reached
            reached += 1
            return depth(limit - 1) if limit else 0

        below = step()
        return reached + below

    def work(place):
        seen[place] = depth(3)

    together(lambda: work(0), lambda: work(1))
    assert seen == [4, 4]


def test_no_race_generators_of_their_own():
    """A generator's variables are its frame's, and each thread has a generator."""
    seen = [None, None]

    def numbers(start):
        n = start
        while n < start + 3:
            yield n
            n += 1

    def work(place):
        seen[place] = sum(numbers(place * 10))

    together(lambda: work(0), lambda: work(1))
    assert seen == [3, 33]


def test_no_race_one_generator_under_a_lock():
    """All steps of the generator, and so all accesses to its variable, are under one lock."""
    lock = threading.Lock()
    taken = [None, None]
    issued = 0

    def tickets():
        nonlocal issued
        while True:
            issued += 1
            yield issued

    office = tickets()

    def take(place):
        with lock:
            taken[place] = next(office)

    together(lambda: take(0), lambda: take(1))
    assert sorted(taken) == [1, 2]
    assert issued == 2


def test_no_race_rebound_after_the_join():
    """join() orders the thread's read before main's second binding."""
    seen = [None]
    message = "early"

    def look():
        seen[0] = message

    together(look)
    message = "late"
    assert seen == ["early"]
    assert message == "late"
