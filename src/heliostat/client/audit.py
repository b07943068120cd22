"""The audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from heliostat.client.calls import pages, read
from heliostat.client.transport import Transport
from heliostat.wire.audit import AuditList, AuditRecord, AuditVerification


@dataclass(frozen=True, slots=True)
class Asked:
    """Which records; empty: all.  Times in milliseconds, 0 for no bound."""

    subject: str = ""
    entity_id: str = ""
    operation: str = ""
    result: str = ""
    since_ms: int = 0
    until_ms: int = 0

    def query(self) -> dict[str, str | int]:
        return {
            "subject": self.subject,
            "entityId": self.entity_id,
            "operation": self.operation,
            "result": self.result,
            "from": self.since_ms or "",
            "to": self.until_ms or "",
        }


class Audit:
    """Records of the platform, or of one tenant."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, asked: Asked | None = None, *, tenant_id: str = "") -> Iterator[AuditRecord]:
        """The newest first; ``tenant_id`` for those who administer only that tenant."""
        query = (asked or Asked()).query()
        if tenant_id:
            return pages(
                self._transport, "listTenantAudit", tenant_id, answer=AuditList, query=query
            )
        return pages(self._transport, "listAudit", answer=AuditList, query=query)

    def verify(self) -> AuditVerification:
        """Whether every record is the one that was sealed."""
        return read(self._transport, "verifyAudit", answer=AuditVerification)
