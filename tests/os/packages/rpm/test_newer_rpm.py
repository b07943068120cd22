"""The RPM of the release that the system is made of (4.20, another OpenPGP engine) reads ours."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from heliostat.core.process import CommandFailed, run
from heliostat.os.data import load
from heliostat.os.image.distro import locate_distro
from heliostat.os.packages.rpm.writer import write
from heliostat.os.sources.archive import ArchiveSettings, archive_of
from heliostat.os.sources.download import fetch
from heliostat.os.sources.suite import Suite, open_suite
from heliostat.testing.rpms import signer, tiny

pytestmark = [
    pytest.mark.slow,
    pytest.mark.takes(60),
    pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root"),
]


def test_the_newer_rpm_trusts_ours_and_tells_faults(cache: Path, tmp_path: Path) -> None:
    settings = load(locate_distro() / "archive.yaml", ArchiveSettings)
    suite = open_suite(archive_of(settings), cache / "os")
    root = tmp_path / "root"
    _unpack(suite, cache / "os", "rpm", root)
    (root / "key.asc").write_bytes(signer().public_text)
    good = write(tiny("good"), root, signer=signer()).path
    strange = write(
        tiny("strange"), root, signer=signer("Stranger <stranger@example.invalid>")
    ).path
    torn = write(tiny("torn"), root, signer=signer()).path
    torn.write_bytes(torn.read_bytes()[:-1] + b"\0")
    rpmkeys = ["chroot", str(root), "rpmkeys", "--dbpath", "/db"]
    run([*rpmkeys, "--import", "/key.asc"], timeout_s=60)
    told = run([*rpmkeys, "-Kv", f"/{good.name}"], timeout_s=60).stdout
    assert re.search(r"V4 RSA/SHA512 Signature.*: OK", told)
    assert "Payload SHA256 digest: OK" in told
    for bad in (strange, torn):
        with pytest.raises(CommandFailed):
            run([*rpmkeys, "-K", f"/{bad.name}"], timeout_s=60)
    version = run(["chroot", str(root), "rpm", "--version"], timeout_s=60).stdout
    assert "RPM version 4.1" not in version


def _unpack(suite: Suite, cache: Path, name: str, root: Path) -> None:
    """The package and what it depends on, the first alternative each; nothing is configured."""
    for folder in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / folder).mkdir(parents=True)
        (root / folder).symlink_to(f"usr/{folder}")
    wanted, entries = [name], {}
    while wanted:
        each = wanted.pop()
        if each in entries or each not in suite.newest:
            continue
        entry = entries[each] = suite.newest[each]
        relations = re.split(r"\s*,\s*", f"{entry.depends}, {entry.pre_depends}")
        wanted += [re.split(r"[\s:(|]", relation)[0] for relation in relations if relation]
    for path in fetch(suite.archive, list(entries.values()), cache).values():
        run(["dpkg-deb", "-x", str(path), str(root)], timeout_s=60)
