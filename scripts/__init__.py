"""Commands for operators, from the checkout, where the functions' package is not installed."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "layers/notebook_archive"))
