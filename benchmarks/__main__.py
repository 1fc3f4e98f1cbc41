"""Run every benchmark, or those named; write results/benchmarks/benchmarks.tsv.

    python -m benchmarks [conversion] [features] [training] [grids] [mlp] [occlusion] [scale]
        [--pairs N] [--scans N]

One row per step: medians of alternating pairs, and their ratio. Absolute times hold for this machine only.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path

from micrograph import io

BENCHMARKS = ("conversion", "features", "training", "grids", "mlp", "occlusion", "scale")
COLUMNS = ["step", "published_seconds", "ours_seconds", "ratio", "pairs", "device"]


def main():
    """Parse the command line, run, print and write."""
    parser = argparse.ArgumentParser(description="Our implementation against the published one, as ratios in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--pairs", type=int, default=None, help="alternating pairs of each step (default: its own)")
    parser.add_argument("--scans", type=int, default=None, help="scale alone: how many scans are planned")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark '{unknown.pop()}'; there are: {', '.join(BENCHMARKS)}")
    sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))
    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))
    import pandas as pd

    rows = []
    for name in options.names or BENCHMARKS:
        module = importlib.import_module(f"benchmarks.bench_{name}")
        sizes = {"pairs": options.pairs, "scans": options.scans if name == "scale" else None}
        rows += module.run(**{name: size for name, size in sizes.items() if size})
        table = pd.DataFrame(rows)[COLUMNS]
        io.write_table("results/benchmarks/benchmarks.tsv", table, significant=4)
    print(table.to_string(index=False, float_format="%.4g"))


main()
