"""Downloads from servers that stall, lie, cut, redirect and forget: real ones, in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pycurl
import pytest

from heliostat.os.tdnf.errors import (
    CHECKSUM_MISMATCH,
    CURL,
    SIZE_MISMATCH,
    SSL_SETTINGS,
)
from heliostat.os.tdnf.transfer.download import Download
from heliostat.os.tdnf.transfer.fetch import fetch
from heliostat.testing.downloads import BODY, Story, download, got, of, refused, wire
from heliostat.testing.mirror import Busy, Cut, Lie, Mirror, Redirect, Stall, mirror
from heliostat.testing.tls import Certificates, certificates

HTTP_ERROR = CURL + pycurl.E_HTTP_RETURNED_ERROR


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mirror]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "file").write_bytes(BODY)
    with mirror(folder) as running:
        yield running


def test_what_broke_off_is_gone_on_with(server: Mirror, tmp_path: Path) -> None:
    server.faults["file"] = Cut(1000, [1])
    got(download(tmp_path, server.url))
    assert server.asked[0] == "/file"
    assert server.asked[1].startswith("/file bytes=")


def test_a_part_of_an_earlier_run_is_gone_on_with(server: Mirror, tmp_path: Path) -> None:
    wanted = download(tmp_path, server.url)
    Path(wanted.part).parent.mkdir()
    Path(wanted.part).write_bytes(BODY[:5000])
    got(wanted)
    assert server.asked == ["/file bytes=5000-"]


def test_a_server_without_ranges_sends_all_of_it_once(server: Mirror, tmp_path: Path) -> None:
    server.ranges = False
    wanted = download(tmp_path, server.url)
    Path(wanted.part).parent.mkdir()
    Path(wanted.part).write_bytes(BODY[:5000])
    got(wanted)
    assert len(server.asked) == 1


def test_a_part_that_was_another_file_is_thrown_away(server: Mirror, tmp_path: Path) -> None:
    wanted = download(tmp_path, server.url)
    Path(wanted.part).parent.mkdir()
    Path(wanted.part).write_bytes(b"another" * 100)
    got(wanted)
    assert server.asked == ["/file bytes=700-", "/file"]


def test_parts_are_named_by_what_they_must_become(tmp_path: Path) -> None:
    """Metadata that has changed in between never goes on with the older file."""
    one = Download(wire(), (), "file", "/cache/file", checksum=of(b"one"))
    other = Download(wire(), (), "file", "/cache/file", checksum=of(b"other"))
    assert one.part != other.part


def test_less_than_was_promised_is_refused(server: Mirror, tmp_path: Path) -> None:
    server.faults["file"] = Lie(10)
    error = refused(download(tmp_path, server.url))
    assert error.number == SIZE_MISMATCH
    assert f"{server.url}/file has 10 bytes" in error.sentence


def test_a_length_that_never_comes_is_given_up(server: Mirror, tmp_path: Path) -> None:
    (server.folder / "file").write_bytes(BODY[:-1])
    server.faults["file"] = Lie(len(BODY))
    error = refused(download(tmp_path, server.url, by=wire(retries="2")))
    assert error.number in (SIZE_MISMATCH, CURL + pycurl.E_PARTIAL_FILE, HTTP_ERROR)


def test_a_whole_file_under_a_wrong_length_is_the_file(server: Mirror, tmp_path: Path) -> None:
    server.faults["file"] = Lie(len(BODY) + 5000)
    got(download(tmp_path, server.url))


def test_more_than_was_promised_is_cut_off(server: Mirror, tmp_path: Path) -> None:
    server.faults["file"] = BODY + b"more"
    error = refused(download(tmp_path, server.url))
    assert (error.number, len(server.asked)) == (SIZE_MISMATCH, 1)


def test_an_answer_without_end_is_cut_off_at_the_limit(server: Mirror, tmp_path: Path) -> None:
    wanted = Download(wire(), [server.url], "file", str(tmp_path / "index"), limit=1000)
    assert refused(wanted).number == SIZE_MISMATCH


def test_wrong_content_makes_the_next_mirrors_turn(server: Mirror, tmp_path: Path) -> None:
    with mirror(server.folder) as other:
        server.faults["file"] = b"x" * len(BODY)
        story = Story()
        got(download(tmp_path, server.url, other.url), story)
    assert story.lines == ["trying next base URL", "file is here"]


def test_wrong_content_everywhere_is_kept_nowhere(server: Mirror, tmp_path: Path) -> None:
    server.faults["file"] = b"x" * len(BODY)
    error = refused(download(tmp_path, server.url, server.url + "/"))
    assert error.number == CHECKSUM_MISMATCH
    assert os.listdir(tmp_path / "cache") == []


def test_what_isnt_there_is_told_with_address_and_status(server: Mirror, tmp_path: Path) -> None:
    error = refused(download(tmp_path, server.url + "/nowhere"))
    assert error.number == HTTP_ERROR
    assert f"{server.url}/nowhere/file answered 404" in error.sentence
    assert len(server.asked) == 1


def test_a_busy_server_is_asked_again(server: Mirror, tmp_path: Path) -> None:
    server.faults["file"] = Busy(503, [3])
    story = Story()
    got(download(tmp_path, server.url), story)
    assert story.lines == ["trying again"] * 3 + ["file is here"]


def test_a_server_that_stays_busy_is_given_up(server: Mirror, tmp_path: Path) -> None:
    server.faults["file"] = 503
    error = refused(download(tmp_path, server.url, by=wire(retries="2")))
    assert (error.number, len(server.asked)) == (HTTP_ERROR, 3)


def test_pauses_grow() -> None:
    from heliostat.os.tdnf.transfer.attempt import Attempt
    from heliostat.os.tdnf.transfer.failure import failure

    by = wire(retries="6")
    by.pause_s = 0.5
    attempt = Attempt(Download(by, ["http://one", "http://two"], "file", "/nonexistent/file"))
    busy = failure("http://one/file", pycurl.E_HTTP_RETURNED_ERROR, "", 503)
    pauses = []
    while attempt.another(busy):
        pauses.append(attempt.pause_s)
    assert pauses == [0, 0.5, 0, 1, 0, 2, 0, 4, 0, 8, 0, 8, 0]


def test_a_silent_server_is_left(server: Mirror, tmp_path: Path) -> None:
    with mirror(server.folder) as other:
        server.faults["file"] = Stall(1000)
        got(download(tmp_path, server.url, other.url, by=wire(timeout="1")))


def test_a_redirect_is_followed(server: Mirror, tmp_path: Path) -> None:
    with mirror(server.folder) as other:
        server.faults["file"] = Redirect(other.url + "/file")
        got(download(tmp_path, server.url))


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/file"])
def test_a_redirect_never_leaves_the_web(server: Mirror, tmp_path: Path, to: str) -> None:
    server.faults["file"] = Redirect(to)
    error = refused(download(tmp_path, server.url))
    assert error.number == CURL + pycurl.E_UNSUPPORTED_PROTOCOL


def test_a_redirect_in_a_ring_ends(server: Mirror, tmp_path: Path) -> None:
    server.faults["file"] = Redirect("/file")
    error = refused(download(tmp_path, server.url))
    assert error.number == CURL + pycurl.E_TOO_MANY_REDIRECTS


def test_name_and_password_are_shown_to_the_server_only(server: Mirror, tmp_path: Path) -> None:
    server.password = "reader:secret"
    error = refused(download(tmp_path, server.url, by=wire(username="reader", password="wrong")))
    assert "401" in error.sentence
    got(download(tmp_path, server.url, by=wire(username="reader", password="secret")))
    error = refused(
        download(tmp_path / "two", server.url.replace("//", "//reader:secret@") + "/nowhere")
    )
    assert "secret" not in error.sentence


def test_a_proxy_with_a_password(server: Mirror, tmp_path: Path) -> None:
    server.proxy_password = "reader:secret"
    by = wire(proxy=server.url)
    far = "http://repository.example.invalid"
    assert "407" in refused(download(tmp_path, far, by=by)).sentence
    by.proxy_username, by.proxy_password = "reader", "secret"
    got(download(tmp_path, far, by=by))
    assert server.headers[-1]["host"] == "repository.example.invalid"


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("papers"))


def test_a_server_that_nobody_vouches_for(
    papers: Certificates, server: Mirror, tmp_path: Path
) -> None:
    with mirror(server.folder, papers.context()) as secure:
        error = refused(download(tmp_path, secure.url))
        assert error.number == CURL + pycurl.E_PEER_FAILED_VERIFICATION
        assert "sslcacert" in error.hint
        got(download(tmp_path, secure.url, by=wire(sslcacert=str(papers.authority))))
        os.unlink(tmp_path / "cache" / "file")
        got(download(tmp_path, secure.url, by=wire(sslverify="0")))


def test_a_server_that_asks_for_a_certificate(
    papers: Certificates, server: Mirror, tmp_path: Path
) -> None:
    by = {"sslcacert": str(papers.authority), "retries": "0"}
    own = {"sslclientcert": str(papers.client), "sslclientkey": str(papers.client_key)}
    with mirror(server.folder, papers.context(asks_client=True)) as secure:
        assert refused(download(tmp_path, secure.url, by=wire(**by))).number > CURL
        got(download(tmp_path, secure.url, by=wire(**by, **own)))


def test_a_certificate_that_isnt_there_is_named(tmp_path: Path) -> None:
    by = wire(sslclientcert="/nonexistent/client.pem")
    error = refused(download(tmp_path, "https://127.0.0.1:1", by=by))
    assert (error.number, "/nonexistent/client.pem" in error.sentence) == (SSL_SETTINGS, True)


def test_a_redirect_out_of_tls_is_refused(
    papers: Certificates, server: Mirror, tmp_path: Path
) -> None:
    with mirror(server.folder, papers.context()) as secure:
        secure.faults["file"] = Redirect(server.url + "/file")
        error = refused(download(tmp_path, secure.url, by=wire(sslcacert=str(papers.authority))))
    assert "without TLS" in error.sentence
    assert server.asked == []


def test_many_come_side_by_side_and_each_is_itself(server: Mirror, tmp_path: Path) -> None:
    wanted = []
    for number in range(40):
        body = f"{number}\n".encode() * 1000
        (server.folder / f"f{number}").write_bytes(body)
        target = str(tmp_path / "many" / f"f{number}")
        wanted.append(
            Download(wire(), [server.url], f"f{number}", target, size=len(body), checksum=of(body))
        )
    assert fetch(wanted, parallel=8) == {}
    assert all(of(Path(each.target).read_bytes()) == each.checksum for each in wanted)


def test_one_that_fails_does_not_keep_the_others_away(server: Mirror, tmp_path: Path) -> None:
    good = download(tmp_path, server.url)
    bad = Download(wire(), [server.url], "nowhere", str(tmp_path / "nowhere"))
    assert list(fetch([bad, good])) == [bad]
    assert Path(good.target).read_bytes() == BODY


def test_names_that_an_address_cant_hold(server: Mirror, tmp_path: Path) -> None:
    name = "a b#c?d+e~ü.rpm"
    (server.folder / name).write_bytes(BODY)
    target = str(tmp_path / "cache" / "file")
    got(Download(wire(), [server.url], name, target, size=len(BODY), checksum=of(BODY)))


def test_a_file_of_this_machine(server: Mirror, tmp_path: Path) -> None:
    got(download(tmp_path, server.folder.as_uri()))


def test_two_at_once_never_write_into_one_part(server: Mirror, tmp_path: Path) -> None:
    import fcntl

    wanted = download(tmp_path, server.url)
    Path(wanted.part).parent.mkdir()
    with open(wanted.part, "wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert fetch([wanted]) == {}
        assert os.fstat(held.fileno()).st_size == 0
    assert Path(wanted.target).read_bytes() == BODY
