"""The server answers as RFC 9110 wants, and never from outside of its folder."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from heliostat.os.repo.pairing import Pairing
from heliostat.testing.web import served


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    folder = tmp_path / "shelf"
    (folder / "base").mkdir(parents=True)
    (folder / "base/data.bin").write_bytes(bytes(range(100)))
    (folder / "base/.hidden").write_text("no")
    (folder / "base/next.json").write_text("no")
    (tmp_path / "secret").write_text("no")
    (folder / "base/out").symlink_to(tmp_path / "secret")
    (folder / "base/loop").symlink_to("loop")
    with served(folder) as server, httpx.Client(base_url=server.url) as client:
        yield client


def test_a_file_with_what_caches_need(client: httpx.Client) -> None:
    answer = client.get("base/data.bin")
    assert answer.content == bytes(range(100))
    assert answer.headers["accept-ranges"] == "bytes"
    again = client.get("base/data.bin", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    since = {"If-Modified-Since": answer.headers["last-modified"]}
    assert client.get("base/data.bin", headers=since).status_code == 304
    assert client.get("base/data.bin", headers={"If-None-Match": '"x", "y"'}).status_code == 200


def test_head_is_get_without_the_body(client: httpx.Client) -> None:
    answer = client.head("base/data.bin")
    assert (answer.headers["content-length"], answer.content) == ("100", b"")


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=10-19", 206, bytes(range(10, 20))),
        ("bytes=90-", 206, bytes(range(90, 100))),
        ("bytes=90-500", 206, bytes(range(90, 100))),
        ("bytes=-5", 206, bytes(range(95, 100))),
        ("bytes=-500", 200, bytes(range(100))),
        ("bytes=100-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=5-2", 416, b""),
        ("bytes=1-2,4-5", 200, bytes(range(100))),
        ("lines=1-2", 200, bytes(range(100))),
        ("bytes=-", 200, bytes(range(100))),
        (f"bytes={'9' * 5000}-", 200, bytes(range(100))),
    ],
)
def test_ranges(asked: str, status: int, content: bytes, client: httpx.Client) -> None:
    answer = client.get("base/data.bin", headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, content)
    if status == 416:
        assert answer.headers["content-range"] == "bytes */100"


def test_a_range_of_another_version_is_the_whole_file(client: httpx.Client) -> None:
    tag = client.get("base/data.bin").headers["etag"]
    headers = {"Range": "bytes=90-", "If-Range": tag}
    assert client.get("base/data.bin", headers=headers).status_code == 206
    headers["If-Range"] = '"other"'
    assert len(client.get("base/data.bin", headers=headers).content) == 100


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/base/../../secret",
        "/%2e%2e/secret",
        "/base/%2e%2e/%2e%2e/secret",
        "/base/..%2f..%2fsecret",
        "/base/out",
        "/base/loop",
        "/base/.hidden",
        "/base/next.json",
        "/base/nothing",
        "/base/data.bin/more",
        "/base/%00",
        "/" + "x" * 5000,
    ],
)
def test_nothing_from_outside_or_hidden(path: str, client: httpx.Client) -> None:
    """Asked for in raw words: clients would tidy the path up."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 80)) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while chunk := raw.recv(65536):
            answer += chunk
    assert answer.split(b" ")[1] == b"404"
    assert b"\r\n\r\nno" not in answer


def test_a_folder_lists_what_is_meant_for_clients(client: httpx.Client) -> None:
    answer = client.get("base", follow_redirects=True)
    assert str(answer.url).endswith("/base/")
    assert "data.bin" in answer.text
    assert "hidden" not in answer.text
    assert "next.json" not in answer.text


def test_other_methods_are_refused(client: httpx.Client) -> None:
    assert client.put("base/data.bin", content=b"x").status_code == 501
    assert client.delete("base/data.bin").status_code == 501


def test_a_client_gets_the_signature_of_the_index_it_has(tmp_path: Path) -> None:
    now = [0.0]
    pairing = Pairing(lambda: now[0])
    for number in ("1", "2"):
        folder = tmp_path / number
        folder.mkdir()
        for name in ("repomd.xml", "repomd.xml.asc"):
            (folder / name).write_text(number)
    current = tmp_path / "current"
    current.symlink_to("1")

    def ask(client: str, name: str) -> str:
        return pairing.resolve(client, f"base/repodata/{name}", current / name).read_text()

    assert ask("a", "repomd.xml") == "1"
    current.unlink()
    current.symlink_to("2")
    assert ask("a", "repomd.xml.asc") == "1", "it belongs to the index that a has"
    assert ask("b", "repomd.xml.asc") == "2"
    assert (ask("a", "repomd.xml"), ask("a", "repomd.xml.asc")) == ("2", "2")
    current.unlink()
    current.symlink_to("1")
    now[0] = 1000.0
    assert ask("a", "repomd.xml.asc") == "1", "after a while nobody waits for it any more"


def test_clients_that_hang_up_are_no_news(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(fault: Exception) -> str:
        try:
            raise fault
        except type(fault):
            server.handle_error(None, ("127.0.0.1", 1))
        return capsys.readouterr().err

    with served(tmp_path) as server:
        assert told(ConnectionResetError()) == ""
        assert told(TimeoutError()) == ""
        assert "ValueError" in told(ValueError())
