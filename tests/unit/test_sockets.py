"""Test that a test without the marker `servers` cannot use sockets, so that `make quick` needs no network."""

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
def test_marker_servers_allows_listening_and_connecting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
