"""One line that tells how far the downloads are; drawn only where somebody watches."""

from __future__ import annotations

from time import monotonic

from heliostat.os.tdnf.output import size_told

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from heliostat.os.tdnf.errors import TdnfError
    from heliostat.os.tdnf.output import Output
    from heliostat.os.tdnf.transfer.download import Download

_EVERY_S = 0.1
_BAR = 20


class Bar:
    """A ``Progress`` for ``fetch``: files, share, bar, bytes, rate and the newest name."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._watched = out.interactive
        self._have: dict[Download, int] = {}
        self._sum = self._whole = 0
        self._count = self._done = 0
        self._began_s = self._drawn_s = 0.0
        self._fetched = 0

    def begun(self, downloads: Sequence[Download]) -> None:
        """These are to come."""
        self._have, self._sum = {}, 0
        self._count, self._done, self._fetched = len(downloads), 0, 0
        sizes = [each.size for each in downloads]
        self._whole = 0 if None in sizes else sum(each or 0 for each in sizes)
        self._began_s = monotonic()

    def advanced(self, download: Download, now: int) -> None:
        """``now`` bytes of it are here."""
        if not self._watched:
            return
        before = self._have.get(download)
        # what was there from an earlier run has not come over the wire
        self._fetched += max(0, now - before) if before is not None else 0
        self._sum += now - (before or 0)
        self._have[download] = now
        if monotonic() - self._drawn_s >= _EVERY_S:
            self._draw(download.label)

    def finished(self, download: Download) -> None:
        """It is whole."""
        self._done += 1
        if self._watched:
            self._draw(download.label)

    def troubled(self, address: str, error: TdnfError, further: str) -> None:
        """An address has failed, and it goes on elsewhere or later."""
        why = error.sentence.removeprefix(f"{address} ").rstrip(".")
        self._out.remark(f"Warning: failed to download {address}: {why}, {further}")

    def ended(self) -> None:
        """The line goes away."""
        self._out.status("")

    def _draw(self, label: str) -> None:
        now = self._drawn_s = monotonic()
        have = self._sum
        share = min(1.0, have / self._whole) if self._whole else self._done / self._count
        filled = int(share * _BAR)
        bar = "=" * filled + ">" * (filled < _BAR) + " " * (_BAR - filled - 1)
        rate = self._fetched / max(now - self._began_s, 0.001)
        self._out.status(
            f"({self._done}/{self._count}) {share:4.0%} [{bar}] {size_told(have):>8}"
            f" {size_told(int(rate)):>8}/s  {label}"
        )
