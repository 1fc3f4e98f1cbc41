"""A small scan as an instrument writes it, of noise, taken on the 15th of December 2021."""

import re

import numpy as np

from micrograph.simulation import nanoscope_writer


def write(path, pixels, seed=0):
    """Write a NanoScope file of pixels x pixels heights, 1 um wide; its bytes."""
    frame = nanoscope_writer.Frame(
        1000, 1000, pixels, date="04:49:10 PM Wed Dec 15 2021", line_rate_hz=1, rotation_degrees=0
    )
    heights_nm = np.random.default_rng(seed).normal(size=(pixels, pixels))
    nanoscope_writer.write(path, [nanoscope_writer.Channel("Height Sensor", "Trace", heights_nm)], frame, "0x09400202")
    return path.read_bytes()


def rewrite(path, *changes):
    """Exchange (old, new) texts of a NanoScope file's header, which must hold the old ones; the data stay in place."""
    data = path.read_bytes()
    start = int(re.search(rb"\\Data offset: (\d+)", data)[1])
    head = data[: data.index(b"\x1a")]
    for old, new in changes:
        old, new = (text.encode("latin-1") if isinstance(text, str) else text for text in (old, new))
        assert old in head, old
        head = head.replace(old, new)
    path.write_bytes((head + b"\x1a").ljust(start, b"\0") + data[start:])
    return path
