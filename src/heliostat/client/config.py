"""The user's file: profiles with a target, its CA, a sign-in, and a chosen tenant and project.

TOML in the folder where the system keeps such things, mode 0600 because tokens
are in it; ``HELIO_CONFIG`` names another file.  Written whole and atomically, so
a reader never sees half of it; writers take turns through a lock file.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heliostat.core.errors import HeliostatError
from heliostat.core.files import atomic_write

DEFAULT_PROFILE = "default"
LOCK_WAIT_S = 30.0
LOCK_POLL_S = 0.05
_PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Profile:
    """One platform as one person uses it; empty means not set.

    ``tenant`` and ``project`` (ids or names) belong to ``context_target``, which may be a
    platform that the environment names; empty means ``target``.  A ``key_file`` in
    bare PEM form needs the ``client_id``.
    """

    target: str = ""
    ca_pem: str = ""
    tenant: str = ""
    project: str = ""
    context_target: str = ""
    subject: str = ""
    access_token: str = ""
    refresh_token: str = ""
    expires_at_s: float = 0.0
    client_id: str = ""
    key_file: str = ""
    certificate_file: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """All profiles, and which one is used when none is named."""

    profile: str = DEFAULT_PROFILE
    profiles: Mapping[str, Profile] = field(default_factory=dict)

    def get(self, name: str) -> Profile:
        return self.profiles.get(name, Profile())

    def replace(self, name: str, profile: Profile) -> Config:
        return Config(self.profile, {**self.profiles, name: profile})


def default_path(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Where the file lies on this system."""
    named = environ.get("HELIO_CONFIG")
    if named:
        return Path(named)
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or Path.home())
    if platform == "win32":
        folder = Path(environ.get("APPDATA") or home / "AppData" / "Roaming")
    elif platform == "darwin":
        folder = home / "Library" / "Application Support"
    else:
        folder = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return folder / "heliostat" / "config.toml"


class ConfigFile:
    """The file at ``path``; it need not exist."""

    def __init__(
        self,
        path: Path,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = path
        self._monotonic_s = monotonic_s
        self._sleep = sleep

    def read(self) -> Config:
        """What is in it; raises ``InvalidSetting`` naming what is wrong."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return Config()
        except (OSError, UnicodeDecodeError) as error:
            raise _broken(self.path, str(error)) from error
        try:
            return _parsed(tomllib.loads(text))
        except (tomllib.TOMLDecodeError, TypeError, ValueError) as error:
            raise _broken(self.path, str(error)) from error

    def change(self, change: Callable[[Config], Config]) -> Config:
        """Read, change and write as one step."""
        with self.exclusive():
            changed = change(self.read())
            self.write(changed)
        return changed

    def write(self, config: Config) -> None:
        try:
            atomic_write(self.path, _rendered(config).encode(), mode=_PRIVATE)
        except OSError as error:
            raise _broken(self.path, f"it can't be written: {error}") from error

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock file; one left behind by a process that died is taken over."""
        lock = self.path.with_name(f"{self.path.name}.lock")
        self._take(lock)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)

    def _take(self, lock: Path) -> None:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _broken(self.path, str(error)) from error
        deadline = self._monotonic_s() + LOCK_WAIT_S
        while True:
            try:
                os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))
                return
            except FileExistsError:
                if self._monotonic_s() >= deadline:
                    lock.unlink(missing_ok=True)  # nobody holds it that long
            except OSError as error:
                raise _broken(self.path, str(error)) from error
            self._sleep(LOCK_POLL_S)


def _parsed(raw: dict[str, Any]) -> Config:
    unknown = raw.keys() - {"profile", "profiles"}
    if unknown:
        raise ValueError(f"unknown key {min(unknown)!r}")
    profiles = {name: _profile(name, values) for name, values in raw.get("profiles", {}).items()}
    return Config(str(raw.get("profile", DEFAULT_PROFILE)), profiles)


def _profile(name: str, values: dict[str, Any]) -> Profile:
    known = {entry.name: entry for entry in dataclasses.fields(Profile)}
    for key, value in values.items():
        if key not in known:
            raise ValueError(f"unknown key {key!r} in the profile {name!r}")
        wanted = (int, float) if key == "expires_at_s" else (str,)
        if not isinstance(value, wanted):
            raise TypeError(f"{key} in the profile {name!r} is not a {wanted[-1].__name__}")
    return Profile(**values)


def _rendered(config: Config) -> str:
    lines = [f"profile = {_quoted(config.profile)}"]
    for name, profile in sorted(config.profiles.items()):
        lines += ["", f"[profiles.{_quoted(name)}]"]
        for key, value in dataclasses.asdict(profile).items():
            if value:
                lines.append(f"{key} = {value if isinstance(value, float) else _quoted(value)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _broken(path: Path, why: str) -> HeliostatError:
    return HeliostatError(
        "InvalidSetting",
        f"The configuration {path} can't be used: {why}.",
        hint="Correct the file, or remove it and start with `helio target set URL`.",
    )
