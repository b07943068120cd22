"""Known vulnerabilities, without a network: what is known, and what of it is installed.

Knowledge comes from files the user has (feeds, tracker snapshots, packages' changelogs)
and is kept in one SQLite file (:mod:`.knowledge`); matching is a pure function of
packages and statements (:mod:`.matching`).
"""
