"""Tunnels over real WebSockets: bytes both ways, refusals, cuts, bridges and local ports."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve, unix_serve

from heliostat.client.bridging import Ending, Forwarder, bridge
from heliostat.client.client import Client
from heliostat.client.credentials import FixedToken
from heliostat.client.guests import greets, wait_for_ssh
from heliostat.core.errors import HeliostatError
from heliostat.testing import answers

Guest = Callable[[ServerConnection], None]


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


@contextlib.contextmanager
def guest(
    behave: Guest, refusal: tuple[int, str] | None = None, path: Path | None = None
) -> Iterator[str]:
    """Serve ``behave`` on every path; yields the target. ``refusal`` answers instead."""

    def judge(connection: ServerConnection, request: Request) -> Response | None:
        if refusal is None:
            return None
        return connection.respond(HTTPStatus(refusal[0]), refusal[1])

    server = (
        unix_serve(behave, str(path), process_request=judge, compression=None)
        if path is not None
        else serve(behave, "127.0.0.1", 0, process_request=judge, compression=None)
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"unix:{path}" if path else f"http://127.0.0.1:{server.socket.getsockname()[1]}"
    finally:
        server.shutdown()
        thread.join()


class Typist:
    """Local input whose words come when the test gives them."""

    def __init__(self, *words: bytes) -> None:
        self._words: queue.Queue[bytes] = queue.Queue()
        for word in words:
            self._words.put(word)

    def read(self) -> bytes:
        return self._words.get(timeout=10)

    def type(self, word: bytes) -> None:
        self._words.put(word)


def test_bytes_go_both_ways_with_the_token() -> None:
    seen: list[tuple[str, str]] = []

    def behave(connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        seen.append((request.path, request.headers["Authorization"]))
        echo(connection)

    with guest(behave) as target, Client(target, FixedToken("t")) as client:
        tunnel = client.vms.port(answers.VM, 22)
        tunnel.write(b"\x00\xffhello")
        assert tunnel.read() == b"\x00\xffhello"
        tunnel.close()
    assert seen == [(f"/v1/vms/{answers.VM}/ports/22", "Bearer t")]


def test_a_unix_socket_works_too(tmp_path: Path) -> None:
    with guest(echo, path=tmp_path / "s") as target, Client(target) as client:
        tunnel = client.vms.console(answers.VM)
        tunnel.write(b"x")
        assert tunnel.read() == b"x"
        tunnel.close()


def test_a_refusal_is_the_servers_own_error() -> None:
    body = '{"code": "ConsoleInUse", "message": "Ann has it.", "data": {}}'
    with (
        guest(echo, refusal=(409, body)) as target,
        Client(target) as client,
        pytest.raises(HeliostatError, match="ConsoleInUse: Ann has it"),
    ):
        client.vms.console(answers.VM)


def test_nothing_listens() -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(HeliostatError) as caught:
        client.vms.console(answers.VM)
    assert caught.value.code == "Unreachable"


def test_a_plain_end_reads_as_empty_and_a_cut_raises_its_reason() -> None:
    with guest(lambda connection: connection.close()) as target, Client(target) as client:
        assert client.vms.console(answers.VM).read() == b""
    with (
        guest(lambda connection: connection.close(1011, "AgentUnavailable")) as target,
        Client(target) as client,
        pytest.raises(HeliostatError, match="AgentUnavailable"),
    ):
        client.vms.console(answers.VM).read()


def test_the_escape_ends_a_bridge_after_what_came_before_it() -> None:
    got: list[bytes] = []
    typist = Typist(b"ls\r")

    def show(data: bytes) -> None:
        got.append(data)
        typist.type(b"bye\x1dnever")

    received: queue.Queue[bytes | str] = queue.Queue()

    def behave(connection: ServerConnection) -> None:
        for message in connection:
            received.put(message)
            connection.send(message)

    with guest(behave) as target, Client(target) as client:
        ending = bridge(client.vms.console(answers.VM), typist.read, show, escape=b"\x1d")
    assert ending is Ending.ESCAPE
    assert got[0] == b"ls\r"
    assert [received.get(timeout=10), received.get(timeout=10)] == [b"ls\r", b"bye"]
    assert received.empty()


def test_the_guest_may_answer_after_local_input_has_ended() -> None:
    def behave(connection: ServerConnection) -> None:
        asked = connection.recv()
        connection.send(b"answer to ")
        connection.send(asked)

    got: list[bytes] = []
    with guest(behave) as target, Client(target) as client:
        bridge(client.vms.port(answers.VM, 80), Typist(b"GET", b"").read, got.append)
    assert b"".join(got) == b"answer to GET"


def test_a_silent_guest_is_left_once_local_input_has_ended() -> None:
    with guest(echo) as target, Client(target) as client:
        tunnel = client.vms.port(answers.VM, 80)
        ending = bridge(tunnel, Typist(b"").read, lambda _data: None, linger_s=0.0)
    assert ending is Ending.LOCAL


def test_a_local_port_carries_every_connection() -> None:
    with guest(echo) as target, Client(target) as client:
        forwarder = Forwarder("127.0.0.1", 0, lambda: client.vms.port(answers.VM, 80))
        failures: list[HeliostatError] = []
        thread = threading.Thread(target=forwarder.serve, args=(failures.append,))
        thread.start()
        for word in (b"one", b"two"):
            with socket.create_connection(("127.0.0.1", forwarder.port)) as connection:
                connection.settimeout(10)
                connection.sendall(word)
                assert connection.recv(16) == word
        forwarder.close()
        thread.join(timeout=10)
        assert not thread.is_alive()
    assert failures == []


def test_only_the_banner_counts_as_an_answer() -> None:
    answers_now = [False]

    def behave(connection: ServerConnection) -> None:
        if answers_now[0]:
            connection.send(b"SSH-2.0-OpenSSH\r\n")

    def later(_seconds: float) -> None:
        answers_now[0] = True

    with guest(behave) as target, Client(target) as client:
        assert not greets(client, answers.VM)
        wait_for_ssh(client, answers.VM, timeout_s=10, sleep=later, monotonic_s=lambda: 0.0)


def test_waiting_for_ssh_ends() -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    body = '{"code": "GuestUnreachable", "message": "Not up.", "data": {}}'
    with (
        guest(echo, refusal=(502, body)) as target,
        Client(target) as client,
        pytest.raises(HeliostatError, match=r"within 3 s \(Not up\)"),
    ):
        wait_for_ssh(client, answers.VM, timeout_s=3, sleep=sleep, monotonic_s=lambda: now[0])
