"""RPM-MD repositories of any maker are read, solved with and fetched from; faults are told."""

from __future__ import annotations

import contextlib
import gzip
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import run
from heliostat.os.packages.openpgp.signer import Signer
from heliostat.os.repo.admission import Trust
from heliostat.os.repo.publish import publish
from heliostat.os.repo.repomd import Compression, pack, parse_repomd, unpack, write_repomd
from heliostat.os.repo.repository import Repository
from heliostat.os.repo.settings import Settings
from heliostat.os.repo.staging import add
from heliostat.os.solve import solve
from heliostat.os.sources.remote import Remote
from heliostat.os.sources.rpmmd import RpmMd, newest_records
from heliostat.testing.packages import signer_of_tests, small_package, written
from heliostat.testing.web import served

Opened = Callable[..., RpmMd]


@pytest.fixture
def signer() -> Signer:
    return signer_of_tests()


@pytest.fixture(params=["http", "file"])
def remote(
    request: pytest.FixtureRequest, signer: Signer, tmp_path: Path
) -> Iterator[tuple[Repository, RpmMd]]:
    """Our own repository with two packages, and the same seen from far away."""
    repository = Repository.create(tmp_path / "shelf" / "far", Settings(name="far"))
    packages = [small_package("alpha", requires=("beta",)), small_package("beta")]
    paths = [written(each, tmp_path / "in") for each in packages]
    trust = Trust(signer.keyring)
    add(repository, paths, trust, tmp_path / "c1")
    publish(repository, signer, tmp_path / "c1")
    with served(repository.root.parent) as server:
        url = f"{server.url}far" if request.param == "http" else repository.root.as_uri()
        yield repository, RpmMd("far", url, trust, tmp_path / "c2")


def test_what_was_published_is_solved_and_fetched(remote: tuple[Repository, RpmMd]) -> None:
    repository, far = remote
    far.update()
    records = {each.name: each for each in far.packages()}
    solution = solve([far.source], ["alpha"])
    wanted = [records[each.name] for each in solution.packages]
    assert [each.name for each in wanted] == ["alpha", "beta"]
    for record, path in zip(wanted, far.fetch(wanted), strict=True):
        assert path.read_bytes() == (repository.root / record.location).read_bytes()


@pytest.mark.parametrize("compression", ["gz", "xz", "bz2"])
def test_what_createrepo_wrote_is_read(compression: str, signer: Signer, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    written(small_package("alpha"), folder / "sub")
    kind = ["--general-compress-type", compression]
    run(["createrepo_c", "-q", *kind, str(folder)], timeout_s=60)
    far = RpmMd(
        "theirs", folder.as_uri(), Trust(signer.keyring), tmp_path / "c", signed_index=False
    )
    far.update()
    assert [each.name for each in far.packages()] == ["alpha"]
    assert "/usr/share/alpha/data" in {each.path for each in far.packages()[0].files}
    far.fetch(far.packages())


def test_an_index_by_another_key_is_refused(
    remote: tuple[Repository, RpmMd], tmp_path: Path
) -> None:
    repository, far = remote
    publish(repository, signer_of_tests("theirs"), tmp_path / "c1")
    with pytest.raises(HeliostatError, match="isn't trusted") as caught:
        far.update()
    assert caught.value.code == "ArchiveUntrusted"


def test_metadata_that_was_changed_is_refused_and_the_old_kept(
    remote: tuple[Repository, RpmMd],
) -> None:
    repository, far = remote
    for each in repository.layout.repodata.glob("*primary*"):
        each.unlink()
        each.write_bytes(b"other")
    with pytest.raises(HeliostatError) as caught:
        far.update()
    assert caught.value.code == "RepositoryCorrupt"
    with pytest.raises(HeliostatError, match="was not fetched yet"):
        far.packages()


def test_a_package_that_was_changed_or_cut_is_refused(remote: tuple[Repository, RpmMd]) -> None:
    repository, far = remote
    far.update()
    alpha, beta = far.packages()
    path = repository.root / alpha.location
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(HeliostatError) as caught:
        far.fetch([alpha])
    assert caught.value.code == "ArchiveUntrusted"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(HeliostatError, match="1,000 bytes of"):
        far.fetch([alpha])
    (repository.root / beta.location).unlink()
    with pytest.raises(HeliostatError) as caught:
        far.fetch([beta])
    assert caught.value.code == "ArchiveUnreachable"


def test_a_download_goes_on_where_it_stopped(remote: tuple[Repository, RpmMd]) -> None:
    repository, far = remote
    far.update()
    alpha = far.packages()[0]
    whole = (repository.root / alpha.location).read_bytes()
    target = far._path(alpha)
    target.parent.mkdir(parents=True)
    (target.parent / f".{target.name}.part").write_bytes(whole[:500])
    assert far.fetch([alpha])[0].read_bytes() == whole


def test_nothing_listens(signer: Signer, tmp_path: Path) -> None:
    far = RpmMd("far", "http://127.0.0.1:1/x", Trust(signer.keyring), tmp_path)
    with pytest.raises(HeliostatError) as caught:
        far.update()
    assert caught.value.code == "ArchiveUnreachable"


def test_an_index_that_points_outside_is_refused(signer: Signer, tmp_path: Path) -> None:
    repodata = tmp_path / "evil" / "repodata"
    repodata.mkdir(parents=True)
    index = (
        '<repomd xmlns="http://linux.duke.edu/metadata/repo"><data type="primary">'
        '<checksum type="sha256">00</checksum><location href="../../../x.xml.gz"/>'
        "<size>1</size></data></repomd>"
    )
    (repodata / "repomd.xml").write_text(index)
    (repodata / "repomd.xml.asc").write_bytes(signer.sign_detached(index.encode(), 0))
    far = RpmMd("evil", (tmp_path / "evil").as_uri(), Trust(signer.keyring), tmp_path / "c")
    with pytest.raises(HeliostatError, match="outside"):
        far.update()


def index_of(folder: Path, signer: Signer, old: bytes, new: bytes) -> None:
    """The folder's primary metadata says ``new`` instead of ``old``, rightly signed."""
    repodata = folder / "repodata"
    rows = parse_repomd((repodata / "repomd.xml").read_bytes(), "")
    document = unpack(rows["primary"], (folder / rows["primary"].location).read_bytes(), "")
    assert old in document
    packed = pack("primary", document.replace(old, new), Compression.GZIP, 0)
    (folder / packed.row.location).write_bytes(packed.content)
    index = write_repomd([packed.row], 0)
    (repodata / "repomd.xml").write_bytes(index)
    (repodata / "repomd.xml.asc").write_bytes(signer.sign_detached(index, 0))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'build="', b'build="soon'),
        (b'pkgid="YES">', b'pkgid="YES">../../../'),
        (b'archive="', b'archive="-x'),
        (b'<version epoch="0"', b'<version epoch="soon"'),
    ],
)
def test_metadata_that_makes_no_sense_is_told(
    remote: tuple[Repository, RpmMd], signer: Signer, old: bytes, new: bytes
) -> None:
    repository, far = remote
    index_of(repository.root, signer, old, new)
    far.update()
    with pytest.raises(HeliostatError, match="can't be used") as caught:
        far.packages()
    assert caught.value.code == "RepositoryCorrupt"


