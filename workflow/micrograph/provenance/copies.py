"""A copy of a study in which its results are made again, so that nothing done there reaches the study itself."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import yaml

from micrograph import config
from micrograph.errors import UserError
from micrograph.provenance import circumstances, hashes, record

SPARE_BYTES = 200e6  # room that the jobs may need beside the copy
FETCHED = ("zenodo", "list")  # sources whose sheet is an output of the workflow
LEFT_OUT = "resources/excluded.tsv"


def of_study(study, place, written):
    """Bring what a run in `place` needs: results and Snakemake's notes copied, inputs linked, settings as recorded.

    written: the study's record. Raises UserError where the disk is too small.
    """
    _check_room(study, place)
    for part, way in (("results", shutil.copy2), (".snakemake/metadata", shutil.copy2), ("resources", _link)):
        if (study / part).is_dir():
            shutil.copytree(study / part, place / part, copy_function=way, ignore_dangling_symlinks=True)
    for folder, _, _ in os.walk(place):
        os.chmod(folder, 0o700)
    for name in written["inputs"]:
        if not Path(name).is_absolute() and (study / name).exists() and not (place / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            _link(study / name, place / name)
    for name in sheets_made(written["runs"][-1]["config"]):
        if (study / name).is_file():
            (place / name).unlink(missing_ok=True)  # its time will change: no link to the study's own
            shutil.copy2(study / name, place / name)
    _write_settings(study, place, written["runs"][-1]["config"])


def sheets_made(settings):
    """The sheet and the list beside it, where the workflow itself makes them: of scans that it fetches."""
    scans = settings.get("scans", {})
    inside = not Path(scans.get("sheet", "")).is_absolute()
    return [scans["sheet"], LEFT_OUT] if scans.get("source") in FETCHED and inside else []


def room_for(place, inputs):
    """A new folder in `place`, so deep that inputs named by ../ come to lie in `place` as well."""
    depth = max((Path(os.path.normpath(name)).parts.count("..") for name in inputs), default=0)
    folder = place.joinpath(*["above"] * depth, "study")
    folder.mkdir(parents=True)
    return folder


def _link(source, target):
    """A second name for a file, or a copy where the disk is another. For files that no job run here writes to."""
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copy2(source, target)


def _check_room(study, place):
    same_disk = os.stat(study).st_dev == os.stat(place).st_dev
    parts = ["results"] if same_disk else ["results", "resources"]
    needed = SPARE_BYTES + sum((study / name).stat().st_size for part in parts for name in hashes.walk(study, part))
    free = shutil.disk_usage(place).free
    if free < needed:
        raise UserError(
            f"{tempfile.gettempdir()}: a copy of the results needs {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are "
            "free; name a folder with more room: TMPDIR=FOLDER make verify"
        )


def _write_settings(study, place, settings):
    """The recorded settings as config.yaml, unless the study's own file, with the defaults, says the same."""
    (place / "config.yaml").unlink(missing_ok=True)  # it may be linked: never written into
    try:
        text = (study / "config.yaml").read_text(encoding="utf-8")
        own = yaml.safe_load(text)
        with suppress(UserError):
            own = config.validate(own)
        same = circumstances.masked(own) == settings
    except (OSError, ValueError, yaml.YAMLError):
        same = False
    recorded = yaml.safe_dump(_numbered(settings), sort_keys=False, allow_unicode=True)
    (place / "config.yaml").write_text(text if same else recorded, encoding="utf-8")


def _numbered(settings):
    """Settings read from JSON with keys that are whole numbers as numbers again, as YAML had them."""
    if isinstance(settings, dict):
        return {int(name) if name.isdecimal() else name: _numbered(value) for name, value in settings.items()}
    return [_numbered(value) for value in settings] if isinstance(settings, list) else settings


def remove(path):
    """Remove a file or folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def changed(study, place):
    """Names of results that `place` lacks, has besides, or has with another time or size than the study."""
    ours, theirs = (_stamps(folder) for folder in (study, place))
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def _stamps(folder):
    stamps = {}
    for name in hashes.walk(folder, "results", record.OURS):
        facts = (folder / name).stat()
        stamps[name] = (facts.st_size, facts.st_mtime_ns)
    return stamps


def restore(study, place):
    """Put the study's own results back, so that what comes next starts from them."""
    for name in changed(study, place):
        (place / name).unlink(missing_ok=True)
        if (study / name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(study / name, place / name)
