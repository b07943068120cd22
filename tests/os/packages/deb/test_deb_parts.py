"""Parts of a package: apart for those who do without, together for those who want all."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.packages.deb.importer import Importer
from heliostat.os.packages.deb.policy import Policy, check_names
from heliostat.os.packages.deb.policy_schema import Defaults, PackagePolicy, Part
from heliostat.os.packages.rpm.reader import read
from heliostat.os.sources.suite import open_suite
from heliostat.testing.debian_archive import TinyArchive, tiny_archive
from heliostat.testing.debs import TinyDeb

SUITE = TinyDeb(
    "suite",
    "1.0-2",
    files={"/usr/bin/suite": "s\n", "/usr/bin/writer": "w\n", "/usr/lib/engine.so": "e\n"},
    fields={"Depends": "printer (>= 1), motor | turbine, paper"},
)
PRINTER = TinyDeb("printer", "2", files={"/usr/bin/printer": "p\n"})
TURBINE = TinyDeb("turbine", files={"/usr/bin/turbine": "t\n"})
PAPER = TinyDeb("paper", files={"/usr/bin/paper": "p\n"})
READER = TinyDeb("reader", files={"/usr/bin/reader": "r\n"}, fields={"Depends": "suite"})
PARTS = {
    "suite-writer": Part(
        summary="Writing", files=("/usr/bin/writer",), requires=("printer",)
    ),
    "suite-engine": Part(
        summary="The engine", files=("/usr/lib/*",), requires=("motor",), below=True
    ),
}  # fmt: skip


def policy(**parts: Part) -> Policy:
    return Policy(
        defaults=Defaults(folders=("/usr", "/usr/bin", "/usr/lib")),
        packages={
            "suite": PackagePolicy(parts=parts or PARTS),
            "reader": PackagePolicy(drop_requires=("suite",), requires=("suite-engine",)),
        },
    )


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[TinyArchive]:
    with tiny_archive(tmp_path / "archive") as made:
        made.publish(SUITE, PRINTER, TURBINE, PAPER, READER)
        yield made


def importer(archive: TinyArchive, tmp_path: Path, decided: Policy | None = None) -> Importer:
    suite = open_suite(archive.archive, tmp_path / "cache", max_age_s=0)
    return Importer(suite, decided or policy(), tmp_path / "cache")


def names(archive: TinyArchive, tmp_path: Path, *wanted: str) -> list[str]:
    return sorted(each.entry.name for each in importer(archive, tmp_path).plan(wanted))


def test_the_whole_does_without_a_part_and_what_that_needs(
    archive: TinyArchive, tmp_path: Path
) -> None:
    assert names(archive, tmp_path, "suite") == ["paper", "suite", "suite-engine", "turbine"]


def test_a_part_brings_the_whole_and_its_own_needs(archive: TinyArchive, tmp_path: Path) -> None:
    taken = names(archive, tmp_path, "suite-writer")
    assert taken == ["paper", "printer", "suite", "suite-engine", "suite-writer", "turbine"]


def test_a_part_below_comes_alone(archive: TinyArchive, tmp_path: Path) -> None:
    assert names(archive, tmp_path, "reader") == ["reader", "suite-engine", "turbine"]


def test_every_file_is_in_one_of_the_packages(archive: TinyArchive, tmp_path: Path) -> None:
    made = importer(archive, tmp_path).take_names(["suite-writer"])
    files = {each.name: [file.path for file in read(each.path).files()] for each in made}
    assert files["suite"] == ["/usr/bin/suite"]
    assert files["suite-writer"] == ["/usr/bin/writer"]
    assert files["suite-engine"] == ["/usr/lib/engine.so"]


def test_rpm_installs_them_together_in_one_version(archive: TinyArchive, tmp_path: Path) -> None:
    made = importer(archive, tmp_path).take_names(["suite-writer"])
    paths = [str(each.path) for each in made]
    argv = ["rpm", "--dbpath", str(tmp_path / "db"), "-i", "--test", "--nosignature", *paths]
    subprocess.run([*argv, "--ignoreos", "--force-debian"], check=True, capture_output=True)
    required = subprocess.run(
        ["rpm", "-qp", "--requires", "--nosignature", *paths],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert "suite = 1.0-2" in required
    assert "suite-engine = 1.0-2" in required


def test_what_was_converted_is_found_again_by_its_own_name(
    archive: TinyArchive, tmp_path: Path
) -> None:
    first = importer(archive, tmp_path).take_names(["suite-writer"])
    again = importer(archive, tmp_path).take_names(["suite-writer"])
    assert [each.path for each in again] == [each.path for each in first]
    assert len({each.path for each in first}) == len(first)


def test_a_pattern_that_no_file_fits_is_refused(archive: TinyArchive, tmp_path: Path) -> None:
    wrong = policy(**{"suite-x": Part(summary="X", files=("/usr/bin/nothing",))})
    with pytest.raises(HeliostatError, match=r"gives /usr/bin/nothing to suite-x"):
        importer(archive, tmp_path, wrong).take_names(["suite-x"])


def test_a_part_may_not_be_called_like_a_package(archive: TinyArchive, tmp_path: Path) -> None:
    wrong = policy(printer=Part(summary="X", files=("/usr/bin/writer",)))
    known = importer(archive, tmp_path).suite.newest
    with pytest.raises(HeliostatError, match="printer is a package of the archive already"):
        check_names(wrong, known, tmp_path)
