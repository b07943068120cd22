"""Repositories as ``.repo`` files and the command line describe them."""

from __future__ import annotations

import os

from heliostat.os.tdnf.errors import (
    DUPLICATE_REPOSITORY,
    METADATA_EXPIRE_INVALID,
    REPOSITORY_FILE_INVALID,
    REPOSITORY_FILE_UNREADABLE,
    REPOSITORY_FOLDER_UNREADABLE,
    REPOSITORY_NOT_FOUND,
    TdnfError,
)
from heliostat.os.tdnf.settings import ini

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from heliostat.os.tdnf.arguments import Options
    from heliostat.os.tdnf.settings.configuration import Configuration

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Repository:
    """One section of a ``.repo`` file; addresses with their variables put in.

    ``metadata_expire_s`` is ``None`` for never.
    """

    name = ""
    baseurl: tuple[str, ...] = ()
    metalink = ""
    mirrorlist = ""
    enabled = False
    gpgcheck = True
    repo_gpgcheck = False
    gpgkey: tuple[str, ...] = ()
    username = ""
    password = ""
    proxy = ""
    priority = 50
    skip_if_unavailable = False
    metadata_expire_s: int | None = 172800
    timeout = 0
    retries = 10
    minrate = 0
    throttle = 0
    sslverify = True
    sslcacert = ""
    sslclientcert = ""
    sslclientkey = ""
    skip_md_filelists = False
    skip_md_updateinfo = False
    skip_md_other = False
    excludepkgs: tuple[str, ...] = ()

    def __init__(self, id: str, configuration: Configuration) -> None:
        self.id = id
        # of --repofromdir only: packages without metadata
        self.folder = ""
        self.gpgcheck = configuration.gpgcheck
        self.sslverify = configuration.sslverify
        self.proxy = configuration.proxy

    def set(self, key: str, value: str, expand: Callable[[str], str]) -> None:
        """One key from its text.  Unknown keys are left alone."""
        if key == "metadata_expire":
            self.metadata_expire_s = seconds(value, self.id)
        else:
            ini.assign(self, key, value, self._number, expand)

    def _number(self, key: str, value: str) -> int:
        number, factor = value.strip(), 1
        if number[-1:].lower() in ("k", "m"):
            number, factor = number[:-1], 1024 if number[-1:].lower() == "k" else 1024 * 1024
        try:
            return int(number) * factor
        except ValueError:
            told = f"Repository {self.id}: {key} is a number, not {value}."
            raise TdnfError(REPOSITORY_FILE_INVALID, told) from None

    @property
    def address(self) -> str:
        """What the cache folder's name is made of: where the packages come from."""
        first = self.baseurl[0] if self.baseurl else ""
        return self.metalink or self.mirrorlist or first or self.folder

    @property
    def cache_name(self) -> str:
        """``<id>-<8 hex of the address>``: another address never reads this one's cache."""
        from binascii import crc32

        mark = crc32(self.address.encode("utf-8", "surrogateescape"))
        return f"{self.id}-{mark:08x}"


def seconds(value: str, repository: str) -> int | None:
    """``metadata_expire``: a number with ``s``, ``m``, ``h`` or ``d``, or ``never``."""
    text = value.strip().lower()
    if text in ("never", "-1"):
        return None
    factor = _UNITS_S.get(text[-1:])
    number = text[:-1] if factor else text
    if not number.isdecimal():
        told = f"Repository {repository}: metadata_expire={value} is not a time."
        raise TdnfError(METADATA_EXPIRE_INVALID, told)
    return int(number) * (factor or 1)


