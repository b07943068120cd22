"""tdnf: a small yum-compatible package manager on libsolv and librpm.

Job: commands, configuration, columns, JSON and error numbers that users of the C tdnf
know, with every change planned, journalled and undoable.  It ships inside images, so it
imports nothing of ours but ``core``; and start-up is its price, so modules that a listing
needs import only ``os``, ``sys``, ``solv`` and each other.
"""

# the contract that is kept: what scripts compare is the C tdnf's number
VERSION = "3.6.0"
