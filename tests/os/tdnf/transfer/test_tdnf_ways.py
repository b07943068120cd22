"""Ways to a repository: families of addresses, proxies, certificates; as files of settings say.

Each case is a whole run of tdnf, which fetches metadata or says why not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pycurl
import pytest

from heliostat.os.tdnf.errors import CURL
from heliostat.testing.mirror import Mirror, mirror
from heliostat.testing.package_set import PackageSet, package, published
from heliostat.testing.tdnf_runs import in_process
from heliostat.testing.tdnf_system import TdnfSystem
from heliostat.testing.tls import Certificates, certificates

REFUSED = CURL + pycurl.E_COULDNT_CONNECT
HTTP_ERROR = CURL + pycurl.E_HTTP_RETURNED_ERROR
FAR = "http://repository.example.invalid"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> PackageSet:
    return published(tmp_path_factory.mktemp("base") / "base", package("app", "1-1"))


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates(tmp_path_factory.mktemp("papers"))


@pytest.fixture
def server(base: PackageSet) -> Iterator[Mirror]:
    with mirror(base.folder) as running:
        yield running


class Traveller:
    """A system whose repository is somewhere; how it gets there are keys of its files."""

    def __init__(self, folder: Path, base: PackageSet) -> None:
        self._system = TdnfSystem(folder / "system")
        self._base = base

    def settle(self, url: str, conf: dict[str, object] | None = None, **keys: object) -> None:
        """``conf`` for ``tdnf.conf``, ``keys`` for the ``.repo`` file."""
        self._system.configure(**(conf or {}))
        self._system.enable(self._base, baseurl=url, **{"retries": 0, **keys})

    def error(self, *options: str) -> int:
        """0 if metadata came."""
        return in_process(self._system, *options, "--refresh", "makecache").error

    def told(self, *options: str) -> str:
        return in_process(self._system, *options, "--refresh", "makecache").stderr


@pytest.fixture
def traveller(tmp_path: Path, base: PackageSet, monkeypatch: pytest.MonkeyPatch) -> Traveller:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return Traveller(tmp_path, base)


@pytest.mark.parametrize(("host", "way", "other"), [("127.0.0.1", "-4", "-6"), ("::1", "-6", "-4")])
def test_one_family_of_addresses(
    base: PackageSet, traveller: Traveller, host: str, way: str, other: str
) -> None:
    with mirror(base.folder, host=host) as server:
        # libcurl itself knows that localhost has both
        traveller.settle(f"http://localhost:{server.url.rpartition(':')[2]}")
        assert traveller.error(other) == REFUSED
        assert server.asked == []
        assert traveller.error(way) == 0
        assert traveller.error() == 0
        assert traveller.error("-4", "-6") == 0


def test_a_proxy_of_all_or_of_one_repository(server: Mirror, traveller: Traveller) -> None:
    traveller.settle(FAR, {"proxy": server.url})
    assert traveller.error() == 0
    assert server.headers[-1]["host"] == "repository.example.invalid"
    traveller.settle(FAR, {"proxy": "http://127.0.0.1:1"}, proxy=server.url)
    assert traveller.error() == 0
    traveller.settle(server.url, {"proxy": "http://127.0.0.1:1"}, proxy="_none_")
    assert traveller.error() == 0


def test_a_proxy_that_asks_who_it_is(server: Mirror, traveller: Traveller) -> None:
    server.proxy_password = "reader:se:cret@"
    traveller.settle(FAR, {"proxy": server.url})
    told = traveller.told()
    assert f"Error({HTTP_ERROR})" in told
    assert "407" in told
    assert "proxy_username" in told
    name = {"proxy_username": "reader"}
    traveller.settle(FAR, {"proxy": server.url, **name, "proxy_password": "wrong"})
    assert traveller.error() == HTTP_ERROR
    traveller.settle(FAR, {"proxy": server.url, **name, "proxy_password": "se:cret@"})
    assert traveller.error() == 0


def test_the_environments_proxy_counts_unless_settings_say_otherwise(
    server: Mirror, traveller: Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    traveller.settle(FAR)
    assert traveller.error() == 0
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    traveller.settle(server.url)
    assert traveller.error() == REFUSED
    traveller.settle(server.url, proxy="_none_")
    assert traveller.error() == 0


def test_a_proxy_is_a_way_through_for_tls(
    base: PackageSet, papers: Certificates, server: Mirror, traveller: Traveller
) -> None:
    server.proxy_password = "reader:secret"
    owner: dict[str, object] = {"proxy_username": "reader", "proxy_password": "secret"}
    with mirror(base.folder, papers.context()) as secure:
        traveller.settle(secure.url, {"proxy": server.url}, sslcacert=papers.authority)
        assert "407" in traveller.told()
        traveller.settle(secure.url, {"proxy": server.url, **owner}, sslcacert=papers.authority)
        assert traveller.error() == 0
        assert server.asked[-1] == secure.url.removeprefix("https://")
        # what is for the proxy is not for the server behind it
        assert "proxy-authorization" not in secure.headers[-1]


def test_a_server_that_asks_for_a_certificate(
    base: PackageSet, papers: Certificates, traveller: Traveller
) -> None:
    own: dict[str, Any] = {"sslclientcert": papers.client, "sslclientkey": papers.client_key}
    known: dict[str, Any] = {"sslcacert": papers.authority}
    with mirror(base.folder, papers.context(asks_client=True)) as secure:
        traveller.settle(secure.url, **known)
        assert CURL < traveller.error() < CURL + 99
        traveller.settle(secure.url, **known, **own)
        assert traveller.error() == 0
        traveller.settle(secure.url, {**known, **own})
        assert traveller.error() == 0
        assert traveller.error("--setopt=base.sslclientkey=/nonexistent") == 1401


def test_who_isnt_known_is_refused_unless_nobody_looks(
    base: PackageSet, papers: Certificates, traveller: Traveller
) -> None:
    # the second where the system knows no authority at all
    unknown = (CURL + pycurl.E_PEER_FAILED_VERIFICATION, CURL + pycurl.E_SSL_CACERT_BADFILE)
    with mirror(base.folder, papers.context()) as secure:
        traveller.settle(secure.url)
        assert traveller.error() in unknown
        assert traveller.error("--setopt=sslverify=0") == 0
        traveller.settle(secure.url, sslverify=0)
        assert traveller.error() == 0
        # a certificate is for one name
        traveller.settle(secure.url.replace("127.0.0.1", "localhost"), sslcacert=papers.authority)
        assert traveller.error() in unknown