def read_repositories(
    configuration: Configuration,
    options: Options,
    expand: Callable[[str], str],
    *,
    root: str = "/",
) -> list[Repository]:
    """Every repository of the files and of ``--repofrompath``, switched as the options say."""
    found: dict[str, Repository] = {}
    for path in _files(configuration, options, root):
        for id, keys in ini.read(path, REPOSITORY_FILE_UNREADABLE, once=True).items():
            if id in found:
                told = f"{path}: repository {id} is in another file already."
                raise TdnfError(DUPLICATE_REPOSITORY, told)
            found[id] = _repository(id, keys, configuration, options, expand)
    for given in options.repofrompath:
        id, address = _named(given, "--repofrompath", "ADDRESS")
        if "://" not in address:
            address = _file_address(os.path.abspath(address))
        keys = {"name": id, "baseurl": address, "enabled": "1"}
        found[id] = _repository(id, keys, configuration, options, expand)
    for given in options.repofromdir:
        id, folder = _named(given, "--repofromdir", "FOLDER")
        found[id] = _repository(id, {"name": id}, configuration, options, expand)
        found[id].folder, found[id].enabled = os.path.abspath(folder), True
    switch(found.values(), options.repository_switches)
    return sorted(found.values(), key=lambda each: each.id)


def _named(given: str, option: str, what: str) -> tuple[str, str]:
    id, comma, place = given.partition(",")
    if not comma or not id or not place:
        raise TdnfError(REPOSITORY_FILE_INVALID, f"{option}={given} is not ID,{what}.")
    return id, place


def _repository(
    id: str,
    keys: dict[str, str],
    configuration: Configuration,
    options: Options,
    expand: Callable[[str], str],
) -> Repository:
    if "/" in id:
        # the cache has a folder of this name
        raise TdnfError(REPOSITORY_FILE_INVALID, f"{id} is no name of a repository.")
    repository = Repository(id, configuration)
    for key, value in keys.items():
        repository.set(key, value, expand)
    for each in options.setopt:
        key, _, value = each.partition("=")
        owner, dot, own = key.rpartition(".")
        if dot and matches(id, owner):
            repository.set(own, value, expand)
    repository.name = repository.name or id
    if options.nogpgcheck:
        repository.gpgcheck = repository.repo_gpgcheck = False
    if repository.enabled and not repository.address:
        told = f"Repository {id} has neither baseurl nor metalink nor mirrorlist."
        raise TdnfError(REPOSITORY_FILE_INVALID, told)
    return repository


def _files(configuration: Configuration, options: Options, root: str) -> list[str]:
    folder = configuration.repodir
    # an install root brings its own repositories, if it has any
    within = os.path.join(root, folder.lstrip("/"))
    if root != "/" and os.path.isdir(within):
        folder = within
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".repo"))
    except OSError as error:
        if options.repofrompath or options.repofromdir:
            return []
        told = f"{folder} can't be read: {error.strerror}."
        raise TdnfError(REPOSITORY_FOLDER_UNREADABLE, told) from None
    return [os.path.join(folder, name) for name in names]


def _file_address(path: str) -> str:
    if path.isascii() and path.replace("/", "").replace("-", "").replace(".", "").isalnum():
        return f"file://{path}"
    from urllib.parse import quote

    return f"file://{quote(path)}"


def switch(repositories: Iterable[Repository], switches: Sequence[tuple[str, str]]) -> None:
    """``--enablerepo``, ``--disablerepo`` and ``--repo`` in their order."""
    among = list(repositories)
    if any(verb == "repo" for verb, _ in switches):
        for each in among:
            each.enabled = False
    for verb, pattern in switches:
        meant = [each for each in among if matches(each.id, pattern)]
        if not meant and verb != "disablerepo":
            raise TdnfError(REPOSITORY_NOT_FOUND, f"There is no repository {pattern}.")
        for each in meant:
            each.enabled = verb != "disablerepo"


def matches(id: str, pattern: str) -> bool:
    """Whether ``id`` is what ``pattern`` (a name or a glob) means."""
    if id == pattern:
        return True
    if not any(letter in pattern for letter in "*?["):
        return False
    from fnmatch import fnmatchcase

    return fnmatchcase(id, pattern)
