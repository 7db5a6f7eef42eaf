"""`python -m benchmark.cost [STORE ...]`: write the table of costs from the committed records."""

import sys
from pathlib import Path

from benchmark.cost.reference import write
from benchmark.errors import HeadwaterError
from benchmark.registry import load_shipped

if __name__ == "__main__":
    load_shipped()
    try:
        print(write([Path(name) for name in sys.argv[1:] or ["results"]]))
    except HeadwaterError as error:
        sys.exit(f"headwater: {error}")
