"""Reading packages that dpkg-deb built, whole and broken."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.deb import archive
from heliostat.os.packages.deb.archive import read_control, read_deb
from heliostat.os.packages.deb.convert import convert
from heliostat.os.packages.deb.policy import Policy
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


def hand_made(path: Path, control: str, size_of_first: int | None = None) -> Path:
    """A package that dpkg-deb would refuse to build."""
    data = b"!<arch>\n"
    for name, content in (
        ("debian-binary", b"2.0\n"),
        ("control.tar", tarred({"./control": control.encode()})),
        ("data.tar", tarred({"./usr/bin/odd": b"odd"})),
    ):
        size = size_of_first if name == "debian-binary" and size_of_first else len(content)
        data += f"{name:<16}{'':<32}{size:<10}`\n".encode() + content + b"\n" * (len(content) % 2)
    path.write_bytes(data)
    return path


def tarred(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return made.getvalue()


ODD = "Package: odd\nVersion: 1-1\nArchitecture: amd64\n"


@pytest.mark.parametrize(
    ("control", "why"),
    [
        ("", "no Package and no Version and no Architecture"),
        (ODD.replace("Version: 1-1\n", ""), "no Version"),
        (f" {ODD}", "begins in the middle of a field"),
    ],
)
def test_control_data_that_names_no_package_is_told(control: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match=why) as raised:
        read_deb(hand_made(tmp_path / "odd.deb", control), tmp_path)
    assert raised.value.code == "DigestMismatch"


def test_a_member_that_leads_back_to_itself_is_no_endless_one(tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match="-60 bytes long"):
        read_control(hand_made(tmp_path / "odd.deb", ODD, size_of_first=-60))


@pytest.mark.parametrize(
    "control",
    [
        ODD.replace("1-1", "one:1-1"),
        f"{ODD}Depends: (>= 2)\n",
        f"{ODD}Depends: libc6 (>= )\n",
        f"{ODD}Breaks: a <>> 1\n",
    ],
)
def test_what_cannot_be_read_of_control_data_refuses_the_package(
    control: str, tmp_path: Path
) -> None:
    deb = read_deb(hand_made(tmp_path / "odd.deb", control), tmp_path)
    with pytest.raises(HeliostatError, match="control data of odd") as raised:
        convert(deb, Policy())
    assert raised.value.code == "ImportRefused"
