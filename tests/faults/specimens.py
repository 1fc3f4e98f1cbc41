"""Sound files of every kind, to be damaged: what the simulator writes, pictures, .gwy, and another instrument's."""

import re
from pathlib import Path

import numpy as np
import tifffile
from gwyfile.objects import GwyContainer, GwyDataField
from PIL import Image

from micrograph.scans.height_map import HeightMap, write_gwy
from micrograph.simulation import nanoscope_writer, simulate

# The sizes of simulate.SIZES at a quarter of their pixels, and one scan stopped early.
SIZES = {
    "square": (64, 64, 64, 1.0),
    "flat": (64, 48, 48, 0.75),
    "coarse": (64, 32, 32, 1.0),
    "stopped": (64, 23, 64, 1.0),
}


def relief(lines, pixels, rng):
    """(lines, pixels) heights in nm: terraces a third of a nanometre high on a slope, with noise."""
    rows, cols = np.mgrid[0:lines, 0:pixels]
    return np.floor(rows / 9 + cols / 13) * 0.33 + 0.01 * cols + rng.normal(0, 0.05, (lines, pixels))


def write_simulated(folder, rng):
    """One NanoScope file of every version and size that the simulator knows, and two whole simulated scans."""
    for name, (pixels, lines, planned, tall) in SIZES.items():
        for wide, version in simulate.VERSIONS.items():
            frame = nanoscope_writer.Frame(1000.0, 1000.0 * tall, planned)
            trace = relief(lines, pixels, rng)
            channels = [
                nanoscope_writer.Channel("Height Sensor", "Trace", trace),
                nanoscope_writer.Channel("Height Sensor", "Retrace", trace + 0.1),
                nanoscope_writer.Channel("Peak Force Error", "Trace", rng.normal(0, 1, trace.shape)),
            ]
            nanoscope_writer.write(folder / f"{name}{32 if wide else 16}.spm", channels, frame, version)
    for day in range(2):
        row = {"sample": f"film{day}", "batch": f"MCV1-20010{day + 1}", "growth_celsius": 950, "growth_seconds": 500,
               "substrate": "c-Sapphire"}  # fmt: skip
        simulate.simulate_scan(row, 7, folder / f"film{day}.spm", folder / f"film{day}.npz", pixels=64)
        (folder / f"film{day}.npz").unlink()


def write_pictures(folder, rng):
    """PNG and TIFF files of every depth, colour and packing that is read."""
    grey = np.clip(relief(48, 64, rng) * 20, 0, 255).astype(np.uint8)
    image, colours = Image.fromarray(grey), Image.fromarray(np.dstack([grey, grey[::-1], grey]))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    for name, picture in {"grey": image, "colours": colours, "deep": deep, "palette": image.quantize(32)}.items():
        picture.save(folder / f"{name}.png")
        picture.save(folder / f"{name}.tif")
    for packing in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        image.save(folder / f"{packing}.tif", compression=packing)
    image.save(folder / "imagej.tif", tiffinfo={270: "ImageJ=1.53k\nunit=nm\n", 282: 2.0, 283: 2.0})


def write_tiff_heights(folder, rng):
    """TIFF files of heights with their unit, in every kind of number and both byte orders, and a BigTIFF of greys."""
    heights = relief(48, 64, rng)
    description = "ImageJ=1.54f\nunit=nm\nvunit=nm\n"
    for name, dtype, options in (
        *(("float", "f4", {}), ("double", "f8", {}), ("half", "f2", {"byteorder": ">"})),
        *(("signed", "i2", {"byteorder": ">"}), ("packed", "f4", {"compression": "zlib", "tile": (16, 16)})),
        ("big", "f4", {"bigtiff": True}),
    ):
        values = (heights * (1000 if dtype == "i2" else 1)).astype(dtype)
        tifffile.imwrite(folder / f"{name}.tif", values, photometric="minisblack", metadata=None, resolution=(2, 2),
                         description=description, **options)  # fmt: skip
    greys = np.clip(heights * 20, 0, 255).astype(np.uint16) * 257
    tifffile.imwrite(folder / "white.tif", greys, photometric="miniswhite", metadata=None, byteorder=">", bigtiff=True)


def write_several(path, heights):
    """A .gwy file of three channels, two of one name, the first with a mask and with lines that were not scanned."""
    container = GwyContainer(typecodes={f"/{number}/data/title": "s" for number in range(3)})
    stopped = np.where(np.arange(len(heights))[:, None] < 18, heights, np.nan)
    for number, (title, values) in enumerate((("Height", stopped), ("Height", heights[:8]), ("Phase", heights))):
        size = {"xreal": 1e-6, "yreal": len(values) / 24 * 7.5e-7, "si_unit_xy": "m"}
        unit = "m" if title == "Height" else "deg"
        container[f"/{number}/data"] = GwyDataField(values * 1e-9, si_unit_z=unit, **size)
        container[f"/{number}/data/title"] = title
    container["/0/mask"] = GwyDataField(np.eye(*heights.shape), xreal=1e-6, yreal=7.5e-7)
    container.tofile(str(path))


