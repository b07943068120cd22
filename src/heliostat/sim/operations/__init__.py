"""What operators ask for, a noun a file; :mod:`catalogue` has all of it."""
