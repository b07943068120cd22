"""Where packages come from: Debian archives and RPM-MD repositories.

``host`` reads which Debian archive the build host's apt knows, ``archive`` turns that
into the archive of any suite, ``suite`` holds its verified index, ``download`` gets
packages of it.  Everything past this part and ``packages.deb`` sees only RPMs.
"""
