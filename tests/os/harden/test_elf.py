"""The policy of programs and libraries, judged on what the compiler makes of one source."""

from __future__ import annotations

import contextlib
import datetime as dt
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.os.harden.elf import Property, lacks, violations
from heliostat.os.harden.elffile import NotReadable, read
from heliostat.os.harden.exemptions import Builds, Exemption, load_exemptions
from heliostat.os.packages.rpm.file import File
from heliostat.os.packages.rpm.writer import write
from heliostat.os.packages.vendor import built_here
from heliostat.testing.rpms import BUILT, RpmRoot, tiny

SOURCE = """
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
    char name[32];
    strcpy(name, argv[0]);
    printf("%s %d\\n", name, argc);
    return 0;
}
"""
HARDENED = (
    *("-O2", "-fPIE", "-pie", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"),
    *("-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"),
)
BARE = (
    *("-no-pie", "-static", "-nostdlib", "-Wl,--omagic"),
    *("-Wl,--entry=main", "-Wl,--unresolved-symbols=ignore-all"),
)
TODAY = dt.date(2026, 11, 21)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("elf")
    (folder / "main.c").write_text(SOURCE)
    return folder


def compiled(built: Path, root: Path, name: str, *flags: str, hardened: bool = True) -> Path:
    target = root / "usr" / "bin" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    base = HARDENED if hardened else ("-O0",)
    argv = ["gcc", "-w", *base, *flags, "-o", str(target), str(built / "main.c")]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
    return target


def found(root: Path, *exceptions: Exemption) -> list[tuple[str, Property]]:
    return [(each.path, each.property) for each in violations(root, exceptions, today=TODAY)]


def test_a_hardened_program_breaks_nothing(built: Path, tmp_path: Path) -> None:
    facts = read(compiled(built, tmp_path, "good"))
    assert facts is not None
    assert facts.executable
    assert facts.canary
    assert facts.fortified
    assert found(tmp_path) == []


@pytest.mark.parametrize(
    ("flags", "lacking"),
    [
        (("-no-pie", "-fno-pie"), Property.PIE),
        (("-Wl,-z,norelro",), Property.RELRO),
        (("-Wl,-z,lazy",), Property.NOW),
        (("-Wl,-z,execstack",), Property.NX),
        (("-Wl,-rpath,/tmp/lib",), Property.RUN_PATH),
        (BARE, Property.WRITABLE_CODE),
    ],
)
def test_each_property_is_missed(
    built: Path, tmp_path: Path, flags: tuple[str, ...], lacking: Property
) -> None:
    compiled(built, tmp_path, "bad", *flags)
    assert ("/usr/bin/bad", lacking) in found(tmp_path)


def test_a_library_needs_no_fixed_program_properties(built: Path, tmp_path: Path) -> None:
    facts = read(compiled(built, tmp_path, "lib.so", "-shared", "-fPIC"))
    assert facts is not None
    assert not facts.executable
    assert found(tmp_path) == []


@pytest.mark.parametrize(
    ("run_path", "trusted"),
    [
        ("", True),
        ("/usr/lib/x86_64-linux-gnu/krb5", True),
        ("/lib64", True),
        ("$ORIGIN", True),
        ("${ORIGIN}/../lib:/usr/lib", True),
        ("/opt/vendor/lib", True),
        ("/usr/lib:", False),
        ("lib", False),
        ("/tmp", False),
        ("/usr/library", False),
        ("/usr/lib/../../tmp", False),
        ("/opt/../tmp", False),
        ("$ORIGINAL/lib", False),
        ("$ORIGIN/../../../tmp", False),
    ],
)
def test_libraries_come_from_folders_of_the_system(
    built: Path, tmp_path: Path, run_path: str, trusted: bool
) -> None:
    facts = read(compiled(built, tmp_path, "good"))
    assert facts is not None
    assert (Property.RUN_PATH not in lacks(replace(facts, run_path=run_path))) == trusted


def test_headers_without_end_are_damage(built: Path, tmp_path: Path) -> None:
    """Of each of 65,535 program headers 64 MiB would be searched."""
    content = bytearray(compiled(built, tmp_path, "good").read_bytes())
    content[56:58] = b"\xff\xff"
    (tmp_path / "many").write_bytes(content + bytes(65_535 * 56))
    with pytest.raises(NotReadable):
        read(tmp_path / "many")


def test_without_canary_and_fortify_the_facts_say_so(built: Path, tmp_path: Path) -> None:
    flags = ("-fno-stack-protector", "-U_FORTIFY_SOURCE")
    facts = read(compiled(built, tmp_path, "plain", *flags, hardened=False))
    assert facts is not None
    assert not facts.canary
    assert not facts.fortified
    assert facts.fortifiable


def test_an_exception_counts_until_its_day(built: Path, tmp_path: Path) -> None:
    compiled(built, tmp_path, "old", "-no-pie", "-fno-pie")
    excused = Exemption("elf-pie", "Rebuilt in the next edition.", TODAY, ("/usr/bin/*",))
    assert found(tmp_path, excused) == []
    late = Exemption("elf-pie", "Forgotten.", TODAY - dt.timedelta(days=1), ("/usr/bin/*",))
    assert found(tmp_path, late) == [("/usr/bin/old", Property.PIE)]
    elsewhere = Exemption("elf-pie", "Another file.", TODAY, ("/usr/*",))
    assert found(tmp_path, elsewhere) == [("/usr/bin/old", Property.PIE)]


def test_an_exception_for_the_archives_builds_covers_none_of_ours(
    built: Path, tmp_path: Path
) -> None:
    """The same bytes: imported they are excused, in a rebuild they are a fault of the rebuild."""
    program = compiled(built, tmp_path / "made", "old", "-no-pie", "-fno-pie").read_bytes()
    root, vendors = RpmRoot(tmp_path / "root"), ("imported from Debian", "rebuilt from its source")
    for number, vendor in enumerate(vendors):
        file = File.regular(f"/usr/bin/old{number}", program, 0o755, mtime=BUILT)
        made = tiny(f"old{number}", vendor=f"Heliostat ({vendor})", files=(file,))
        root.install(write(made, tmp_path).path)
    excused = Exemption("elf-pie", "Ours is better.", TODAY, ("/usr/bin/*",), Builds.ARCHIVE)
    assert found(root.path, excused) == [("/usr/bin/old1", Property.PIE)]
    assert built_here("Heliostat")
    assert not built_here("Somebody else")


def test_what_no_program_loads_is_left_alone(built: Path, tmp_path: Path) -> None:
    bad = compiled(built, tmp_path, "bad", "-no-pie", "-fno-pie")
    for folder in ("usr/lib/firmware/x", "usr/lib/modules/6.12/vdso"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "blob").write_bytes(bad.read_bytes())
    bad.unlink()
    assert found(tmp_path) == []


def test_a_hard_link_is_told_once(built: Path, tmp_path: Path) -> None:
    bad = compiled(built, tmp_path, "bad", "-no-pie", "-fno-pie")
    (bad.parent / "worse").hardlink_to(bad)
    assert found(tmp_path) == [("/usr/bin/bad", Property.PIE)]


def test_damaged_headers_are_a_finding_not_a_crash(built: Path, tmp_path: Path) -> None:
    whole = compiled(built, tmp_path, "whole").read_bytes()
    cut = tmp_path / "usr" / "bin" / "cut"
    cut.write_bytes(whole[:128])
    with pytest.raises(NotReadable, match="outside of the file"):
        read(cut)
    assert found(tmp_path) == [("/usr/bin/cut", Property.READABLE)]


@given(at=st.integers(16, 1200), bytes_=st.binary(min_size=1, max_size=8))
def test_any_damage_is_read_or_refused(built: Path, at: int, bytes_: bytes) -> None:
    sample = built / "sample"
    if not sample.exists():
        argv = ["gcc", "-w", *HARDENED, "-o", str(sample), str(built / "main.c")]
        subprocess.run(argv, check=True, timeout=60)
    content = bytearray(sample.read_bytes())
    content[at : at + len(bytes_)] = bytes_
    damaged = built / "damaged"
    damaged.write_bytes(content)
    with contextlib.suppress(NotReadable):
        read(damaged)


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\n" * 20, b"\x7fELF" + bytes(96)])
def test_other_files_are_not_judged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert read(tmp_path / "file") is None


def test_the_shipped_exceptions_have_reasons() -> None:
    assert all(len(each.reason) > 20 for each in load_exemptions())
