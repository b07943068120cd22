"""What a run is told by files: ``tdnf.conf``, ``.repo`` files, variables, locks."""
