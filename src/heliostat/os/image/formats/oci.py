"""The container image: one layer with the root tree, without what only machines boot from.

The archive is an OCI layout that also has Docker's own index (``manifest.json``), as newer
Docker engines save it, so that ``docker load``, podman, skopeo and containerd all take it.
Formats: OCI image specification 1.0; Docker image specification 1.2.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heliostat.os.image import sparse
from heliostat.os.image.formats import archive
from heliostat.os.image.formats.gzipped import gzip_file
from heliostat.os.image.formats.material import Material

_OCI = "application/vnd.oci.image"
_ONLY_MACHINES = ("boot", "usr/lib/modules", "usr/lib/firmware", "etc/machine-id", "etc/fstab")
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELLS = ("bin/bash", "bin/sh")


@dataclass(frozen=True, slots=True)
class _Layer:
    path: Path
    plain_digest: str
    """Of the tar archive before it was compressed."""


def write(material: Material, out: Path) -> None:
    """The image as one archive."""
    with tempfile.TemporaryDirectory(prefix="oci-", dir=out.parent) as work:
        layer = _write_layer(material, Path(work) / "layer.tar.gz")
        digest = sparse.sha256(layer.path)
        config = _json(_config(material, layer))
        layers = [_described(f"{_OCI}.layer.v1.tar+gzip", digest, layer.path.stat().st_size)]
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": f"{_OCI}.manifest.v1+json",
                "config": _described(f"{_OCI}.config.v1+json", _sha(config), len(config)),
                "layers": layers,
                "annotations": _annotations(material),
            }
        )
        with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as tar:
            for name, content in _documents(material, config, manifest, digest).items():
                archive.add_bytes(tar, name, content, material.epoch)
            archive.add_file(tar, _blob(digest), layer.path, material.epoch)


def _documents(material: Material, config: bytes, manifest: bytes, layer: str) -> dict[str, bytes]:
    """Everything in the archive but the layer."""
    tag = f"heliostat/{material.name}:{material.tag}"
    listed = _described(f"{_OCI}.manifest.v1+json", _sha(manifest), len(manifest))
    names = {
        "io.containerd.image.name": f"docker.io/{tag}",
        "org.opencontainers.image.ref.name": material.tag,
    }
    platform = {"architecture": "amd64", "os": "linux"}
    index = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.index.v1+json",
        "manifests": [{**listed, "annotations": names, "platform": platform}],
    }
    docker = [{"Config": _blob(_sha(config)), "RepoTags": [tag], "Layers": [_blob(layer)]}]
    return {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json(index),
        "manifest.json": _json(docker),
        _blob(_sha(config)): config,
        _blob(_sha(manifest)): manifest,
    }


def _write_layer(material: Material, out: Path) -> _Layer:
    digest = hashlib.sha256()

    class Watched:
        """Passes on what is written, and hashes it."""

        def write(self, data: bytes) -> int:
            digest.update(data)
            return stream.write(data)

    with (
        gzip_file(out) as stream,
        tarfile.open(fileobj=Watched(), mode="w|", format=tarfile.PAX_FORMAT) as tar,  # type: ignore[call-overload]
    ):
        archive.add_tree(tar, material.tree, material.epoch, _ONLY_MACHINES)
    return _Layer(out, digest.hexdigest())


def _config(material: Material, layer: _Layer) -> dict[str, Any]:
    shell = next((path for path in _SHELLS if (material.tree / path).exists()), None)
    created = _moment(material.epoch)
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": created,
        "config": {
            "Env": [_PATH],
            "Labels": _annotations(material),
            **({"Cmd": [f"/{shell}"]} if shell else {}),
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.plain_digest}"]},
        "history": [{"created": created, "created_by": f"heliostat {material.name}"}],
    }


def _annotations(material: Material) -> dict[str, str]:
    prefix = "org.opencontainers.image"
    return {
        f"{prefix}.title": f"Heliostat {material.name}",
        f"{prefix}.description": material.summary,
        f"{prefix}.created": _moment(material.epoch),
        f"{prefix}.version": material.tag,
    }


def _described(media_type: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": size}


def _moment(epoch: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))


def _blob(digest: str) -> str:
    return f"blobs/sha256/{digest}"


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
