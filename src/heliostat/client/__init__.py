"""Client library: one class a platform, typed by the wire structs, no POSIX-only import.

``Client`` is the door; :mod:`~heliostat.client.credentials` says who calls,
:mod:`~heliostat.client.faults` what can go wrong.  Nothing here knows the
command line.
"""
