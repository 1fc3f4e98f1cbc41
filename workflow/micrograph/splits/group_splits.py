"""Who is tested, dealt by what the sheet tells of the films: by who grew them, or by when.

Both ask whether a model holds for what it has not seen: another person's films, or films of later days. Samples are a
table with sample, batch, growth_celsius and, as the sheet has them, operator and grown (a day, as 2021-04-05); empty
cells are films of which nobody knows, and these stand in no fold. Parts are an array (folds, n) of words in the order
of the table: train, validation, test, or UNUSED: not in this fold.
"""

import numpy as np
import pandas as pd

from micrograph.errors import UserError, lookup
from micrograph.splits import protocols
from micrograph.splits.stratified_groups import homes

UNUSED = "unused"
VALIDATION = 5  # the fifth part of the other operators' batches chooses


def by_operator(samples, rng):
    """One fold an operator, in alphabetical order: whose films are tested, and nobody else's.

    Of the batches that the operator had no part in, about every fifth validates and the others train; films of a batch
    that the operator shared with another are in neither. Every class is trained on and validated, not always tested.
    An operator without whom a class lies in too few batches for that is left in: no fold tests these films, and a
    line says so. Raises UserError where fewer than two operators are named, or none can be left out.
    """
    parts, left_in = _by_operator(samples, rng)
    for name in left_in:
        print(f"by_operator: {name} grew what nobody else grew often enough: not left out", flush=True)
    return parts


def _by_operator(samples, rng, at_most=None):
    """(parts, names of the operators that cannot be left out), of the first `at_most` folds."""
    operator, batch = _text(samples, "operator"), samples["batch"].to_numpy(str)
    labels, parts, left_in = samples["growth_celsius"].to_numpy(), [], []
    names = sorted(set(operator) - {""})
    if len(names) < 2:
        raise UserError(
            f"by_operator: the sheet names {len(names)} operators, two are needed: fill in its column operator, or "
            "leave by_operator out of experiments.confounders."
        )
    for name in names:
        tested = operator == name
        others = (operator != "") & ~np.isin(batch, batch[tested])
        validated = _held_back(labels, batch, others, rng)
        if validated is None:
            left_in.append(name)
        else:
            parts.append(np.select([tested, validated, others], ["test", "validation", "train"], UNUSED))
        if len(parts) == at_most:
            break
    if not parts:
        raise UserError(
            "by_operator: whoever is left out, the others' own batches (those shared with nobody left out) hold some "
            "class fewer than twice; leave by_operator out of experiments.confounders."
        )
    return np.stack(parts), left_in


def _held_back(labels, batch, others, rng):
    """Which samples (n,) of the `others` validate, so that every class is in both halves; None where none can."""
    classes = set(labels)
    for count in range(VALIDATION, 1, -1):
        home = np.full(len(labels), -1)
        if len(set(batch[others])) >= count:
            home[others] = homes(labels[others], batch[others], count, rng)
        for part in range(count):
            if set(labels[home == part]) == classes == set(labels[others & (home != part)]):
                return home == part
    return None


def by_date(samples, folds, rng=None):
    """So many folds: trained on earlier days, validated on later ones, tested on later ones still.

    The first half of the days is always trained on; the others are cut into folds + 1 blocks of about as many days.
    Fold i validates on block i, tests block i + 1 and trains on all that was grown before; later films are not in it.
    Days are kept whole, and so are batches: one that grew on several days joins these into one. Nothing is drawn from
    rng. Every class is trained on, not always validated or tested. Raises UserError where too few days are known, or a
    class was not grown in the first half.
    """
    place = _in_turn(samples)
    count = place.max(initial=-1) + 1
    first = count // 2
    if count - first < folds + 1:
        raise UserError(
            f"by_date: {count} days of growth are known, {folds} folds need {2 * folds + 1}: fill in the sheet's "
            "column grown, lower splits.folds, or leave by_date out of experiments.confounders."
        )
    labels = samples["growth_celsius"].to_numpy()
    for celsius in sorted(set(labels) - set(labels[(place >= 0) & (place < first)])):
        raise UserError(
            f"by_date: no film of the first half of the days was grown at {celsius} C, so nothing could learn it: "
            "leave by_date out of experiments.confounders."
        )
    blocks = np.array_split(np.arange(first, count), folds + 1)
    parts = []
    for validated, tested in zip(blocks[:-1], blocks[1:], strict=True):
        masks = [np.isin(place, tested), np.isin(place, validated), (place >= 0) & (place < validated[0])]
        parts.append(np.select(masks, ["test", "validation", "train"], UNUSED))
    return np.stack(parts)


