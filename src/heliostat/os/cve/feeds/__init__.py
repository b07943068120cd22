"""Importers of knowledge: each turns one published format into facts.

A feed is known by its content, not by its name (:mod:`.detection`).  Readers are
generators over bytes in memory: they do no I/O and raise ``KnowledgeUnreadable``.
"""
