"""Run every benchmark, or those named; write results/benchmarks/benchmarks.tsv.

    python -m benchmarks [conversion] [features] [training] [grids] [mlp] [occlusion] [scale]
        [--pairs N] [--scans N]
    python -m benchmarks realism --pictures FOLDER [--out FOLDER] [--films N] [--draws N]
        [--half look_at|held_out] [--resampling area|nearest]

One row per step: medians of alternating pairs, and their ratio. Absolute times hold for this machine only. realism
compares simulated with real micrographs and needs a folder of these; without one it is left out.
"""

import argparse
import importlib
import os
import sys
from pathlib import Path

from micrograph import io

BENCHMARKS = ("conversion", "features", "training", "grids", "mlp", "occlusion", "scale", "realism")
COLUMNS = ["step", "published_seconds", "ours_seconds", "ratio", "pairs", "device"]


def main():
    """Parse the command line, run, print and write."""
    parser = argparse.ArgumentParser(description="Our implementation against the published one, as ratios in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--pairs", type=int, default=None, help="alternating pairs of each step (default: its own)")
    parser.add_argument("--scans", type=int, default=None, help="scale alone: how many scans are planned")
    parser.add_argument("--pictures", help="realism alone: the folder of real micrographs, with a samples.tsv")
    parser.add_argument("--out", help="realism alone: folder of its tables and its picture")
    parser.add_argument("--films", type=int, help="realism alone: how many films are simulated")
    parser.add_argument("--resampling", help="realism alone: of simulated micrographs, area (default) or nearest")
    parser.add_argument("--draws", type=int, help="realism alone: draws of simulated days")
    parser.add_argument("--half", help="realism alone: only the real films look_at or held_out")
    options = parser.parse_args()
    unknown = set(options.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark '{unknown.pop()}'; there are: {', '.join(BENCHMARKS)}")
    if "realism" in options.names and not options.pictures:
        parser.error("realism needs --pictures FOLDER.")
    sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))
    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))
    import pandas as pd

    own = {"scale": ("pairs", "scans"), "realism": ("pictures", "out", "films", "draws", "half", "resampling")}
    names = options.names or [name for name in BENCHMARKS if name != "realism" or options.pictures]
    rows = []
    for name in names:
        module = importlib.import_module(f"benchmarks.bench_{name}")
        given = {key: getattr(options, key) for key in own.get(name, ("pairs",))}
        rows += module.run(**{key: value for key, value in given.items() if value})
        if rows:
            table = pd.DataFrame(rows)[COLUMNS]
            io.write_table("results/benchmarks/benchmarks.tsv", table, significant=4)
    if rows:
        print(table.to_string(index=False, float_format="%.4g"))


main()