def _in_turn(samples):
    """Place (n,) in time of each sample's day, 0, 1, ...; -1 where nobody knows. A batch has one place.

    Batches whose days overlap share their place.
    """
    known_days = samples[["batch"]].assign(grown=_text(samples, "grown")).query("grown != ''")
    spans = known_days.groupby("batch")["grown"].agg(["min", "max"]).sort_values(["min", "max"], kind="stable")
    places, place, last = {}, -1, ""
    for batch, start, end in spans.itertuples():
        place += start > last
        last = max(last, end)
        places[batch] = place
    return samples["batch"].map(places).fillna(-1).to_numpy(int)


def _text(samples, name):
    """A column as text (n,), "" where it is empty or not there."""
    if name not in samples:
        return np.full(len(samples), "", dtype=str)
    return np.array(["" if pd.isna(cell) else str(cell) for cell in samples[name]], dtype=str)


# Base: its way, (samples, folds, rng) -> parts, without a line.
WAYS = {"by_operator": lambda samples, folds, rng: _by_operator(samples, rng)[0], "by_date": by_date}
# What raises the same UserError, sooner: one operator who can be left out is enough.
TRIED = WAYS | {"by_operator": lambda samples, folds, rng: _by_operator(samples, rng, at_most=1)}


def why_not(samples, base, folds):
    """Why the samples cannot be dealt by `base` (of WAYS) into so many folds, as a sentence; "" where they can."""
    try:
        lookup(base, TRIED, "deal")(samples, folds, np.random.default_rng(0))
    except UserError as fault:
        return str(fault)
    return ""


def check(table, protocol, classes, samples=None):
    """Raise UserError unless a splits table (splits.COLUMNS) keeps the promises of by_operator or by_date.

    Every fold trains on every class, and validates and tests something; no sample is tested twice. With the `samples`
    that were dealt also: by_operator: a fold tests one operator, none of whose films it trains or validates on;
    by_date: what a fold trains on was grown before all it validates on, and that before all it tests.
    """
    base = protocols.parse(protocol).base
    twice = table[table["split"] == "test"].groupby("sample").size()
    for sample in twice.index[twice > 1]:
        raise UserError(f"sample {sample} is tested twice in the {protocol} splits: deal them again.")
    for fold, here in table.groupby("fold"):
        for part in sorted({"train", "validation", "test"} - set(here["split"])):
            raise UserError(f"fold {fold} of the {protocol} splits has no {part} sample: deal them again.")
        for celsius in sorted(set(classes) - set(here.loc[here["split"] == "train", "growth_celsius"])):
            raise UserError(
                f"fold {fold} of the {protocol} splits has no train sample at {celsius} C: deal them again."
            )
        if samples is not None:
            _promised(here, base, samples, f"fold {fold} of the {protocol} splits")


def _promised(here, base, samples, where):
    """UserError unless one fold parts operators, or days, as promised."""
    told = pd.DataFrame({name: _text(samples, name) for name in ("sample", "operator", "grown")})
    rows = here[["sample", "split", "batch"]].merge(told, on="sample", how="left")
    if base == "by_operator":
        tested = set(rows.loc[rows["split"] == "test", "operator"])
        if len(tested) != 1 or tested & set(rows.loc[rows["split"] != "test", "operator"]):
            raise UserError(f"{where} does not part the operators: deal them again.")
        return
    rows = rows[rows["grown"] != ""]
    first, last = (getattr(rows.groupby("split")["grown"], name)() for name in ("min", "max"))
    if not last["train"] < first["validation"] <= last["validation"] < first["test"]:
        raise UserError(f"{where} does not keep the days in turn: deal them again.")
