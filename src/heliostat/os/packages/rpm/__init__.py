"""The RPM package format: packages as data, written, read, signed and verified.

::

    Package (File, Relation, Script, FileTrigger) ── write ──▶ .rpm ── read ──▶ Header
                                        Signer ── sign ──▶  │  ◀── verify ── Keyring
"""
