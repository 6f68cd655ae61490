"""`python -m remanence`: the command `rmem` under another name."""

import sys

from remanence.serve.cli import main

if __name__ == "__main__":
    sys.exit(main())
