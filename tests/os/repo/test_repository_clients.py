"""Clients that nobody here wrote read and install what was published."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, run
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.publish import publish
from heliostat.os.repo.repomd import Compression
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.serve import RepositoryServer
from heliostat.os.repo.settings import Settings
from heliostat.os.repo.staging import add
from heliostat.testing.dnf import Dnf
from heliostat.testing.packages import published_records, small_package, written

# dnf is slow where much else runs
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def served(repository: Repository) -> Iterator[RepositoryServer]:
    with RepositoryServer(repository.root.parent, "127.0.0.1", 0, quiet=True) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_dnf_installs_and_upgrades_over_http(
    repository: Repository,
    served: RepositoryServer,
    trust: Trust,
    signer: Signer,
    cache_dir: Path,
    tmp_path: Path,
) -> None:
    first = [small_package("alpha", requires=("beta >= 2",)), small_package("beta", "2.0")]
    add(repository, [written(each, tmp_path / "in") for each in first], trust, cache_dir)
    publish(repository, signer, cache_dir)
    dnf = Dnf.of(tmp_path / "dnf", "base", f"{served.url}base/", repository.layout.key)
    dnf("install", "alpha")
    assert dnf.installed() == {"alpha": "1.0-1", "beta": "2.0-1"}

    add(repository, [written(small_package("beta", "2.1"), tmp_path / "in")], trust, cache_dir)
    publish(repository, signer, cache_dir)
    dnf("upgrade", "--refresh")
    assert dnf.installed() == {"alpha": "1.0-1", "beta": "2.1-1"}


@pytest.mark.parametrize("compression", list(Compression))
def test_dnf_installs_from_a_folder(
    compression: Compression, trust: Trust, signer: Signer, cache_dir: Path, tmp_path: Path
) -> None:
    settings = Settings(name="own", compression=compression)
    repository = Repository.create(tmp_path / "own", settings)
    add(repository, [written(small_package("alpha"), tmp_path / "in")], trust, cache_dir)
    publish(repository, signer, cache_dir)
    dnf = Dnf.of(tmp_path / "dnf", "own", repository.root.as_uri(), repository.layout.key)
    dnf("install", "/usr/share/alpha/data")  # a path that only the file lists name
    assert dnf.installed() == {"alpha": "1.0-1"}


def test_a_generation_is_a_repository_by_itself(
    repository: Repository, trust: Trust, signer: Signer, cache_dir: Path, tmp_path: Path
) -> None:
    for version in ("1.0", "2.0"):
        package = small_package("alpha", version)
        add(repository, [written(package, tmp_path / "in")], trust, cache_dir)
        publish(repository, signer, cache_dir)
    first = repository.layout.generation(1)
    dnf = Dnf.of(tmp_path / "dnf", "base", first.as_uri(), first / "RPM-GPG-KEY-heliostat")
    dnf("install", "alpha")
    assert dnf.installed() == {"alpha": "1.0-1"}


def test_dnf_refuses_an_index_that_was_changed(
    repository: Repository, trust: Trust, signer: Signer, cache_dir: Path, tmp_path: Path
) -> None:
    add(repository, [written(small_package("alpha"), tmp_path / "in")], trust, cache_dir)
    publish(repository, signer, cache_dir)
    index = repository.layout.generation(1) / "repodata" / "repomd.xml"
    index.write_bytes(index.read_bytes().replace(b"<revision>", b"<revision>1"))
    dnf = Dnf.of(tmp_path / "dnf", "base", repository.root.as_uri(), repository.layout.key)
    with pytest.raises(CommandFailed):
        dnf("install", "alpha")


def test_rpm_verifies_what_is_in_the_repository(
    repository: Repository, trust: Trust, signer: Signer, cache_dir: Path, tmp_path: Path
) -> None:
    add(repository, [written(small_package("alpha"), tmp_path / "in")], trust, cache_dir)
    publish(repository, signer, cache_dir)
    database = tmp_path / "db"
    database.mkdir()
    options = ["--dbpath", str(database)]
    run(["rpmkeys", *options, "--import", str(repository.layout.key)], timeout_s=30)
    package = repository.root / "Packages" / "a" / "alpha-1.0-1.x86_64.rpm"
    said = run(["rpm", "-K", *options, str(package)], timeout_s=30).stdout
    assert said.strip().endswith("digests signatures OK")


def test_gpgv_verifies_the_index(
    repository: Repository, signer: Signer, cache_dir: Path, tmp_path: Path
) -> None:
    publish(repository, signer, cache_dir)
    keyring = tmp_path / "key.gpg"
    keyring.write_bytes(signer.certificate)
    index = repository.layout.repodata / "repomd.xml"
    said = run(["gpgv", "--keyring", str(keyring), f"{index}.asc", str(index)], timeout_s=30)
    assert "Good signature" in said.stderr


def test_curl_resumes_a_download(
    repository: Repository,
    served: RepositoryServer,
    trust: Trust,
    signer: Signer,
    cache_dir: Path,
    tmp_path: Path,
) -> None:
    source = written(small_package("alpha", content=bytes(range(256)) * 4096), tmp_path / "in")
    add(repository, [source], trust, cache_dir)
    publish(repository, signer, cache_dir)
    part = tmp_path / "part.rpm"
    part.write_bytes(source.read_bytes()[:1000])
    url = f"{served.url}base/Packages/a/{source.name}"
    run(["curl", "-fsS", "-C", "-", "-o", str(part), url], timeout_s=30)
    assert part.read_bytes() == source.read_bytes()


def test_clients_meet_whole_generations_while_others_are_published(
    repository: Repository,
    served: RepositoryServer,
    trust: Trust,
    signer: Signer,
    cache_dir: Path,
    tmp_path: Path,
) -> None:
    """The index is fetched, then another generation appears, then the signature is fetched."""
    keyring = tmp_path / "key.gpg"
    keyring.write_bytes(signer.certificate)
    index, signature = tmp_path / "repomd.xml", tmp_path / "repomd.xml.asc"
    publish(repository, signer, cache_dir)
    address = f"{served.url}base/repodata/repomd.xml"
    for number in range(3):
        run(["curl", "-fsS", "-o", str(index), address], timeout_s=30)
        package = small_package("alpha", f"{number}.0")
        add(repository, [written(package, tmp_path / "in")], trust, cache_dir)
        publish(repository, signer, cache_dir)
        run(["curl", "-fsS", "-o", str(signature), f"{address}.asc"], timeout_s=30)
        run(["gpgv", "--keyring", str(keyring), str(signature), str(index)], timeout_s=30)


def test_createrepo_reads_our_metadata(
    repository: Repository, trust: Trust, signer: Signer, cache_dir: Path, tmp_path: Path
) -> None:
    """``mergerepo_c`` parses it and writes it again."""
    add(repository, [written(small_package("alpha"), tmp_path / "in")], trust, cache_dir)
    publish(repository, signer, cache_dir)
    if shutil.which("mergerepo_c") is None:
        pytest.skip("createrepo_c is not installed")
    out = tmp_path / "merged"
    twice = ["-r", repository.root.as_uri()] * 2
    said = run(["mergerepo_c", *twice, "-o", str(out), "-d", "--all"], timeout_s=60)
    assert "Warning" not in said.stderr
    assert [each.name for each in published_records(out)] == ["alpha"]


def test_unsigned_packages_are_refused(
    repository: Repository, trust: Trust, cache_dir: Path, tmp_path: Path
) -> None:
    from heliostat.os.packages.rpm.writer import write

    bare = write(small_package("bare"), tmp_path).path
    good = written(small_package("good"), tmp_path)
    with pytest.raises(HeliostatError) as caught:
        add(repository, [good, bare], trust, cache_dir)
    assert caught.value.code == "PackageUntrusted"
    assert "bare-1.0-1.x86_64.rpm" in caught.value.message
    assert not repository.plan()
