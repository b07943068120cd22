"""What is to be fetched, and how: values that ``fetch`` carries out."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from heliostat.os.tdnf.settings.configuration import Configuration
    from heliostat.os.tdnf.settings.repository import Repository


class Wire:
    """How a repository is reached: proxy, credentials, certificates, limits, patience."""

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


class Download:
    """One file: ``location`` below any of ``mirrors``, to ``target``.

    ``size`` bytes are expected (``None``: unknown; ``limit`` then bounds it).  ``verify``
    gets the path of the finished file and raises ``TdnfError`` if it isn't what it should
    be; the next mirror is asked then.
    """

    __slots__ = ("label", "limit", "location", "mirrors", "size", "target", "verify", "wire")

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
        verify: Callable[[str], None] | None = None,
    ) -> None:
        self.wire = wire
        self.mirrors = tuple(mirrors)
        self.location = location
        self.target = target
        self.label = label or location.rpartition("/")[2]
        self.size = size
        self.limit = limit
        self.verify = verify

    def addresses(self) -> list[str]:
        """Where the file may be had, best first."""
        if "://" in self.location:
            return [self.location]
        return [f"{each.rstrip('/')}/{self.location}" for each in self.mirrors]
