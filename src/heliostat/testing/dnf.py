"""dnf in an empty root: a client that nobody here wrote, asked to trust nothing but our key."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from heliostat.core.process import Output, run

# dnf starts in two seconds alone, and in a minute where much else runs
_LIMIT_S = 300
_CONFIG = """\
[main]
gpgcheck=1
localpkg_gpgcheck=1
assumeyes=1
install_weak_deps=0
plugins=0
reposdir={system}/etc/yum.repos.d
varsdir={system}/etc/dnf/vars
cachedir={folder}/cache
persistdir={folder}/persist
logdir={folder}/log
"""
_REPOSITORY = """\
[{name}]
name={name}
baseurl={url}
enabled=1
gpgcheck=1
repo_gpgcheck=1
gpgkey=file://{key}
metadata_expire=0
"""


@dataclass(frozen=True, slots=True)
class Dnf:
    """One root with one repository; skips the test where dnf isn't installed."""

    folder: Path
    root: Path

    @classmethod
    def of(cls, folder: Path, name: str, url: str, key: Path) -> Dnf:
        return cls._made(folder, folder, _REPOSITORY.format(name=name, url=url, key=key))

    @classmethod
    def of_system(cls, folder: Path, system: Path, key_path: str) -> Dnf:
        """With the repositories that the tree ``system`` names, its key taken from in there."""
        for path in (system / "etc/yum.repos.d").glob("*.repo"):
            text = path.read_text()
            path.write_text(text.replace(f"file://{key_path}", f"file://{system}{key_path}"))
        return cls._made(folder, system, "")

    @classmethod
    def _made(cls, folder: Path, system: Path, repository: str) -> Dnf:
        if shutil.which("dnf") is None:
            pytest.skip("dnf is not installed")
        folder.mkdir(parents=True)
        config = _CONFIG.format(folder=folder, system=system) + repository
        (folder / "dnf.conf").write_text(config)
        return cls(folder, folder / "root")

    def __call__(self, *words: str) -> Output:
        """Run dnf to its end; raises ``CommandFailed``."""
        argv = ["dnf", "-c", str(self.folder / "dnf.conf"), f"--installroot={self.root}"]
        argv += ["--releasever=1", "--forcearch=x86_64", *words]
        try:
            return run(argv, timeout_s=_LIMIT_S)
        finally:
            _end_agents(self.folder)

    def installed(self) -> dict[str, str]:
        """Versions by name, as rpm's own database has them."""
        if not self.root.exists():
            return {}
        listed = self("repoquery", "--installed", "--qf", "%{name} %{evr}").stdout
        return dict(line.split(" ", 1) for line in listed.splitlines() if line)


def _end_agents(folder: Path) -> None:
    """Verifying metadata leaves a gpg-agent behind for each keyring below ``folder``."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"gpg-agent") and any(str(folder).encode() in word for word in words):
            with suppress(ProcessLookupError):
                os.kill(int(entry.parent.name), signal.SIGTERM)
