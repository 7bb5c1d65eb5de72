"""Blocking methods of sockets wait as in life: for all of it, for a place, and for a file that somebody closes meanwhile."""

import select
import socket
import time
from contextlib import closing

import pytest
from workers import started

MUCH = 3_000_000


def told(work):
    """What became of it."""
    try:
        return work()
    except OSError as problem:
        return type(problem).__name__, problem.errno


def closed_meanwhile(wait, then, timeout=None):
    """A thread waits on one end; that is closed, and only then something happens at the other."""
    one, other = socket.socketpair()
    one.settimeout(timeout)
    results = []
    with closing(other):
        waiter = started(lambda: results.append(told(lambda: wait(one))))
        time.sleep(0.02)
        one.close()
        time.sleep(0.02)
        results.append("waits" if waiter.is_alive() else "woken")
        then(other)
        waiter.join()
    return results


@pytest.mark.parametrize(
    "wait", [lambda end: end.recv(9), lambda end: bytes(end.recvmsg(9)[0]), lambda end: end.recvfrom(9)[0]]
)
def test_who_receives_still_gets_what_comes_after_the_close(alike, wait):
    assert alike(lambda: closed_meanwhile(wait, lambda other: other.send(b"late"))) == ("value", ["waits", b"late"])


def test_the_other_end_does_not_hear_of_a_close_while_somebody_receives(alike):
    def body():
        def then(other):
            other.settimeout(0.02)
            seen.append(told(lambda: other.recv(1)))
            other.send(b"x")

        seen = []
        return closed_meanwhile(lambda end: end.recv(1), then), seen

    assert alike(body) == ("value", (["waits", b"x"], [("TimeoutError", None)]))


def test_a_wait_with_a_timeout_ends_with_it_and_finds_the_socket_closed(alike):
    def body():
        late = closed_meanwhile(lambda end: end.recv(1), lambda other: other.send(b"x"), timeout=5)
        never = closed_meanwhile(lambda end: end.recv(1), lambda other: time.sleep(0.1), timeout=0.1)
        return late, never

    assert alike(body) == ("value", (["waits", ("OSError", 9)], ["waits", ("OSError", 9)]))


def test_who_accepts_goes_on_after_the_close(alike):
    def body():
        server = socket.create_server(("127.0.0.1", 0))
        address = server.getsockname()
        accepted = []
        waiter = started(lambda: accepted.append(server.accept()[0]))
        time.sleep(0.02)
        server.close()
        with socket.create_connection(address) as client:
            waiter.join()
            with accepted[0]:
                accepted[0].sendall(b"served")
                return client.recv(9)

    assert alike(body) == ("value", b"served")


def poll_end(end):
    poll = select.poll()
    poll.register(end, select.POLLIN)
    return [event for _, event in poll.poll(100)]


def select_end(end):
    return [len(found) for found in select.select([end], [], [end], 0.1)]


@pytest.mark.parametrize("wait", [select_end, poll_end])
def test_who_selects_is_not_woken_by_a_close(alike, wait):
    _, (state, _) = alike(lambda: closed_meanwhile(wait, lambda _other: None))
    assert state == "waits"


def test_what_waits_for_all_gets_all_or_what_came_before_the_end(alike):
    def body():
        one, other = socket.socketpair()
        received = []
        into = bytearray(MUCH)

        def receive():
            received.append(len(one.recv(MUCH, socket.MSG_WAITALL)))
            received.append(one.recv_into(into, 0, socket.MSG_WAITALL))
            received.append(len(one.recv(10, socket.MSG_WAITALL)))

        with closing(one), closing(other):
            receiver = started(receive)
            for _ in range(2):
                other.sendall(b"x")
                other.sendall(b"y" * (MUCH - 1))
            other.sendall(b"end")
            other.shutdown(socket.SHUT_WR)
            receiver.join()
        return received, into.count(b"y")

    assert alike(body) == ("value", ([MUCH, MUCH, 3], MUCH - 1))


