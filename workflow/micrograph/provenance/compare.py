"""Two folders of results, file by file: equal to the byte, or how far apart.

    python -m micrograph.provenance.compare results other/results [--files]

prints a line a stage of the workflow, with --files also one for every file that differs. The status is 0 where all is
equal, 1 where any file differs, and 2 where there is nothing to compare.
"""

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from micrograph.errors import UserError
from micrograph.provenance import contents, hashes

# The folders of results/, in the order of the flow.
STAGES = (
    "heights", "micrographs", "splits", "policies", "features", "components", "pretraining", "networks", "models",
    "predictions", "tables", "figures", "attribution", "production", "report", "new",
)  # fmt: skip
SKIPPED = ("provenance.json", "provenance.set-aside.json")  # they tell of runs, not results

EQUAL, CLOSE, OTHER, OURS_ONLY, THEIRS_ONLY = "equal", "numbers differ", "differs", "only in A", "only in B"


@dataclass(frozen=True)
class Compared:
    """One file of two folders: its name, verdict (EQUAL, CLOSE, ...), contents.Distance (or None), and a remark."""

    name: str
    verdict: str
    distance: contents.Distance | None = None
    remark: str = ""

    @property
    def stage(self):
        """The stage of the workflow that the file belongs to; `others` for what lies in no known folder."""
        first = self.name.split("/")[0]
        return first if first in STAGES else "others"


def folders(ours, theirs):
    """[Compared] of every file in either folder, sorted by name. Raises UserError where one is no folder or has no file."""
    names = [_files(folder) for folder in (ours, theirs)]
    sums = [hashes.of_files(folder, here)[0] for folder, here in zip((ours, theirs), names, strict=True)]
    one_sided = dict.fromkeys(names[0], OURS_ONLY) | dict.fromkeys(names[1], THEIRS_ONLY)
    both = set(names[0]) & set(names[1])
    return [
        _compared(Path(ours), Path(theirs), name, *(said.get(name) for said in sums))
        if name in both
        else Compared(name, one_sided[name])
        for name in sorted(one_sided)
    ]


def _files(folder):
    """The names of a folder's files."""
    way_out = "name two folders of results: make compare A=results B=other/results"
    if not str(folder):
        raise UserError(f"a folder is not named; {way_out}")
    if not Path(folder).is_dir():
        raise UserError(f"{folder}: there is no such folder; {way_out}")
    names = hashes.walk(folder, ".", SKIPPED)
    if not names:
        raise UserError(f"{folder}: there is no file in this folder; {way_out}")
    return names


def _compared(ours, theirs, name, our_sum, their_sum):
    if our_sum is None or their_sum is None:
        where = " and ".join(side for side, said in (("A", our_sum), ("B", their_sum)) if said is None)
        return Compared(name, OTHER, None, f"cannot be read in {where}: no file, or a link to none")
    if our_sum == their_sum:
        return Compared(name, EQUAL, contents.Distance(rows=contents.predictions_in(ours / name)))
    return judge(name, ours / name, theirs / name)


def judge(name, ours, theirs):
    """Compared of two files whose bytes differ."""
    try:
        distance = contents.between(ours, theirs)
    except UserError as fault:
        return Compared(name, OTHER, None, str(fault))
    if distance is None:
        return Compared(
            name, OTHER, None, f"other bytes; {ours.suffix or 'such'} files are compared by their bytes alone"
        )
    if distance.shape or distance.texts:
        return Compared(name, OTHER, distance, distance.shape or _texts(distance.texts))
    if not distance.absolute:
        return Compared(name, CLOSE, distance, "the same numbers, written in other bytes")
    return Compared(name, CLOSE, distance)


def _texts(count):
    return "1 text differs" if count == 1 else f"{count} texts differ"


def by_stage(compared):
    """Rows of text, a heading first, one a stage: files, how many are equal, how far the others are apart."""
    rows = [("stage", "files", "equal", "numbers differ", "differ", "in one only", "relative", "classes changed")]
    for stage in [*STAGES, "others"]:
        here = [one for one in compared if one.stage == stage]
        if here:
            rows.append((stage, str(len(here)), *_summary(here)))
    return rows


def _summary(here):
    count = Counter(one.verdict for one in here)
    apart = [one.distance for one in here if one.distance and one.verdict in (CLOSE, OTHER) and not one.distance.shape]
    rows = sum(one.distance.rows for one in here if one.distance)
    changed = sum(one.distance.classes for one in here if one.distance)
    return (
        str(count[EQUAL]),
        str(count[CLOSE]),
        str(count[OTHER]),
        str(count[OURS_ONLY] + count[THEIRS_ONLY]),
        f"{max(one.relative for one in apart):.1e}" if apart else "",
        f"{changed} of {rows}" if rows else "",
    )


def described(one):
    """One file's verdict and distance as a line."""
    words = [f"{one.name}: {one.verdict}"]
    if one.distance and one.distance.absolute:
        words.append(f"by up to {one.distance.absolute:.2g}")
        words.append(f"by up to {one.distance.relative:.1e} of the largest in {one.distance.where}")
    if one.distance and one.distance.classes:
        words.append(f"{one.distance.classes} of {one.distance.rows} predicted classes")
    return ", ".join([*words, one.remark] if one.remark else words)


def aligned(rows):
    """Rows of text as lines with columns of equal width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def main(words=None):
    """Compare the two folders of the command line; the status: 0 where all is equal to the byte, 1 where not, 2
    where there is nothing to compare, which is said."""
    parser = argparse.ArgumentParser(prog="compare", description=__doc__.split("\n")[0])
    parser.add_argument("A", help="a folder of results")
    parser.add_argument("B", help="another one")
    parser.add_argument("--files", action="store_true", help="every file that differs, not the stages alone")
    asked = parser.parse_args(words)
    getattr(sys.stdout, "reconfigure", dict)(errors="backslashreplace")  # file names may be in no known encoding
    try:
        compared = folders(asked.A, asked.B)
    except UserError as fault:
        print(fault, file=sys.stderr)
        return 2
    differ = [one for one in compared if one.verdict != EQUAL]
    if asked.files:
        print("\n".join(map(described, differ)))
    print("\n".join(aligned(by_stage(compared))))
    print(f"{len(compared) - len(differ)} of {len(compared)} files are equal to the byte.")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
