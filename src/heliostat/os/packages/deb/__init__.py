"""Debian packages turned into RPMs: a pure function of the package and the policy.

Maintainer scripts never run and are never carried over.  What debhelper generated is
understood (``scripts``); what somebody wrote by hand must be named in the policy with the
reason why it isn't needed, or the package is refused.
"""
