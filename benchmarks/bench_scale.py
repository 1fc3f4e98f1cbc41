"""Scale: does planning, reading the sheet and converting grow faster than the scans, and does a job's memory grow?

No published way to compare with: the column published_seconds holds what a tenth of the scans took, times ten; a ratio
of 1 is growth in proportion, below 1 is worse. results/benchmarks/scale.tsv has every measurement, with processor
seconds and peak memory. Sizes by parameter: python -m benchmarks scale --scans 100000 plans 10,000 and 100,000.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml

from benchmarks.bench_conversion import write_scan
from micrograph import io
from micrograph.config import validate
from micrograph.scans import sample_sheet

PROJECT = Path(__file__).parents[1]
CLASSES = [900, 950, 1000]
A_JOB = (30, 500, 1000)  # scans of one conversion job
CONVERTED, CONVERTED_A_JOB, SIDE = 900, (30, 300, 900), 64
SHEETS = {"folder": "samples.tsv", "simulated": "resources/samples.tsv"}
GOAL = "results/micrographs/samples.tsv"
LEAST = 200  # the smaller of the two sizes is a tenth, which must be enough for three folds of the rarest class
LINKS = 10_000  # of one file: file systems have a limit
MEASURED = ["step", "scans", "scans_a_job", "seconds", "processor_seconds", "peak_mb", "job_peak_mb"]


def run(pairs=3, scans=20_000):
    """Rows of {step, published_seconds, ours_seconds, ratio, pairs, device}: medians over `pairs` runs of each size.

    scans: the larger size, LEAST at least; the smaller is a tenth. Writes results/benchmarks/scale.tsv. Ends
    with a sentence where scans are too few. Raises AssertionError where a run of Snakemake fails, with what it printed.
    """
    if scans < LEAST:
        raise SystemExit(f"--scans {scans}: a tenth of these is too small a study; give {LEAST} or more.")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        measured = [
            *(row for size in (scans // 10, scans) for row in planned(folder / str(size), size, pairs)),
            *converted(folder / "converted"),
        ]
    table = pd.DataFrame(measured, columns=MEASURED)
    io.write_table("results/benchmarks/scale.tsv", table, significant=4)
    print(table.to_string(index=False, float_format="%.4g"))
    return compared(table, scans, pairs)


def compared(table, scans, pairs):
    """The larger size of every step against ten times the smaller."""
    rows = []
    for (step, a_job), parts in table.groupby(["step", "scans_a_job"], sort=False, dropna=False):
        seconds = parts.groupby("scans")["seconds"].first()
        if scans in seconds.index and len(seconds) == 2:
            linear, own = 10 * seconds[scans // 10], seconds[scans]
            name = f"{step}, {scans} scans" + (f", {a_job:.0f} a job" if a_job else "")
            rows.append({"step": name, "published_seconds": linear, "ours_seconds": own, "ratio": linear / own})
    return [row | {"pairs": pairs, "device": f"CPU, {os.cpu_count()} processors"} for row in rows]


def planned(folder, scans, pairs):
    """Reading the sheet, and `snakemake -n` up to the table of samples, for scans of one's own and simulated ones."""
    own_scans(folder / "folder", scans)
    yield {"step": "read and check the sheet", "scans": scans, "scans_a_job": 0, **middle(pairs, sheet_read, folder)}
    for a_job in A_JOB:
        for source in SHEETS:
            settings(folder / source, source, scans, a_job)
            taken = middle(pairs, snakemake, folder / source, "--dry-run")
            yield {"step": f"plan, source {source}", "scans": scans, "scans_a_job": a_job, **taken}


def converted(folder):
    """The real workflow on small scans of one's own: the peak memory of any conversion job must not grow with them."""
    for a_job in CONVERTED_A_JOB:
        study = folder / str(a_job)
        own_scans(study, CONVERTED, distinct=True)
        settings(study, "folder", CONVERTED, a_job)
        taken = snakemake(study, "--cores", str(os.cpu_count()))
        logs = [
            path for rule in ("level_scans", "render_micrographs") for path in (study / "logs" / rule).glob("*.tsv")
        ]
        peaks = [float(io.read_table(path)["max_rss"].max()) for path in logs]
        step = f"convert, {SIDE} x {SIDE} pixels"
        yield {"step": step, "scans": CONVERTED, "scans_a_job": a_job, **taken, "job_peak_mb": max(peaks)}


def own_scans(folder, scans, distinct=False):
    """A sheet of so many rows, and the files it names, a hundred per folder: links to a few, or distinct files."""
    folder.mkdir(parents=True)
    rows = []
    for number in range(scans):
        path = folder / f"raw/day{number // 100:05d}/film{number:06d}.spm"
        path.parent.mkdir(parents=True, exist_ok=True)
        if distinct or number % LINKS == 0:
            write_scan(first := path, SIDE, seed=number)
        else:
            os.link(first, path)
        cells = (path.stem, str(CLASSES[number % 3]), str(path.relative_to(folder)), path.parent.name)
        rows.append("\t".join(cells))
    io.write_text(folder / "samples.tsv", "\n".join(["sample\tgrowth_celsius\tscan\tbatch", *rows]) + "\n")


def settings(folder, source, scans, a_job):
    """The embedded study's config.yaml with this source and these sizes."""
    config = validate(yaml.safe_load((PROJECT / "config.yaml").read_text(encoding="utf-8")))
    config["scans"] |= {"source": source, "sheet": SHEETS[source], "scans_per_shard": a_job}
    days = min(config["simulation"]["days"], scans)
    rarest = min(math.ceil(scans * share) for share in config["simulation"]["shares"].values())
    config["simulation"] |= {"samples": scans, "days": days}
    config["splits"]["folds"] = min(config["splits"]["folds"], days, rarest)  # plays no part up to the table of samples
    io.write_text(folder / "config.yaml", json.dumps(config))


def sheet_read(folder):
    """Seconds and processor seconds of reading a sheet and looking for the files that it names."""
    before, began, spent = Path.cwd(), time.perf_counter(), time.process_time()
    os.chdir(folder / "folder")
    try:
        sample_sheet.read("samples.tsv", CLASSES)
    finally:
        os.chdir(before)
    return {"seconds": time.perf_counter() - began, "processor_seconds": time.process_time() - spent}


def snakemake(folder, *arguments):
    """Seconds, processor seconds and peak MB of Snakemake's own process up to the table of samples."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(PROJECT / "Snakefile"), "--directory", str(folder)]
    options = ["--scheduler", "greedy", "--quiet", "all", *arguments, "--", GOAL]
    with open(folder / "printed.txt", "w", encoding="utf-8") as printed:
        began = time.perf_counter()
        process = subprocess.Popen([*command, *options], stdout=printed, stderr=subprocess.STDOUT, cwd=folder)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (folder / "printed.txt").read_text(encoding="utf-8")[-2000:]
    peak_mb = used.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)
    return {"seconds": seconds, "processor_seconds": used.ru_utime + used.ru_stime, "peak_mb": peak_mb}


def middle(pairs, measure, *arguments):
    """The medians of what `measure` returns, over so many runs."""
    taken = [measure(*arguments) for _ in range(pairs)]
    return {name: statistics.median(one[name] for one in taken) for name in taken[0]}
