"""The host's apt configuration, in both forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.sources import host as sources
from heliostat.os.sources.host import Source, parse_deb822, parse_one_line

DEB822 = """\
# the archive
Types: deb deb-src
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
Check-Valid-Until: no

Types: deb
URIs: http://mirror.test/off
Suites: bookworm
Components: main
Enabled: no

Types: deb
URIs: http://mirror.test/inline
Suites: bookworm-security
Components: main
Architectures: amd64 arm64
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
"""


def host(root: Path, files: dict[str, str]) -> Path:
    """A root folder with these files below ``etc``."""
    for name, text in files.items():
        path = root / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_deb822_stanzas() -> None:
    found = list(parse_deb822(DEB822))
    options = (
        ("signed-by", "/usr/share/keyrings/debian-archive-keyring.gpg"),
        ("check-valid-until", "no"),
    )
    assert found[0] == Source("http://mirror.test/debian", "bookworm", ("main", "contrib"), options)
    assert [source.suite for source in found] == [
        "bookworm",
        "bookworm-updates",
        "bookworm-security",
    ]
    assert found[2].options == (("arch", "amd64,arm64"),)


def test_one_line_entries() -> None:
    text = (
        "# comment\ndeb [arch=amd64 signed-by=/k.gpg] http://mirror.test/d bookworm main # tail\n"
        "deb-src http://mirror.test/d bookworm main\n\ndeb http://mirror.test/flat ./\n"
    )
    first, flat = parse_one_line(text)
    assert first.options == (("arch", "amd64"), ("signed-by", "/k.gpg"))
    assert first.line() == "deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/d bookworm main"
    assert flat.components == ()


def test_only_the_hosts_own_release_is_taken(tmp_path: Path) -> None:
    third = "deb [signed-by=/other.gpg] http://third.test/party bookworm main\n"
    files = {
        "apt/sources.list": "deb http://mirror.test/debian bookworm main\n"
        "deb http://mirror.test/debian trixie main\n"
        "deb http://mirror.test/debian bookworm contrib\n",
        "apt/sources.list.d/other.list": third,
        "apt/sources.list.d/security.sources": DEB822.split("\n\n")[2],
        "apt/sources.list.d/old.disabled": "deb http://no.test bookworm main\n",
    }
    root = host(tmp_path, files)
    found = sources.host_sources("bookworm", root)
    assert [(source.uri, source.suite) for source in found] == [
        ("http://mirror.test/debian", "bookworm"),
        ("http://mirror.test/inline", "bookworm-security"),
    ]


def test_a_host_without_the_archive_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match="not configured for the Debian release trixie"):
        sources.host_sources("trixie", host(tmp_path, {}))


def test_the_release_is_read(tmp_path: Path) -> None:
    release = 'PRETTY_NAME="Debian"\nID=debian\nVERSION_CODENAME=trixie\n'
    assert sources.host_release(host(tmp_path, {"os-release": release})) == "trixie"
    other = host(tmp_path, {"os-release": 'PRETTY_NAME="Other 9"\nID=other\n'})
    with pytest.raises(HeliostatError, match="Other 9"):
        sources.host_release(other)


def test_this_host_has_an_archive() -> None:
    assert sources.host_sources(sources.host_release())
