"""A machine's side of identity: its certificates, and its place in a directory.

Runs on hosts, guests and other machines, also where nothing else of Heliostat is
installed: of ours it knows the core only, and certificates it leaves to openssl.
"""
