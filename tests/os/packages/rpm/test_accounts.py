"""Packages say which accounts they bring, in RPM's own words."""

from __future__ import annotations

import base64
from pathlib import Path

from heliostat.core.process import run
from heliostat.os.packages.rpm.file import File
from heliostat.os.packages.rpm.implied import completed
from heliostat.os.packages.rpm.package import Package
from heliostat.os.packages.rpm.writer import write

LINES = """\
# the database's
u postgres - "PostgreSQL administrator" /var/lib/postgresql /bin/bash
g ssl-cert 120
m postgres ssl-cert
r - 500-900
"""


def provided(tmp_path: Path, *files: File) -> list[str]:
    package = Package(
        name="server",
        version="1",
        release="1",
        arch="noarch",
        summary="A server",
        description="A server.",
        licence="MIT",
        files=files,
    )
    assert completed(completed(package)) == completed(package)
    path = write(package, tmp_path).path
    return run(["rpm", "-qp", "--provides", str(path)], timeout_s=30).stdout.splitlines()


def test_accounts_of_sysusers_are_provided_with_the_lines_that_make_them(tmp_path: Path) -> None:
    lines = [base64.b64encode(line.encode()).decode() for line in LINES.splitlines()]
    path = "/usr/lib/sysusers.d/server.conf"
    assert sorted(provided(tmp_path, File.regular(path, LINES.encode()))) == [
        "group(postgres)",
        f"group(ssl-cert) = {lines[2]}",
        f"groupmember(postgres/ssl-cert) = {lines[3]}",
        "server = 1-1",
        f"user(postgres) = {lines[1]}",
    ]


def test_nothing_else_brings_accounts(tmp_path: Path) -> None:
    files = [
        File.folder("/usr/lib/sysusers.d"),
        File.regular("/usr/lib/sysusers.d/README", LINES.encode()),
        File.regular("/usr/share/doc/sysusers.d/server.conf", LINES.encode()),
    ]
    assert provided(tmp_path, *files) == ["server = 1-1"]
