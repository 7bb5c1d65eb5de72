"""What a thread other than main may do about signals, and what idents are good for in calls of the system."""

import ctypes
import signal
import threading
import time


def in_a_thread(function):
    results = []

    def work():
        try:
            results.append(function())
        except Exception as problem:
            results.append((type(problem).__name__, str(problem)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return results


def setting_a_handler():
    return in_a_thread(lambda: signal.signal(signal.SIGUSR1, signal.getsignal(signal.SIGUSR1)))


def setting_the_wakeup_descriptor():
    return in_a_thread(lambda: signal.set_wakeup_fd(-1))


def setting_both_in_main():
    signal.signal(signal.SIGUSR1, signal.getsignal(signal.SIGUSR1))
    return signal.set_wakeup_fd(-1)


def test_only_main_may_set_a_signal_handler(alike):
    kind, value = alike(setting_a_handler)
    assert (kind, value[0][0]) == ("value", "ValueError")


def test_only_main_may_set_the_descriptor_that_signals_wake(alike):
    kind, value = alike(setting_the_wakeup_descriptor)
    assert (kind, value[0][0]) == ("value", "ValueError")


def test_main_may_set_both(alike):
    assert alike(setting_both_in_main)[0] == "value"


def test_an_ident_can_be_handed_to_the_threads_library(controlled):
    library = ctypes.CDLL(None)
    library.pthread_setname_np.argtypes = [ctypes.c_void_p, ctypes.c_char_p]

    def name():
        library.pthread_setname_np(threading.get_ident(), b"a name")  # what it returns is not the point
        return "alive"

    assert controlled(lambda: in_a_thread(name)).value == ["alive"]


def test_the_clock_of_a_thread_that_the_system_does_not_know_is_refused(controlled):
    run = controlled(lambda: in_a_thread(lambda: time.pthread_getcpuclockid(threading.get_ident())))
    assert run.value[0][0] in ("OSError", "ProcessLookupError")


def signal_nothing(thread):
    try:
        signal.pthread_kill(thread.ident, 0)
    except OSError:
        return "refused"
    return "sent"


def test_a_thread_that_runs_can_be_sent_a_signal(alike):
    def body():
        return in_a_thread(
            lambda: [signal_nothing(threading.current_thread()), signal_nothing(threading.main_thread())]
        )

    assert alike(body) == ("value", [["sent", "sent"]])


def test_a_signal_to_a_thread_that_has_ended_is_refused(controlled):
    def body():
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
        return signal_nothing(thread)

    assert controlled(body).value == "refused"
