"""Curation: what the sources have newer, through the gates, into ``updates``.

::

    supplies (archive, rebuilds) ─ offers ─▶ rules ─▶ bring ─▶ gates ─▶ promote + advisory
                                                └─ held, with the reason ─┘

Deciding is pure; ``curation`` does what was decided and tells both.  Running it twice
promotes nothing twice, and an interrupted run is finished by the next.
"""