def test_a_big_message_is_sent_as_a_whole(alike):
    def body():
        one, other = socket.socketpair()
        with closing(one), closing(other):
            sent = []
            sender = started(lambda: sent.append(one.sendmsg([b"a" * MUCH, b"b" * MUCH])))
            received = b""
            while len(received) < 2 * MUCH:
                received += other.recv(1 << 20)
            sender.join()
        return sent, received == b"a" * MUCH + b"b" * MUCH

    assert alike(body) == ("value", ([2 * MUCH], True))


def in_queue_of(server, connect, clients=5):
    """More clients than there is room for, before anybody is accepted."""
    waiting = [started(connect) for _ in range(clients)]
    time.sleep(0.02)
    for _ in range(clients):
        server.accept()[0].close()
    for client in waiting:
        client.join()


def test_clients_wait_for_a_place_in_the_queue_of_a_path(tmp_path, alike):
    def body():
        path = tmp_path / "server"
        path.unlink(missing_ok=True)
        answers = []

        def connect():
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                answers.append(client.recv(1))

        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen(1)
            in_queue_of(server, connect)
        return answers

    assert alike(body) == ("value", [b""] * 5)


@pytest.mark.parametrize("timeout", [None, 60])
def test_clients_wait_for_a_place_in_the_queue_of_a_port(controlled, timeout):
    def body():
        answers = []
        with socket.create_server(("127.0.0.1", 0), backlog=1) as server:
            address = server.getsockname()

            def connect():
                with socket.create_connection(address, timeout) as client:
                    answers.append(client.recv(1))

            in_queue_of(server, connect)
        return answers

    begun = time.monotonic()
    for seed in range(5):
        assert controlled(body, "random", seed).value == [b""] * 5
    assert time.monotonic() - begun < 5


def test_a_client_gives_up_when_no_place_comes(controlled):
    def body():
        with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
            address = server.getsockname()
            clients = [socket.create_connection(address)]
            begun = time.monotonic()
            for _ in range(2):
                outcome = told(lambda: clients.append(socket.create_connection(address, 3)))
            with socket.socket() as last:
                last.settimeout(2)
                refused = last.connect_ex(address)
            for client in clients:
                client.close()
            return outcome, refused, round(time.monotonic() - begun) >= 5

    assert controlled(body).value == (("TimeoutError", None), 11, True)


@pytest.mark.parametrize("timeout", [None, 5])
def test_datagrams_wait_for_room_at_the_receiver(tmp_path, alike, timeout):
    def body():
        path = tmp_path / "receiver"
        path.unlink(missing_ok=True)
        count = 2000
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
        ):
            receiver.bind(str(path))
            sender.settimeout(timeout)

            def send():
                for number in range(count):
                    sender.sendto(str(number).encode(), str(path))
                for number in range(count):
                    sender.sendmsg([str(number).encode()], [], 0, str(path))

            worker = started(send)
            received = [int(receiver.recv(9)) for _ in range(2 * count)]
            worker.join()
        return received == [*range(count)] * 2

    assert alike(body) == ("value", True)


def test_a_datagram_for_which_no_room_comes_is_given_up(tmp_path, controlled):
    def body():
        path = tmp_path / "receiver"
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
        ):
            receiver.bind(str(path))
            sender.settimeout(7)
            begun = time.monotonic()
            outcome = None
            while outcome is None:
                outcome = told(lambda: sender.sendto(b"x", str(path)) and None)
            return outcome, round(time.monotonic() - begun)

    assert controlled(body).value == (("TimeoutError", None), 7)


def test_a_timeout_is_kept_to_the_nanosecond(alike):
    def body():
        told = []
        with socket.create_server(("127.0.0.1", 0)) as server:
            for timeout in (0.3, 4.9, 30, 1 / 3, None):
                with socket.create_connection(server.getsockname(), timeout) as client:
                    told.append((client.gettimeout(), client.getblocking()))
                    told.append((client.sendmsg([b"x"]), client.gettimeout(), client.getblocking()))
        return told

    alike(body)
