"""The controller's nouns: structs stored as documents, and pure rules over them.

Nothing here does I/O; :mod:`heliostat.controller.workflows.kinds` says where
each struct is stored and by what it is indexed.
"""
