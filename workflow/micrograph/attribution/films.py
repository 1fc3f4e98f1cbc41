"""Which films a fold's network explains, by which pictures, and what is known of what these show."""

from pathlib import Path

from micrograph.attribution import truth
from micrograph.faults import Fault


def tested(copies, splits, fold):
    """The films that `fold` tests, sorted by name: sample, micrograph (path), batch, growth_celsius.

    copies: the table of a policy's pictures (sample, copy, micrograph), of which copy 0 is scored; splits: the table of
    all folds. Raises Fault where the fold tests no film, or one of them has no picture.
    """
    rows = splits.loc[(splits["fold"] == fold) & (splits["part"] == "test"), ["sample", "batch", "growth_celsius"]]
    if rows.empty:
        raise Fault(f"fold {fold} tests no film; ask for a fold below splits.folds.")
    found = copies.loc[copies["copy"] == 0, ["sample", "micrograph"]].merge(rows, on="sample", how="right")
    for lost in found.loc[found["micrograph"].isna(), "sample"]:
        raise Fault(f"sample {lost} is tested and has no picture of its own (copy 0); make the policy's pictures anew.")
    return found.sort_values("sample", ignore_index=True)


def shown(folders, samples, side, aspect, pixels):
    """truth.Masks of these films, found in the truth folders of all shards; None where there are none: films are real.

    side: pixels of a side of the networks' pictures; aspect, pixels: as the micrographs were drawn. Raises Fault for a
    simulated film without truth.
    """
    paths = {path.stem: path for folder in folders for path in Path(folder).glob("*.npz")}
    for lost in sorted(set(samples) - set(paths)) if paths else []:
        raise Fault(f"sample {lost} has no truth in {folders[0]} or beside it; simulate the films again.")
    return truth.Masks({name: paths[name] for name in samples}, side, aspect, pixels) if paths else None
