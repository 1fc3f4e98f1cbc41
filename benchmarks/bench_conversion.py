"""Raw scan to micrograph: the published way against ours, pixel by pixel the same picture."""

import tempfile
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import published
from micrograph.scans import levelling, nanoscope, rendering
from micrograph.simulation.nanoscope_writer import Channel, Frame, write

SIZES = (256, 512)


def run(pairs=15):
    """Time both ways in turn: a dict of step, seconds of each (medians), ratio, pairs and device for every size.

    Both ways have one thread, as a conversion job has. Raises AssertionError where one 8-bit pixel differs.
    """
    device = "CPU, 1 thread"
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        return [_step(Path(folder), size, pairs, device) for size in SIZES]


def ours(path):
    """Our (224, 224) uint8 micrograph of one NanoScope file, top line first."""
    scan = nanoscope.read(path)
    level_nm = levelling.level(scan.height_nm, "published", overwrite=True)
    return rendering.render(level_nm, width_nm=scan.width_nm, tall_nm=scan.tall_nm)[0]


def differing_pixels(path, channel="Height Sensor"):
    """How many 8-bit pixels of the two ways differ. pySPM's rows are upside down against Gwyddion's and ours."""
    return int((published.micrograph(str(path), channel)[::-1] != ours(path)).sum())


def write_scan(path, size, seed=1):
    """Write a rough, tilted and bowed `size` x `size` film with line offsets and scars as a 32-bit NanoScope file."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : complex(size), 0 : 1 : complex(size)]
    height_nm = rng.normal(size=(size, size)).cumsum(axis=0).cumsum(axis=1) * 2.0 / size
    height_nm += 40 * x - 25 * y + 8 * x**2 + rng.normal(0, 0.3, (size, 1)) + rng.normal(0, 0.05, (size, size))
    for line in rng.integers(1, size - 1, size // 16):
        height_nm[line, rng.integers(size) :] += 3.0
    frame = Frame(width_nm=1000.0, tall_nm=1000.0, planned_lines=size)
    write(path, [Channel("Height Sensor", way, height_nm) for way in ("Trace", "Retrace")], frame)


def _step(folder, size, pairs, device):
    path = folder / f"film{size}.spm"
    write_scan(path, size)
    differing = differing_pixels(path)
    assert differing == 0, f"{differing} pixels differ at {size} x {size}"
    seconds = np.array([[_seconds(published.micrograph, str(path)), _seconds(ours, path)] for _ in range(pairs)])
    theirs, own = np.median(seconds, axis=0)
    step = f"raw scan to micrograph, {size} x {size}"
    return {
        "step": step,
        "published_seconds": theirs,
        "ours_seconds": own,
        "ratio": theirs / own,
        "pairs": pairs,
        "device": device,
    }


def _seconds(way, path):
    began = time.perf_counter()
    way(path)
    return time.perf_counter() - began
