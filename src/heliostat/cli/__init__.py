"""The ``helio`` command: ``helio NOUN VERB``, over :mod:`heliostat.client`.

Imports are lazy: ``helio --help`` reads a table (:mod:`~heliostat.cli.catalogue`)
and loads no noun.  Results go to standard output, everything else to standard
error, and the exit code says how it went (:mod:`~heliostat.cli.failures`).
"""
