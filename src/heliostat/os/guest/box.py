"""A container image out of nothing: this host's busybox in an OCI archive.

One layer, deterministic, a few MB; the same file is understood by ``docker load``, ``ctr
images import`` and ``podman load``, because it is an OCI layout (image-spec, image-layout.md)
in a tar archive.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

from heliostat.os.image import programs

APPLETS = ("cat", "date", "echo", "id", "ls", "ping", "sh", "sleep", "test", "true", "wget")
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_SECTOR_BYTES = 512


def busybox_archive(path: Path, name: str, *, user: str = "") -> Path:
    """Write the archive; ``name`` is the image's full name, e.g. ``example.com/box:1``."""
    layer = _layer()
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": ["PATH=/bin"], "Cmd": ["sh"], "User": user},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _described(_CONFIG, config),
            "layers": [_described(_LAYER, layer)],
        }
    )
    entry = _described(_MANIFEST, manifest)
    names = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
    index = _json({"schemaVersion": 2, "manifests": [{**entry, "annotations": names}]})
    docker = [{"Config": _place(config), "RepoTags": [name], "Layers": [_place(layer)]}]
    members = [
        ("oci-layout", _json({"imageLayoutVersion": "1.0.0"})),
        ("index.json", index),
        ("manifest.json", _json(docker)),  # what podman's docker-archive and old dockers read
        *((_place(blob), blob) for blob in (layer, config, manifest)),
    ]
    data = _tar(_file(name, blob, 0o644) for name, blob in members)
    path.write_bytes(data + bytes(-len(data) % _SECTOR_BYTES))
    return path


def _layer() -> bytes:
    folders = [_folder(each) for each in ("bin", "data", "tmp")]
    links = [_link(f"bin/{each}", "busybox") for each in APPLETS]
    return _tar([*folders, _file("bin/busybox", _busybox(), 0o755), *links])


_Member = tuple[tarfile.TarInfo, bytes]


def _busybox() -> bytes:
    """The host's, which has to be static."""
    programs.require(["busybox"], "Making a container image")
    return Path(programs.resolve("busybox")).read_bytes()


def _folder(name: str) -> _Member:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, 0o777 if name == "tmp" else 0o755
    return info, b""


def _link(name: str, target: str) -> _Member:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
    return info, b""


def _file(name: str, data: bytes, mode: int) -> _Member:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    return info, data


def _tar(members: Iterable[_Member]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data) if info.isfile() else None)
    return out.getvalue()


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True).encode()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _place(blob: bytes) -> str:
    return f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}"


def _described(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}
