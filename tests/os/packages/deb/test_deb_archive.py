"""Reading packages that dpkg-deb built, whole and broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.deb import archive
from heliostat.os.packages.deb.archive import read_control, read_deb
from heliostat.os.packages.rpm.file import opened
from heliostat.testing.debs import TinyDeb, build_deb

DEB = TinyDeb(
    "tiny",
    files={"/usr/bin/tiny": b"\x00\xff" * 5000, "/etc/tiny.conf": "a = 1\n"},
    links={"/usr/bin/alias": "tiny"},
    scripts={"postinst": "#!/bin/sh\necho hello\n"},
    config_files=("/etc/tiny.conf",),
)


@pytest.mark.parametrize("compression", ["xz", "gzip", "zstd", "none"])
def test_every_compression_gives_the_same(compression: str, tmp_path: Path) -> None:
    import dataclasses

    deb = read_deb(build_deb(dataclasses.replace(DEB, compression=compression), tmp_path), tmp_path)
    assert (deb.name, deb.version) == ("tiny", "1.0-1")
    assert deb.config_files == {"/etc/tiny.conf"}
    assert deb.scripts == {"postinst": "#!/bin/sh\necho hello\n"}
    contents = {member.path: member for member in deb.members}
    assert contents["/usr/bin/alias"].info.linkname == "tiny"
    with opened(contents["/usr/bin/tiny"].content) as stream:
        assert stream.read() == b"\x00\xff" * 5000


def test_a_large_payload_goes_through_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = build_deb(DEB, tmp_path)
    monkeypatch.setattr(archive, "IN_MEMORY_BYTES", 4096)
    deb = read_deb(path, tmp_path)
    (member,) = [member for member in deb.members if member.path == "/usr/bin/tiny"]
    assert not isinstance(member.content, bytes)
    with opened(member.content) as stream:
        assert stream.read(member.content.size_bytes) == b"\x00\xff" * 5000


def test_control_alone(tmp_path: Path) -> None:
    assert set(read_control(build_deb(DEB, tmp_path))) == {
        "control", "conffiles", "postinst", "md5sums",
    } - {"md5sums"}  # fmt: skip


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.97])
def test_half_a_package_is_no_package(share: float, tmp_path: Path) -> None:
    path = build_deb(DEB, tmp_path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(HeliostatError, match="is no whole Debian package") as raised:
        read_deb(path, tmp_path)
    assert raised.value.code == "DigestMismatch"


def test_something_else_is_no_package(tmp_path: Path) -> None:
    path = tmp_path / "page.deb"
    path.write_text("<html>Please sign in</html>")
    with pytest.raises(HeliostatError, match="it is no archive"):
        read_deb(path, tmp_path)