class _Odd(BaseHTTPRequestHandler):
    """Calls what it sends packed an encoding of the open file; never ends; leads in circles."""

    def do_GET(self) -> None:
        if self.path == "/circle":
            self.send_response(302)
            self.send_header("Location", "/circle")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        if self.path == "/packed":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(gzip.compress(b"x", mtime=0))
            for _ in range(1000 if self.path == "/endless" else 0):
                self.wfile.write(bytes(1 << 16))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: it is a test."""


def test_odd_servers(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Odd) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with Remote(f"http://127.0.0.1:{server.server_port}", sleep=lambda _: None) as remote:
            assert remote.get("packed") == gzip.compress(b"x", mtime=0)
            with pytest.raises(HeliostatError, match="more than 4,096 bytes"):
                remote.get("endless", 4096)
            with pytest.raises(HeliostatError, match="can't be fetched"):
                remote.get("circle")
            with pytest.raises(HeliostatError, match="bytes of 4,096"):
                remote.download("endless", tmp_path / "endless", 4096)
        server.shutdown()
        thread.join()


def test_two_at_once_fetch_a_package_once(remote: tuple[Repository, RpmMd]) -> None:
    _, far = remote
    far.update()
    wanted = far.packages()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: far.fetch([*wanted, *wanted]), range(8)))
    assert len({tuple(each) for each in found}) == 1


def test_the_newest_that_runs_here(remote: tuple[Repository, RpmMd]) -> None:
    _, far = remote
    far.update()
    alpha = far.packages()[0]
    others = [msgspec.structs.replace(alpha, arch=arch) for arch in ("i686", "src", "aarch64")]
    assert newest_records([*others, alpha, *others]) == {"alpha": alpha}


def test_both_compressions_of_ours_are_read(signer: Signer, tmp_path: Path) -> None:
    trust = Trust(signer.keyring)
    for compression in Compression:
        settings = Settings(name="far", compression=compression)
        repository = Repository.create(tmp_path / compression.value, settings)
        add(repository, [written(small_package("alpha"), tmp_path)], trust, tmp_path / "c1")
        publish(repository, signer, tmp_path / "c1")
        far = RpmMd("far", repository.root.as_uri(), trust, tmp_path / "c2")
        far.update()
        assert [each.name for each in far.packages()] == ["alpha"]
