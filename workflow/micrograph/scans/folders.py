"""New scans in a folder: which files there are, and whether they are still the same."""

from pathlib import Path

from micrograph.faults import Fault

HINT = "snakemake --cores 8 predict --config new_scans=FOLDER"


def scans_in(place):
    """{path: [bytes, time of the last change in ns]} of the scans at `place`, sorted by path.

    place: a folder, whose folders are searched too, or one file; hidden files and folders are passed over. What is in
    the files is looked at later, one by one. Raises Fault where no place is named, or nothing is there.
    """
    if place is None:
        raise Fault(f"new_scans names no scans to predict; say where they are: {HINT}")
    place = Path(place)
    if not place.exists():
        raise Fault(f"new_scans: there is no folder and no scan {place}; correct the path: {HINT}")
    paths = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    shown = [path for path in paths if not any(part.startswith(".") for part in path.relative_to(place).parts)]
    if not shown:
        raise Fault(f"new_scans: the folder {place} holds no files; put scans there or name another: {HINT}")
    return {str(path): [path.stat().st_size, path.stat().st_mtime_ns] for path in shown}
