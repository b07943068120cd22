"""The download index, checked as clients check it: GnuPG for signatures, sha256sum for files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.core.process import CommandFailed, run
from heliostat.os.image import built
from heliostat.os.image.built import ImageFile, ImageRecord
from heliostat.os.image.download import CONTENT_ID, publish
from heliostat.os.image.tested import forget_trial, has_passed, note_trial
from heliostat.testing.rpms import signer


def put_image(folder: Path, edition: str, number: int) -> None:
    """A finished image of two formats, as a build leaves it."""
    identity = hashlib.sha256(f"{edition}{number}".encode()).hexdigest()
    stem = built.stem_of(edition, identity)
    files, sources = {}, {}
    for kind, suffix in (("qcow2", ".qcow2"), ("ova", ".ova")):
        content = f"{edition} {number} {kind}".encode() * 100
        source = folder / f"made-{stem}{suffix}"
        folder.mkdir(exist_ok=True)
        source.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        files[kind] = ImageFile(f"{stem}{suffix}", digest, len(content), kind)
        sources[kind] = source
    epoch = 1_767_225_600 + number * 86400
    record = ImageRecord(
        name=edition,
        identity=identity,
        summary=f"The edition {edition}",
        version=built.version_of(epoch, identity),
        epoch=epoch,
        tree="0" * 64,
        virtual_size_bytes=1 << 30,
        built_at_ms=epoch * 1000,
        files=files,
        packages=[],
        inputs={},
    )
    built.publish(folder, record, sources, "qcow2")


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for edition in ("minimal", "nano"):
        for number in range(3):
            put_image(tmp_path / "images", edition, number)
    publish(tmp_path / "images", tmp_path / "site", signer(), keep=2)
    return tmp_path / "site"


def test_clients_find_every_file_with_its_digest(site: Path) -> None:
    index = json.loads((site / "streams/v1/index.json").read_text())
    assert index["format"] == "index:1.0"
    listed = index["index"][CONTENT_ID]
    products = json.loads((site / listed["path"]).read_text())
    assert products["format"] == listed["format"] == "products:1.0"
    assert sorted(products["products"]) == listed["products"]
    for product in products["products"].values():
        assert len(product["versions"]) == 2
        for version in product["versions"].values():
            for item in version["items"].values():
                content = (site / item["path"]).read_bytes()
                assert hashlib.sha256(content).hexdigest() == item["sha256"]
                assert len(content) == item["size"]
    for sums in site.glob("*/*/SHA256SUMS"):
        run(["sha256sum", "--check", "--quiet", sums.name], timeout_s=30, cwd=str(sums.parent))


def test_gpgv_trusts_every_signature_and_no_changed_list(site: Path, tmp_path: Path) -> None:
    keyring = tmp_path / "key.gpg"
    key = (site / "RPM-GPG-KEY-heliostat").read_bytes()
    run(["gpg", "--dearmor", "-o", str(keyring)], timeout_s=30, stdin=key)
    verify = ["gpgv", "--keyring", str(keyring)]
    for path in site.glob("streams/v1/*.json"):
        run([*verify, f"{path}.gpg", str(path)], timeout_s=30)
        signed = path.with_suffix(".sjson")
        run([*verify, "--output", str(tmp_path / "plain"), str(signed)], timeout_s=30)
        assert json.loads((tmp_path / "plain").read_text()) == json.loads(path.read_text())
        signed.write_text(signed.read_text().replace("heliostat", "somebody", 1))
        with pytest.raises(CommandFailed):
            run([*verify, str(signed)], timeout_s=30)


def test_publishing_again_takes_old_versions_away_and_changes_nothing_else(
    site: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    publish(tmp_path / "images", site, signer(), keep=2)
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before
    publish(tmp_path / "images", site, signer(), keep=1)
    assert len(list(site.glob("*/*/record.json"))) == 2


def test_nothing_is_signed_for_that_is_not_what_was_built(site: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in (site / "streams").rglob("*") if path.is_file()}
    put_image(tmp_path / "images", "minimal", 9)
    newest = max(built.built_images(tmp_path / "images"), key=lambda each: each.built_at_ms)
    newest.path.write_bytes(newest.path.read_bytes()[:-1] + b"?")  # as long as it was
    with pytest.raises(HeliostatError, match="is not what was built") as caught:
        publish(tmp_path / "images", site, signer(), keep=2)
    assert caught.value.code == "ImageCorrupt"
    assert {path: path.read_bytes() for path in before} == before


def test_when_an_image_was_built_leaves_no_trace(site: Path, tmp_path: Path) -> None:
    """Whoever builds the same image again publishes the same bytes, signatures included."""
    for path in (tmp_path / "images").glob("*.json"):
        record = json.loads(path.read_text())
        path.write_text(json.dumps({**record, "builtAtMs": record["builtAtMs"] + 86_400_000}))
    publish(tmp_path / "images", tmp_path / "again", signer(), keep=2)
    published = [
        {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        for folder in (site, tmp_path / "again")
    ]
    assert published[0] == published[1]


def test_only_what_passed_its_trial_is_offered_if_so_asked(tmp_path: Path) -> None:
    for number in range(2):
        put_image(tmp_path / "images", "minimal", number)
    newer, older = built.built_images(tmp_path / "images")
    with pytest.raises(HeliostatError, match="None of the 2 images"):
        publish(tmp_path / "images", tmp_path / "site", signer(), keep=3, only_tested=True)
    note_trial(newer, newer.path, "tcg, bios, virtio", ["running: it is `degraded`"])
    note_trial(older, older.path, "tcg, bios, virtio", [])
    offered = publish(tmp_path / "images", tmp_path / "site", signer(), keep=3, only_tested=True)
    assert any(older.release in path for path in offered)
    assert not any(newer.release in path for path in offered)
    forget_trial(older)
    assert not has_passed(older)


def test_without_images_nothing_is_published(tmp_path: Path) -> None:
    with pytest.raises(HeliostatError, match="nothing to publish"):
        publish(tmp_path / "images", tmp_path / "site", signer(), keep=2)
    assert not (tmp_path / "site").exists()
