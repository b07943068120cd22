"""What Kerberos is told on a member: MIT's own library reads it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from heliostat.core.errors import HeliostatError
from heliostat.member.joining.realm_files import KEYTAB, KRB5_CONF, SNIPPET, krb5_conf, realm_files
from heliostat.member.joining.servers import KerberosServers
from heliostat.member.places import Machine

SERVERS = KerberosServers("ACME.EXAMPLE", ("127.0.0.1:9", "[::1]:9"), ("127.0.0.1:9",))


def _files(root: Path, keytab: bytes = b"") -> dict[str, str | bytes]:
    found = realm_files(Machine(root), "acme.example", SERVERS, keytab)
    return {each.path: each.content for each in found}


def test_the_file_itself_or_one_in_its_folder(tmp_path: Path) -> None:
    assert list(_files(tmp_path)) == [KRB5_CONF]
    (tmp_path / "etc").mkdir()
    (tmp_path / KRB5_CONF).write_text("#includedir /etc/krb5.conf.d\n")
    assert list(_files(tmp_path)) == [KRB5_CONF]
    (tmp_path / KRB5_CONF).write_text("[libdefaults]\nincludedir /etc/krb5.conf.d\n")
    assert list(_files(tmp_path, b"keys"))[:2] == [SNIPPET, KEYTAB]


@pytest.mark.parametrize("server", ["a }", "a\nb", "", "a b:88", "a:88:1", "a = b"])
def test_no_server_writes_settings(server: str) -> None:
    with pytest.raises(HeliostatError, match="InvalidEntity"):
        krb5_conf("acme.example", KerberosServers("ACME.EXAMPLE", (server,)))


@pytest.mark.skipif(shutil.which("kinit") is None, reason="needs MIT's clients")
@pytest.mark.parametrize("in_folder", [False, True], ids=["file", "folder"])
def test_mits_library_finds_the_realm(tmp_path: Path, in_folder: bool) -> None:
    """Fedora's form, too: what is read first counts, whatever stands behind it."""
    path = tmp_path / "krb5.conf"
    text = krb5_conf("acme.example", SERVERS)
    if in_folder:
        (tmp_path / "conf.d").mkdir()
        (tmp_path / "conf.d/heliostat.conf").write_text(text)
        path.write_text(f"includedir {tmp_path}/conf.d\n[libdefaults]\n  rdns = true\n")
    else:
        path.write_text(text)
    done = subprocess.run(
        ["kinit", "ada"],
        env={**os.environ, "KRB5_CONFIG": str(path), "KRB5CCNAME": f"FILE:{tmp_path / 'tickets'}"},
        input="secret\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Cannot contact any KDC for realm 'ACME.EXAMPLE'" in done.stderr