def write_gwyddions(folder, rng):
    """A .gwy file of one channel and one of several, and a Gwyddion simple field, which needs Gwyddion's importer."""
    heights = relief(24, 32, rng)
    write_gwy(folder / "film.gwy", HeightMap(heights, 1000.0, 750.0, "Height", "Trace", "film.spm", "0" * 64, 24))
    write_several(folder / "several.gwy", heights)
    head = b"Gwyddion Simple Field 1.0\nXRes = 32\nYRes = 24\nXReal = 1e-6\nYReal = 7.5e-7\nXYUnits = m\n"
    head += b"ZUnits = m\nTitle = Height\n"
    values = (heights * 1e-9).astype("<f4").tobytes()
    (folder / "film.gsf").write_bytes(head + b"\0" * (4 - len(head) % 4) + values)


OLD_HEAD = r"""\*File list
\Data length: 8192
\*Microscope list
\Z sensitivity: 11.4
\*Controller list
\Z max: 440
\*Afm list
\Samps/line: 32
\Lines: 24
\*AFM image list
\Data offset: 8192
\Data length: 1536
\Samps/line: 32
\Number of lines: 24
\Scan size: 1000 nm
\Line direction: Trace
\Image data: Height
\Z scale height: 5000
\*File list end
"""


def write_unusual_nanoscope(folder, rng):
    """NanoScope files of other kinds: with a lift pass and a slow axis, of versions 3 and 4.2, and one as text."""
    heights = relief(24, 32, rng)
    frame = nanoscope_writer.Frame(1000.0, 750.0, 24)
    pair = [nanoscope_writer.Channel("Height Sensor", way, heights) for way in ("Trace", "Retrace")]
    nanoscope_writer.write(folder / "lift.001", pair, frame, "0x10000106")
    whole = (folder / "lift.001").read_bytes()
    head, data = whole[: whole.index(b"\x1a")], whole[80960:]
    head = head.replace(b"Scan Line: Main", b"Scan Line: Interleave", 1)
    head = head.replace(b"Scan Size: 1000 nm", b"Scan Size: 1000 nm\r\n\\Slow Axis Size: 750 nm")
    (folder / "lift.001").write_bytes((head + b"\x1a").ljust(80960, b"\0") + data)
    numbers = b" ".join(b"%d" % number for number in np.frombuffer(data, "<i4"))
    (folder / "text.txt").write_bytes(b"?" + head[1:] + numbers + b"\r\n")
    raw = np.rint(100 * heights).astype("<i2").tobytes()
    versions = {
        "old_3.001": OLD_HEAD,
        "old_4_2.001": OLD_HEAD.replace("Z scale height: 5000", "Z scale: 47.05 nm (862)"),
    }
    for name, text in versions.items():
        head = text.replace("\n", "\r\n").encode() + b"\x1a"
        (folder / name).write_bytes(head.ljust(8192, b"\0") + raw)


def write_all(folder):
    """All of these into a folder; returns the paths by name."""
    rng = np.random.default_rng(20)
    write_simulated(folder, rng)
    write_pictures(folder, rng)
    write_tiff_heights(folder, rng)
    write_gwyddions(folder, rng)
    write_unusual_nanoscope(folder, rng)
    return {path.name: path for path in sorted(Path(folder).iterdir())}


def boundaries(data):
    """Byte places where a file's parts begin and end, and the middles between: of a NanoScope file the sections of its
    header, the header's end and every image's first and last byte; of other files the sixteenths."""
    if not data.lower().startswith((b"\\*file list", b"\\*force file list", b"\\*ec file list")):
        places = {len(data) * part // 16 for part in range(17)} | set(range(1, min(32, len(data))))
    else:
        head = data[: 1 << 17]
        places = {match.start() for match in re.finditer(rb"\\\*", head)} | {head.find(b"\x1a"), len(data)}
        images = re.findall(rb"Data offset: (\d+)\r\n\\Data length: (\d+)", head)
        places |= {int(first) for first, _ in images} | {int(first) + int(length) for first, length in images}
    ordered = sorted(place for place in places if 0 <= place <= len(data))
    middles = [(first + last) // 2 for first, last in zip(ordered, ordered[1:], strict=False)]
    around = {place + step for place in ordered for step in (-1, 0, 1)}
    return sorted(place for place in around | set(middles) if 0 <= place <= len(data))
