"""Signed repositories: metadata, atomic publishing, snapshots, advisories, curation.

A repository is a folder that any web server can offer and that yum's relatives
read.  Its states are *generations*: immutable, numbered, signed.  Publishing makes
the next one and moves one symbolic link to it; going back moves the link back.
"""
