"""Real sources of the archive, built twice: the same packages to the byte."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.data import load
from heliostat.os.image.distro import locate_distro
from heliostat.os.monitor import SilentMonitor
from heliostat.os.packages.build.workshop import Workshop
from heliostat.os.sources.archive import ArchiveSettings, archive_of
from heliostat.testing.builds import source_package, spec_file

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="build roots are made by root"),
]


@pytest.fixture
def shop(cache: Path, tmp_path: Path) -> Workshop:
    distro = locate_distro()
    archive = archive_of(load(distro / "archive.yaml", ArchiveSettings))
    out = tmp_path / "rebuilt"
    return Workshop(archive, cache / "os", tmp_path / "keys", distro, SilentMonitor(), out)


@pytest.mark.timeout(1500)
@pytest.mark.takes(700)
def test_a_source_of_the_archive_is_the_same_twice(shop: Workshop) -> None:
    first = shop.build("gawk", anew=True)
    before = [path.read_bytes() for path in first.paths]
    again = shop.build("gawk", anew=True)
    assert [path.read_bytes() for path in again.paths] == before
    assert first.identity == again.identity


@pytest.mark.timeout(900)
@pytest.mark.takes(90)
def test_a_description_and_a_spec_are_built_in_roots_of_the_archive(
    shop: Workshop, tmp_path: Path
) -> None:
    for what in (source_package(tmp_path / "dsc"), spec_file(tmp_path / "spec")):
        made = shop.build(str(what))
        (path,) = made.paths
        told = run(["rpm", "-qp", "--qf", "%{NAME} %{RSAHEADER:pgpsig}", str(path)], timeout_s=60)
        assert told.stdout.startswith("hello RSA/SHA512")


@pytest.mark.timeout(600)
@pytest.mark.takes(20)
def test_a_source_that_the_archive_lacks_is_told(shop: Workshop) -> None:
    with pytest.raises(HeliostatError, match="has no package no-such-source") as refused:
        shop.build("no-such-source")
    assert refused.value.code == "PackageNotFound"
