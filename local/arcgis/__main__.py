"""Run the local ArcGIS as a process until SIGTERM or SIGINT: `python -m local.arcgis --write-ready FILE`."""

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from local.arcgis.control import describe
from local.arcgis.seed import Seed
from local.arcgis.server import LocalArcGIS


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.arcgis", description=__doc__)
    parser.add_argument(
        "--write-ready",
        type=Path,
        metavar="FILE",
        help="write URLs and users as JSON to this file when everything is ready",
    )
    parser.add_argument("--notebooks", type=Path, metavar="DIR", help="serve one snapshot for each *.ipynb in DIR")
    parser.add_argument("--many", type=int, metavar="N", help="serve N generated notebooks, for load tests")
    parser.add_argument(
        "--snapshots", type=int, default=1, metavar="N", help="with --many: number of snapshots per notebook"
    )
    parser.add_argument(
        "--size", type=int, default=20_000, metavar="BYTES", help="with --many: size of each snapshot in bytes"
    )
    parser.add_argument("--port-base", type=int, metavar="PORT", help="first of five ports (default: free ports)")
    return parser.parse_args()


def _make_seed(arguments: argparse.Namespace) -> Seed:
    if arguments.notebooks:
        return Seed.folder(arguments.notebooks)
    if arguments.many is not None:
        return Seed.many(arguments.many, arguments.snapshots, arguments.size)
    return Seed.samples()


def main() -> int:
    """Run until a signal arrives, then return 0."""
    arguments = _parse_arguments()
    # Threads inherit this mask, so only `sigwait` below receives the signals.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with LocalArcGIS(_make_seed(arguments), port_base=arguments.port_base) as arcgis:
        ready: dict[str, Any] = {"caBundle": str(arcgis.ca_bundle)}
        ready |= {deployment.kind: describe(deployment) for deployment in arcgis.deployments}
        text = json.dumps(ready, indent=2)
        if arguments.write_ready:
            # The file gets its name when it is complete, so no reader finds an incomplete file.
            partial = arguments.write_ready.with_suffix(".partial")
            partial.write_text(text)
            partial.rename(arguments.write_ready)
        else:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        signal.sigwait(signals)
    return 0


if __name__ == "__main__":
    sys.exit(main())
