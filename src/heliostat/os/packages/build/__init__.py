"""Packages made from source: in a sandbox, from pinned inputs, with a record of both.

::

    Debian source ─ debian ─┐
    RPM spec ────── spec ───┼─▶ Recipe ─ build (sandbox in a root) ─▶ Built ─▶ RPMs, signed
    kernel ──────── kernel ─┘        identity = hash of inputs        provenance

``rebuilds`` says by name which of the archive's packages are built anew and how.
"""
