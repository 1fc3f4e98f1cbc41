"""What the table of confounders says in words: its rows, what they tell together, the caption."""

import numpy as np

from micrograph.evaluation import bootstrap, tables
from micrograph.figures import style

SPLIT = "split"
KINDS = {
    "growth_seconds": "Growth time",
    "substrate": "Substrate",
    "batch_size": "Batch size",
    "scan_quality": "Scan",
    "pressure_torr": "Pressure",
    "operator": "Operator",
    SPLIT: "Tested films",
}
SPLITS = {"by_operator": "of a new operator", "by_date": "of later days"}
EACH_ALONE = {"scan_quality", SPLIT}  # kinds whose groups are not each other's rest
# Of a group of fewer batches an interval drawn so leaves out the truth about this often (test_confounders.py).
ENOUGH, MISSED = 12, 0.1
UNKNOWN = "the sheet does not tell it"
NOT_ASKED = "not asked for (experiments.confounders)"
NO_STRICT = "the same model was not run under strict"


def group(row):
    """A row's films in words."""
    return SPLITS.get(row["group"], row["group"]) if row["kind"] == SPLIT else row["group"]


def model(row):
    """A row's model and features in words; "" where nothing was run."""
    return f"{row['model']}, {style.features_words(row['features'])}" if isinstance(row["model"], str) else ""


def told(row):
    """Whether the interval of the difference leaves out 0."""
    return bool(row["difference_points_low"] > 0 or row["difference_points_high"] < 0)


def compared(table):
    """The comparisons that are made, rows with an interval. Of two groups of a kind each is the other's rest: that is
    one comparison, not two. Of three it is not, and none is left out for having no interval itself."""
    keys = ["kind", "model", "features"]
    groups = table[np.isfinite(table["difference_points"].astype(float))]
    pair = groups.groupby(keys)["group"].transform("size").eq(2) & ~groups["kind"].isin(EACH_ALONE)
    found = groups[np.isfinite(groups["difference_points_low"].astype(float))]
    return found[~(pair[found.index] & found.duplicated(keys))]


def verdict(table):
    """What the comparisons tell together, a sentence or two."""
    found = compared(table)
    count, apart = len(found), [row for row in found.to_dict("records") if told(row)]
    if not count:
        return "No group can be compared: there are too few batches, or nothing tells films apart."
    names = "; ".join(f"{KINDS[row['kind']].lower()}: {group(row)}, {_points(row)}" for row in apart)
    said = f"{len(apart)} of {count} comparisons {'leaves' if len(apart) == 1 else 'leave'} out 0"
    said += f" ({names})" if apart else ""
    missed = np.where(found["batches"] < ENOUGH, MISSED, 1 - bootstrap.LEVEL).mean()
    chance = tables.number(count * missed, 1)
    said += f"; where nothing made a difference, about {chance} would by chance"
    if not apart:
        return f"{said}. No group is told from the rest: that is not to say that they are equal, see the intervals."
    from scipy import stats

    usual = int(stats.binom.ppf(bootstrap.LEVEL, count, missed))
    if len(apart) <= usual:
        return f"{said}, and {usual} would not surprise: nothing stands out."
    return f"{said}, and more than {usual} would surprise: the accuracy is not the same everywhere."


def _points(row):
    ends = row["difference_points_low"], row["difference_points_high"]
    return f"{tables.interval(row['difference_points'], *ends, 0, tables.signed)} points"


def notes(rows):
    """Notes below a panel: what its differences may owe to other things."""
    split = rows[rows["kind"] == SPLIT]
    known = split[split["training_films"].notna() & split["rest_training_films"].notna()]
    return tuple(
        f"{model(row)}, {group(row)}: a fold trains on {row['training_films']:.0f} films on average, strict's on "
        f"{row['rest_training_films']:.0f}; part of a difference may be that."
        for row in known.to_dict("records")
    )


def caption(table, name, fewest):
    """The caption in paragraphs: what is shown, from what, what it tells, how to read it, what would surprise.

    fewest: batches on either side, of fewer than which no interval is drawn.
    """
    grouped = table[table["kind"] != SPLIT]
    first = grouped.iloc[0]
    opening = (
        f"{name}. Is the accuracy the same whatever else differs between films, and for films unlike those that were "
        f"learnt from? Groups of films: {model(first)}, {style.scheme_words(first['scheme'])}, pre-trained on "
        f"{first['pretraining']}, strict protocol; {first['data']}. Every film is answered by the fold that tests it; "
        f"of all, {tables.number(first['overall_pct'], 1)} % are right."
    )
    truth = f"{SIMULATED}\n\n" if first["data"] == "simulated films" else ""
    return f"{opening}\n\n{verdict(table)}\n\n{truth}{READING.format(fewest=fewest)}\n\n{OTHERWISE}\n\n{SURPRISE}"


SIMULATED = (
    "In the simulation temperature, growth time, substrate and the growth day shape a film, while operators and "
    "pressures are names alone: what differs between these is chance, or another thing in which their films differ."
)
READING = (
    "Growth time, batch size and pressure: by value, or thirds of the films where there are more than four values. "
    "Scan: what may be wrong with a scan or makes it unlike most; a film can be in several such groups. Majority: "
    "always naming the temperature commonest in training, on the same films: where it is high, the group is easy. "
    "Difference: the group less all other films of which the same is known. Intervals are 95 %, from redrawing whole "
    "batches; there is none where either side has fewer than {fewest} batches or the group's films are all right or "
    "all wrong. Of a group of five to eleven batches an interval holds the truth about 90 times in 100, not 95. Bold: "
    "the interval leaves out 0; of twenty such comparisons at least one does by chance, and none is corrected for "
    "that. A group may differ for another reason than its name, such as more films of an easily told temperature."
)
OTHERWISE = (
    "Tested films: folds dealt by operator test the films of one person on what the others grew; folds dealt by date "
    "test later days on what earlier ones taught. Strict: the same model's answers for the same films under strict. "
    "Redrawing growth days does not tell how the films of yet another operator, or of yet later years, would fare."
)
SURPRISE = (
    "What would surprise: an accuracy that falls with the scan's own flaws, for then the model reads the microscope, "
    "or one that falls when an operator or later days are left out, for then it has learnt more than the film."
)
