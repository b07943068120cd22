"""What is to be fetched, and how: values that ``fetch`` carries out."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from heliostat.os.tdnf.session import Session
    from heliostat.os.tdnf.settings.configuration import Configuration
    from heliostat.os.tdnf.settings.repository import Repository


class Wire:
    """How a repository is reached: proxy, credentials, certificates, limits, patience.

    ``pause_s`` is the first pause before an address is asked again; each next one is twice
    as long.
    """

    pause_s = 0.5

    def __init__(
        self,
        repository: Repository,
        configuration: Configuration,
        *,
        ipv4: bool = False,
        ipv6: bool = False,
    ) -> None:
        self.username = repository.username
        self.password = repository.password
        self.proxy = repository.proxy or configuration.proxy
        self.proxy_username = configuration.proxy_username
        self.proxy_password = configuration.proxy_password
        self.sslverify = repository.sslverify
        self.sslcacert = repository.sslcacert or configuration.sslcacert
        self.sslclientcert = repository.sslclientcert or configuration.sslclientcert
        self.sslclientkey = repository.sslclientkey or configuration.sslclientkey
        self.timeout_s = repository.timeout
        self.retries = repository.retries
        self.minrate_bps = repository.minrate
        self.throttle_bps = repository.throttle
        self.ipv4 = ipv4
        self.ipv6 = ipv6

    @classmethod
    def of(cls, session: Session, repository: Repository) -> Wire:
        """As this run's options say."""
        options = session.options
        return cls(repository, session.configuration, ipv4=options.ipv4, ipv6=options.ipv6)


class Download:
    """One file: ``location`` below any of ``mirrors``, to ``target``.

    ``size`` bytes are expected (``None``: unknown; ``limit`` then bounds it) with the
    ``checksum`` (``sha256:<hex>``; empty: unknown).  ``verify`` gets the path of the
    finished file and raises ``TdnfError`` if it isn't what it should be; the next mirror is
    asked then.  ``current`` asks caches on the way not to answer from memory.

    ``source`` is the mirror that the file came from in the end.
    """

    __slots__ = (
        "checksum",
        "current",
        "label",
        "limit",
        "location",
        "mirrors",
        "size",
        "source",
        "target",
        "verify",
        "wire",
    )

    def __init__(
        self,
        wire: Wire,
        mirrors: Sequence[str],
        location: str,
        target: str,
        *,
        label: str = "",
        size: int | None = None,
        limit: int | None = None,
        checksum: str = "",
        verify: Callable[[str], None] | None = None,
        current: bool = False,
    ) -> None:
        self.wire = wire
        self.mirrors = tuple(mirrors)
        self.location = location
        self.target = target
        self.label = label or location.rpartition("/")[2]
        self.size = size
        self.limit = limit
        self.checksum = checksum
        self.verify = verify
        self.current = current
        self.source = ""

    def addresses(self) -> list[tuple[str, str]]:
        """Where the file may be had, best first: mirror and whole address."""
        if "://" in self.location:
            return [("", self.location)]
        if self.location.startswith("/"):
            return [("", "file://" + _quoted(self.location.replace("%", "%25")))]
        place = _quoted(self.location)
        return [(each, f"{each.rstrip('/')}/{place}") for each in self.mirrors]

    @property
    def part(self) -> str:
        """Where the file grows: named by its checksum, so that nothing older is gone on with."""
        mark = self.checksum.partition(":")[2][:16]
        return f"{self.target}.{mark}.part" if mark else f"{self.target}.part"


def _quoted(path: str) -> str:
    """A path as an address writes it: metadata writes it plainly."""
    if path.isascii() and not any(letter in path for letter in ' #?"<>\\[]{}|`'):
        return path
    from urllib.parse import quote

    return quote(path, safe="/~!$&'()*+,;=:@^%", errors="surrogateescape")
