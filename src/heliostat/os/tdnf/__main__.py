"""``python -m heliostat.os.tdnf``."""

import sys

from heliostat.os.tdnf.entry import main

sys.exit(main())
