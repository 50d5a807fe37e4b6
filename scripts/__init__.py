"""Commands for operators. They run from the checkout, where the package `notebook_archive` is not installed."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "layers/notebook_archive"))
