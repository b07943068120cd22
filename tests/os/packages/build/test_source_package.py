"""Source packages: from the archive's index or from files, verified, as dpkg-source reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.packages.build.source_package import (
    newest_first,
    read_dsc,
    stanzas,
    written_dsc,
)
from heliostat.testing.builds import source_package


def index_of(dsc: Path) -> str:
    """The stanza of a ``Sources`` index that an archive makes of a ``.dsc``, among others."""
    format_line, rest = dsc.read_text().split("Source: hello\n")
    fields = f"Package: hello\n{format_line}{rest}"  # an index begins with the name
    ours = f"{fields.strip()}\nDirectory: pool/h/hello\nPriority: optional\nSection: misc"
    other = "Package: hello-world\nVersion: 9\nDirectory: pool/h/hello-world"
    return f"{other}\n\n{ours}\n\n{ours.replace('Version: 1.0-1', 'Version: 1.0-0.9')}\n"


def test_the_description_made_from_the_index_is_one_that_dpkg_unpacks(tmp_path: Path) -> None:
    index = index_of(source_package(tmp_path))
    newest = newest_first(list(stanzas(index, "hello", "http://mirror.invalid/debian")))[0]
    assert (newest.version, newest.base) == ("1.0-1", "http://mirror.invalid/debian/pool/h/hello")
    path = written_dsc(newest, tmp_path)
    argv = ["dpkg-source", "--no-check", "-x", str(path), str(tmp_path / "unpacked")]
    run(argv, timeout_s=60)
    assert (tmp_path / "unpacked" / "hello.c").is_file()


def test_the_description_itself_is_not_among_the_files(tmp_path: Path) -> None:
    text = index_of(source_package(tmp_path))
    digest = "0" * 64
    with_dsc = text.replace("Files:", f" {digest} 1000 hello_1.0-1.dsc\nFiles:", 1)
    found = newest_first(list(stanzas(with_dsc, "hello", "http://mirror.invalid")))[0]
    assert [each.name for each in found.files] == [
        "hello_1.0.orig.tar.xz",
        "hello_1.0-1.debian.tar.xz",
    ]
    assert ".dsc" not in found.dsc()


def test_a_name_that_only_begins_so_is_another(tmp_path: Path) -> None:
    index = index_of(source_package(tmp_path))
    assert {each.name for each in stanzas(index, "hello", "x:")} == {"hello"}
    assert list(stanzas(index, "hell", "x:")) == []


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    dsc = source_package(tmp_path)
    with (tmp_path / "hello_1.0.orig.tar.xz").open("ab") as stream:
        stream.write(b"!")
    with pytest.raises(HeliostatError, match="isn't the file that") as refused:
        read_dsc(dsc)
    assert refused.value.code == "DigestMismatch"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    dsc = source_package(tmp_path)
    (tmp_path / "hello_1.0.orig.tar.xz").unlink()
    with pytest.raises(HeliostatError, match=r"names hello_1\.0\.orig\.tar\.xz, which isn't"):
        read_dsc(dsc)


def test_a_file_that_is_no_description_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.dsc").write_text("hello\n")
    with pytest.raises(HeliostatError, match=r"is no description of a source package"):
        read_dsc(tmp_path / "x.dsc")


@pytest.mark.parametrize("name", ["../secret", "/etc/shadow", ".", "a$(id)", "-rf", ".hidden"])
def test_a_description_that_names_other_folders_files_is_refused(tmp_path: Path, name: str) -> None:
    dsc = source_package(tmp_path / "source")
    (tmp_path / "secret").write_text("a key\n")
    dsc.write_text(dsc.read_text().replace("hello_1.0.orig.tar.xz", name))
    with pytest.raises(HeliostatError, match="can't be a file's name") as refused:
        read_dsc(dsc)
    assert refused.value.code == "InvalidSetting"


def test_an_index_that_names_other_folders_files_is_refused(tmp_path: Path) -> None:
    index = index_of(source_package(tmp_path)).replace("hello_1.0.orig.tar.xz", "../../x.tar.xz")
    newest = newest_first(list(stanzas(index, "hello", "http://mirror.invalid")))[0]
    with pytest.raises(HeliostatError, match="can't be a file's name"):
        _ = newest.files


def test_a_description_without_a_version_is_none(tmp_path: Path) -> None:
    dsc = source_package(tmp_path)
    dsc.write_text(dsc.read_text().replace("Version: 1.0-1\n", ""))
    with pytest.raises(HeliostatError, match="is no description of a source package"):
        read_dsc(dsc)
