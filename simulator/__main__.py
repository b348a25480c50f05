"""`python -m simulator` is `betrontech-sim`."""

import sys

from simulator.cli import main

sys.exit(main())
