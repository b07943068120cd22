"""Heliostat: an open private cloud and the minimal Linux that runs on it.

One controller steers many hosts through one REST API.  Every operation can be
planned before, explained after and undone, and says why when it waits.
"""

__version__ = "0.1.0"
