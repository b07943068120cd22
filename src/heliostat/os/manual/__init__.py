"""tdnf's man pages, completions and reference page, written from the tables tdnf itself has."""
