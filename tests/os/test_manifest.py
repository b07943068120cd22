"""Manifests: data with a schema, and what follows from it."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.os.image import distro, pipeline, rootfs
from heliostat.os.image.manifest import load_manifest, manifest_names
from heliostat.os.sources import host as sources

GOOD = 'name = "x"\npackages = ["a"]\nkernel_options = ["quiet"]\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "x.toml"
    path.write_text(text)
    return path


def test_every_manifest_that_comes_along_is_valid() -> None:
    assert "minimal" in manifest_names()
    for name in manifest_names():
        manifest = load_manifest(name)
        assert manifest.name == name
        for overlay in manifest.overlays:
            assert (distro.locate_distro() / "overlay" / overlay).is_dir()


def test_defaults(tmp_path: Path) -> None:
    manifest = load_manifest(written(tmp_path, GOOD))
    assert manifest.packages == ("a",)
    assert manifest.mask == ()
    assert manifest.free_mib == 256


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GOOD + "package = []", "unknown key package, did you mean packages?"),
        (GOOD + 'free_mib = "much"', "free_mib must be a number above 0"),
        (GOOD + "free_mib = true", "free_mib must be a number"),
        (GOOD + "mask = [1]", "mask must be a list of text"),
        (GOOD + "[links]\na = 1", "links must be a table of text"),
        ('name = "x"', "kernel_options is missing; packages is missing"),
        (GOOD.replace("x", "x" * 17, 1), "at most 16 characters"),
        ("name = ", "is not TOML"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(HeliostatError) as caught:
        load_manifest(written(tmp_path, text))
    assert caught.value.code == "InvalidSetting"
    assert words in caught.value.message


def test_an_initrd_needs_the_script_that_makes_it(tmp_path: Path) -> None:
    manifest = load_manifest(written(tmp_path, GOOD + 'initrd_modules = ["virtio_blk"]'))
    assert manifest.initrd_modules == ("virtio_blk",)
    with pytest.raises(HeliostatError, match="make-initrd") as caught:
        rootfs.configure(manifest, tmp_path, "id")
    assert caught.value.code == "BuildFailed"


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(HeliostatError, match=r"no image manifest nothing; there is .*minimal"):
        load_manifest("nothing")


def test_identity_follows_the_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(distro.locate_distro(), tmp_path / "distro")
    for module in ("pipeline", "manifest", "rootfs"):
        monkeypatch.setattr(
            f"heliostat.os.image.{module}.locate_distro", lambda: tmp_path / "distro"
        )
    manifest = load_manifest("minimal")
    first = pipeline.identity_of(manifest, "bookworm")
    assert first == pipeline.identity_of(load_manifest("minimal"), "bookworm")
    file = next((tmp_path / "distro" / "overlay" / "base").rglob("*.network"))
    changed = {
        first,
        pipeline.identity_of(manifest, "trixie"),
        pipeline.identity_of(dataclasses.replace(manifest, free_mib=1), "bookworm"),
    }
    file.chmod(0o755)
    changed.add(pipeline.identity_of(manifest, "bookworm"))
    file.write_text("other")
    changed.add(pipeline.identity_of(manifest, "bookworm"))
    assert len(changed) == 5


def test_what_is_built_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = pipeline.identity_of(load_manifest("minimal"), sources.host_release())
    image = tmp_path / f"minimal-{identity[:16]}.qcow2"
    image.write_bytes(b"image")
    record = (
        f'{{"name": "minimal", "digest": "d", "size_bytes": 5, "virtual_size_bytes": 9,'
        f' "identity": "{identity}", "release": "r", "built_at_ms": 1, "packages": {{}}}}'
    )
    image.with_suffix(".json").write_text(record)
    found = pipeline.build("minimal", tmp_path)
    assert found.cached
    assert found.path == image
    assert pipeline.built_images(tmp_path) == [found]
    image.write_bytes(b"cut")
    assert pipeline.built_images(tmp_path) == []


def test_who_is_not_root_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("heliostat.os.image.pipeline.os.geteuid", lambda: 1000)
    with pytest.raises(HeliostatError) as caught:
        pipeline.build("minimal", tmp_path)
    assert caught.value.code == "BuildFailed"
    assert "needs root" in caught.value.message
