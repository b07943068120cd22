"""The audit trail: who did what, on what, from where, and how it ended."""
