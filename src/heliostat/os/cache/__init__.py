"""The cache of the operating system's side: what lies in it, and how it stays bounded.

Everything in ``HELIO_CACHE/os`` can be made again.  ``kinds`` is the table of its folders;
``item`` decides what goes; ``bound`` sees to it after each build.
"""
