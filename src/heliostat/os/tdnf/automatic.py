"""``tdnf-automatic``: tells of updates, or installs them, from timers and without a person.

Its settings are in ``/etc/tdnf/automatic.conf``.  Exit codes are those of the C tdnf's
script: 22 for a mistake in settings or options, 2 for a file that isn't there, 64 when no
repository can be reached in time, else those of tdnf.
"""

from __future__ import annotations

import os
import random
import socket
import sys
import time

from heliostat.os.tdnf import VERSION, api
from heliostat.os.tdnf.errors import TdnfError
from heliostat.os.tdnf.settings import ini

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

SETTINGS = "/etc/tdnf/automatic.conf"
INVALID, MISSING, OFFLINE = 22, 2, 64
UPGRADE_TYPES = ("all", "security")
HELP = """\
tdnf-automatic help:
  -c, --config FILE   settings (default /etc/tdnf/automatic.conf)
  -i, --install       install updates whatever the settings say
  -n, --notify        only tell of updates whatever the settings say
  -t, --timer         wait up to random_sleep seconds first
  -v, --version       tell the version
  -h, --help          this"""


class Refused(Exception):
    """An exit code and why."""

    def __init__(self, code: int, told: str) -> None:
        super().__init__(told)
        self.code = code


class Settings:
    """``automatic.conf``, checked: a mistake is found before anything is done."""

    def __init__(self, path: str, sections: ini.Sections) -> None:
        self._path = path
        self._sections = sections
        kind = self._text("commands", "upgrade_type", "all")
        if kind not in UPGRADE_TYPES:
            expected = " or ".join(UPGRADE_TYPES)
            raise Refused(INVALID, f"{path}: Invalid entry: upgrade_type is {expected}, not {kind}")
        self.security = kind == "security"
        self.random_sleep_s = self._number("commands", "random_sleep", 0)
        self.online_timeout_s = self._number("commands", "network_online_timeout", 60)
        self.show = self._switch("commands", "show_updates", default=True)
        self.apply = self._switch("commands", "apply_updates", default=False)
        self.system_name = self._text("emitter", "system_name", "") or socket.gethostname()
        self.to_stdio = self._switch("emitter", "emit_to_stdio", default=True)
        self.to_file = self._text("emitter", "emit_to_file", "")
        self.tdnf_conf = self._text("base", "tdnf_conf", "/etc/tdnf/tdnf.conf")
        if not os.path.exists(self.tdnf_conf):
            raise Refused(MISSING, f"{path}: tdnf_conf: {self.tdnf_conf} does not exist")

    def _text(self, section: str, key: str, default: str) -> str:
        return self._sections.get(section, {}).get(key, default).strip()

    def _switch(self, section: str, key: str, *, default: bool) -> bool:
        value = self._text(section, key, "yes" if default else "no").lower()
        if value not in ("yes", "no", "1", "0", "true", "false", "on", "off"):
            raise Refused(INVALID, f"{self._path}: Invalid input: {key} is yes or no, not {value}")
        return ini.is_true(value)

    def _number(self, section: str, key: str, default: int) -> int:
        value = self._text(section, key, str(default))
        if not value.isdigit():
            told = f"{self._path}: Invalid input: {key} is a number of seconds, not {value}"
            raise Refused(INVALID, told)
        return int(value)


def read_settings(path: str) -> Settings:
    """The file at ``path``.  Raises ``Refused``."""
    if not os.path.exists(path):
        raise Refused(MISSING, f"{path} does not exist")
    try:
        return Settings(path, ini.read(path, INVALID))
    except TdnfError as error:
        raise Refused(INVALID, f"Invalid input: {error.sentence}") from error


class Automatic:
    """One run.  ``ask`` is tdnf; ``wait`` takes seconds."""

    def __init__(
        self,
        settings: Settings,
        *,
        root: str = "/",
        ask: Callable[..., Any] = api.run,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings = settings
        self.root = root
        self._ask_tdnf = ask
        self._wait = wait
        self._unwritten: str | None = ""

    def run(self, *, install: bool | None = None, timer: bool = False) -> None:
        """Updates, told or installed; ``install`` overrules the settings."""
        settings, host = self.settings, self.settings.system_name
        if timer and settings.random_sleep_s:
            pause = random.randint(0, settings.random_sleep_s)  # noqa: S311 - spreads load only
            print(f"Sleep for {pause} seconds", flush=True)
            self._wait(pause)
        self._refresh()
        updates = self._ask("check-update")
        if not updates:
            self._tell("System upto date", [])
        elif settings.apply if install is None else install:
            # what is shown first is told even if installing fails
            if settings.show:
                self._tell(f"The following updates are available on - {host}", updates)
            done = self._ask("update")
            steps = [each for kind in sorted(done) for each in done[kind]]
            self._tell(f"The following updates are applied on - {host}", steps)
        else:
            self._tell(f"The following updates are available on - {host}", updates)
        if self._unwritten:
            told = f"emit_to_file: {settings.to_file} can't be written: {self._unwritten}"
            raise Refused(INVALID, told)

    def _refresh(self) -> None:
        """Until a repository answers; asked again with growing pauses."""
        left_s, pause_s = float(self.settings.online_timeout_s), 1.0
        while True:
            try:
                self._ask("makecache")
            except TdnfError as error:
                if left_s <= 0:
                    told = f"System is off-line: {error.sentence}"
                    raise Refused(OFFLINE, told) from error
            else:
                print("RefreshCache success", flush=True)
                return
            self._wait(min(pause_s, left_s))
            left_s, pause_s = left_s - pause_s, pause_s * 2

    def _ask(self, *words: str) -> Any:
        only = ["--security"] if self.settings.security and words[0] != "makecache" else []
        return self._ask_tdnf(*words, *only, config=self.settings.tdnf_conf, root=self.root)

    def _tell(self, heading: str, packages: Sequence[dict[str, Any]]) -> None:
        lines = [heading, *(f"{each['Name']}-{each['Evr']}.{each['Arch']}" for each in packages)]
        text = "\n".join(lines) + "\n"
        if self.settings.to_stdio:
            print(text, end="", flush=True)
        if self.settings.to_file:
            try:
                _replace(self.settings.to_file, text)
            except OSError as error:
                # updates don't wait for who wants to read of them
                self._unwritten = error.strerror


def _replace(path: str, text: str) -> None:
    """Writes ``path``; what was there is kept beside it."""
    from heliostat.os.tdnf.settings.edit import write_whole

    if os.path.exists(path):
        os.rename(path, f"{path}.{time.strftime('%Y%m%dT%H%M%S')}.bak")
    write_whole(path, text)


def main(argv: Sequence[str] | None = None, *, root: str = "/") -> int:
    """The program; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    path, install, timer = SETTINGS, None, False
    while words:
        word = words.pop(0)
        if word in ("-h", "--help"):
            print(HELP)
            return 0
        if word in ("-v", "--version"):
            print(f"tdnf-automatic - version: {VERSION}")
            return 0
        if word in ("-c", "--config") and words:
            path = words.pop(0)
        elif word in ("-i", "--install"):
            install = True
        elif word in ("-n", "--notify"):
            install = False
        elif word in ("-t", "--timer"):
            timer = True
        else:
            print(f"There is no option {word}.\n{HELP}", file=sys.stderr)
            return INVALID
    try:
        Automatic(read_settings(path), root=root).run(install=install, timer=timer)
    except Refused as error:
        print(error, file=sys.stderr)
        return error.code
    except TdnfError as error:
        print(f"Error({error.number}) : {error.sentence}\n{error.hint}", file=sys.stderr)
        return error.exit_code
    return 0
