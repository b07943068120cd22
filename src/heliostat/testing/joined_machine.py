"""This machine as another one, in a mount namespace: what is written lies in overlays that go.

sssd, sshd and PAM are real; only ``systemctl`` is a script, since nothing boots here.  A script
says ``pause``, and goes on when the test has done what belongs there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Timer

NEEDED = ("unshare", "sssd", "pamtester", "pam-auth-update")
OVERLAID = ("/etc", "/var/lib", "/var/log", "/home", "/usr/local")
PAUSED = "-- paused --"
ENTER = f"""\
set -eu
work=$1
mount --make-rprivate /
for folder in $2; do
    mkdir -p "$work/over$folder/up" "$work/over$folder/work"
    options="lowerdir=$folder,upperdir=$work/over$folder/up,workdir=$work/over$folder/work"
    mount -t overlay -o "$options" overlay "$folder"
done
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd
rm -rf /var/lib/sss/db/* /var/lib/sss/mc/* /etc/krb5.keytab
cp "$work/systemctl" /usr/local/bin/systemctl
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
pause() {{ echo "{PAUSED}"; read -r _; }}
. "$work/script"
"""
SYSTEMCTL = """\
#!/bin/sh
echo "$*" >> {work}/systemctl.log
stop() {{
    pid=$(cat /run/sssd.pid 2>/dev/null) || return 0
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}}
case "$*" in
    "restart sssd.service") stop; sssd -D ;;
    "disable --now sssd.service") stop ;;
esac
"""


def is_possible(*more: str) -> bool:
    """Whether this machine has what is needed, and the programs ``more``."""
    return os.geteuid() == 0 and all(shutil.which(each) for each in (*NEEDED, *more))


def in_machine(
    work: Path, script: str, *meanwhile: Callable[[], None], timeout_s: float = 150
) -> str:
    """What ``script`` printed; everything that it started ends with it.

    At each of its pauses the next of ``meanwhile`` is done.  Raises ``AssertionError`` if it fails.
    """
    (work / "systemctl").write_text(SYSTEMCTL.format(work=work))
    (work / "systemctl").chmod(0o755)
    (work / "script").write_text(script)
    argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with subprocess.Popen(
        [*argv, "/bin/sh", "-c", ENTER, "enter", str(work), " ".join(OVERLAID)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        late = Timer(timeout_s, process.kill)
        late.start()
        try:
            said = _said(process, meanwhile)
        finally:
            late.cancel()
            process.kill()
    print(said)
    assert process.returncode == 0, said[-4000:]
    return said


def _said(process: subprocess.Popen[str], meanwhile: Sequence[Callable[[], None]]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    lines, left = [], list(meanwhile)
    for line in process.stdout:
        if line.strip() == PAUSED:
            left.pop(0)()
            process.stdin.write("\n")
            process.stdin.flush()
        else:
            lines.append(line)
    process.wait()
    return "".join(lines)
