"""A test without the marker `servers` can neither connect nor listen, so `make quick` runs without a network."""

import socket
import threading

import pytest

from tests.conftest import SocketUsedError


def test_listening_is_refused() -> None:
    with socket.socket() as unused, pytest.raises(SocketUsedError, match="marker `servers`"):
        unused.bind(("127.0.0.1", 0))


def test_connecting_is_refused_in_a_thread_too() -> None:
    caught: list[BaseException] = []

    def connect() -> None:
        with socket.socket() as unused, pytest.raises(SocketUsedError) as refused:
            unused.connect(("127.0.0.1", 9))
        caught.append(refused.value)

    thread = threading.Thread(target=connect)
    thread.start()
    thread.join()
    assert len(caught) == 1


@pytest.mark.servers
def test_with_the_marker_both_are_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
