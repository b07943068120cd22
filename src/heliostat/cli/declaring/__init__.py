"""``helio apply`` and ``helio export``: a site as files, compared with what is and made so.

From files to done: :mod:`sources` (YAML with places) → :mod:`declaration` (what is
wanted) → :mod:`present` (what is) → :mod:`difference` (pure: what to do) →
:mod:`carrying` (over the public API, task by task).
"""
