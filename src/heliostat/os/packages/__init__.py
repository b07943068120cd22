"""Packages: the RPM format, and what makes packages (archives, own folders, builds)."""
