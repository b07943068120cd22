"""``python -m heliostat.cli`` is ``helio``: what ``helio vm ssh`` gives to ssh as its proxy."""

from heliostat.cli.main import main

main()
