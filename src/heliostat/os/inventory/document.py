"""Bills of materials as files: one form of the JSON, so that equal systems give equal bytes."""

from __future__ import annotations

import json

from heliostat.os.inventory.bill import bill_of
from heliostat.os.inventory.cyclonedx import cyclonedx
from heliostat.os.inventory.spdx import spdx
from heliostat.os.inventory.system import System

FORMS = {"spdx": spdx, "cyclonedx": cyclonedx}


def document(system: System, form: str, created: int | None = None) -> bytes:
    """The bill of ``system``; ``form`` is one of ``FORMS``, ``created`` as in ``bill_of``.

    What a package says in no text that can be read has question marks in its place.
    """
    told = FORMS[form](bill_of(system, created))
    return (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode(errors="replace")
