"""A plan: what a change would do, as a value that is shown, kept and carried out.

``Step`` and ``Plan`` hold no libsolv objects, so that a plan can be written to the
journal, compared with the database after a crash, and made from history.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

INSTALL = "Install"
UPGRADE = "Upgrade"
DOWNGRADE = "Downgrade"
REINSTALL = "Reinstall"
REMOVE = "Remove"
OBSOLETE = "Obsolete"
# in the order in which they are shown; the names are the keys of the JSON
KINDS = (INSTALL, UPGRADE, DOWNGRADE, REMOVE, REINSTALL, OBSOLETE)
BRINGING = (INSTALL, UPGRADE, DOWNGRADE, REINSTALL)


class Step:
    """One package that comes or goes.

    ``evr`` is ``[epoch:]version-release``; ``replaces`` are the NEVRAs that go because
    this one comes; ``why`` says who wanted it; ``checksum`` is ``sha256:<hex>`` or empty.
    """

    __slots__ = (
        "arch",
        "checksum",
        "download_bytes",
        "evr",
        "installed_bytes",
        "kind",
        "location",
        "name",
        "replaces",
        "repo",
        "why",
    )

    def __init__(
        self,
        kind: str,
        name: str,
        evr: str,
        arch: str,
        *,
        repo: str = "",
        location: str = "",
        checksum: str = "",
        download_bytes: int = 0,
        installed_bytes: int = 0,
        replaces: Sequence[str] = (),
        why: str = "",
    ) -> None:
        self.kind = kind
        self.name = name
        self.evr = evr
        self.arch = arch
        self.repo = repo
        self.location = location
        self.checksum = checksum
        self.download_bytes = download_bytes
        self.installed_bytes = installed_bytes
        self.replaces = tuple(replaces)
        self.why = why

    @property
    def nevra(self) -> str:
        """``name-[epoch:]version-release.arch``."""
        return f"{self.name}-{self.evr}.{self.arch}"

    @property
    def brings(self) -> bool:
        """Whether a file of a package is needed."""
        return self.kind in BRINGING

    def as_json(self) -> dict[str, object]:
        """The keys that the contract gives a step."""
        return {
            "Name": self.name,
            "Arch": self.arch,
            "Evr": self.evr,
            "InstallSize": self.installed_bytes,
            "Repo": self.repo,
        }


class Plan:
    """Steps in the order of names; what was asked for and is there already, or nowhere.

    ``wanted`` are the names that a person asked for: they count as installed by hand.
    ``staying`` are sentences about what was asked to move and can't.
    ``marks`` say of names whether they count as come for others (history knows).
    """

    def __init__(
        self,
        steps: Iterable[Step],
        *,
        wanted: Iterable[str] = (),
        existing: Iterable[str] = (),
        missing: Iterable[str] = (),
        left_out: Iterable[str] = (),
        staying: Iterable[str] = (),
    ) -> None:
        self.steps = tuple(sorted(steps, key=lambda each: (each.name, each.evr, each.arch)))
        self.wanted = frozenset(wanted)
        self.existing = tuple(existing)
        self.missing = tuple(missing)
        self.left_out = tuple(left_out)
        self.staying = tuple(staying)
        self.marks: dict[str, bool] = {}

    def __bool__(self) -> bool:
        return bool(self.steps)

    def of(self, kind: str) -> list[Step]:
        """Steps of one kind."""
        return [each for each in self.steps if each.kind == kind]

    @property
    def bringing(self) -> list[Step]:
        """Steps for which a package's file is needed."""
        return [each for each in self.steps if each.brings]

    @property
    def going(self) -> list[Step]:
        """Packages that are gone afterwards."""
        return [each for each in self.steps if not each.brings]

    @property
    def download_bytes(self) -> int:
        """What has to be fetched at most."""
        return sum(each.download_bytes for each in self.bringing)

    def as_json(self) -> dict[str, object]:
        """Only the kinds that there are; ``{}`` for nothing to do."""
        return {kind: [each.as_json() for each in self.of(kind)] for kind in KINDS if self.of(kind)}
