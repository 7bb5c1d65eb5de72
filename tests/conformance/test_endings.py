"""Connections end as in life, for whoever is there to see it, and leave nothing behind in the system."""

import gc
import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest
from exploring import explored

TIME_WAIT = "06"


def connected():
    """Both ends of a connection over loopback: who was connected to, who connected."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        client = socket.create_connection(server.getsockname())
        return server.accept()[0], client


def told(work):
    """What became of it."""
    try:
        return work()
    except OSError as problem:
        return type(problem).__name__, problem.errno


def through_a_copy(end):
    with end.dup() as copy:
        return copy.send(b"x")


USES = {
    "sends": lambda end: end.send(b"x"),
    "sends all": lambda end: end.sendall(b"x"),
    "receives": lambda end: end.recv(9),
    "asks who": lambda end: end.getpeername()[0],
    "asks for the state": lambda end: end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1),
    "shuts down again": lambda end: end.shutdown(socket.SHUT_WR),
    "closes": lambda end: end.close(),
    "sends through a copy": through_a_copy,
    "sends through a file": lambda end: end.makefile("wb", buffering=0).write(b"x"),
}


@pytest.mark.parametrize("how", [socket.SHUT_WR, socket.SHUT_RD, socket.SHUT_RDWR])
@pytest.mark.parametrize("use", USES)
def test_what_was_shut_down_after_the_other_end_had_gone_is_as_in_life(alike, use, how):
    def body():
        left, gone = connected()
        gone.sendall(b"bye")
        gone.close()
        with left:
            return told(lambda: left.shutdown(how)), told(lambda: USES[use](left)), told(lambda: left.recv(9))

    kind, (shut, _, _) = alike(body)
    assert (kind, shut) == ("value", None)


def test_the_other_end_sees_a_shutdown_while_it_is_open(alike):
    def body():
        one, other = connected()
        with one, other:
            one.shutdown(socket.SHUT_WR)
            other.shutdown(socket.SHUT_WR)  # it has heard of the end of `one`, which can still hear of its own
            return one.recv(9), other.recv(9)

    assert alike(body) == ("value", (b"", b""))


def test_what_is_still_open_in_a_copy_gets_all_that_was_sent(alike):
    def body():
        one, other = connected()
        with one.dup() as copy:
            one.shutdown(socket.SHUT_WR)
            one.close()
            other.sendall(b"for the copy")
            other.close()
            return copy.recv(99), copy.recv(99)

    assert alike(body) == ("value", (b"for the copy", b""))


def closes_first(one, other):
    one.close()
    other.close()


def says_so_before(one, other):
    one.close()
    other.shutdown(socket.SHUT_WR)
    other.close()


def is_let_go(one, other):
    one.close()
    del other
    gc.collect()


EXECUTIONS = 60


def in_time_wait(ports):
    """Return how many of the connections to these ports the system still keeps."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[3] == TIME_WAIT and any(int(end.split(":")[1], 16) in ports for end in row[1:3]) for row in rows)


@pytest.mark.parametrize("ends", [closes_first, says_so_before, is_let_go])
def test_executions_leave_no_connection_behind(tmp_path, ends):
    ports = tmp_path / "ports"

    def body():
        one, other = connected()
        with ports.open("a") as file:
            file.write(f"{other.getpeername()[1]}\n")
        thread = threading.Thread(target=one.sendall, args=(b"hello",))
        thread.start()
        assert other.recv(9) == b"hello"
        thread.join()
        ends(one, other)

    result = explored(body, budget=f"{EXECUTIONS}x,20s")
    assert result.executions == EXECUTIONS
    known = {int(line) for line in ports.read_text().split()}
    assert in_time_wait(known) < EXECUTIONS / 4  # as good as none: a port may have been another test's before
