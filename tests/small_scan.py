"""A small scan as an instrument writes it, of noise, taken on the 15th of December 2021."""

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
