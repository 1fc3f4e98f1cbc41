"""The narrow waist: one table of predictions and one of choices, made alike for shallow models, MLP and CNN.

Predictions: fold, part, sample, copy, batch, y_true, y_pred, y_pred_value, score_{class} ...,
components; sorted by fold, part, sample, copy. Choices: fold, points (size of the grid), validation_accuracy,
validation_balanced, chosen, used (settings as JSON). No torch and no scikit-learn is imported here.
"""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

from micrograph.errors import UserError
from micrograph.splits import policies, splitters

KEYS = ["fold", "split", "sample", "augmentation"]
SEEDS = 2**31


@dataclass(frozen=True)
class Rows:
    """What is known of the n rows of features or pictures: sample, copy (0: the sample's own), batch, class."""

    samples: np.ndarray
    copies: np.ndarray
    batches: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Fold:
    """One fold as indices into its rows: those scored of each part (sorted by sample and copy), those trained on, with
    the policy's repeats, and a seed for what the model draws."""

    number: int
    rows: Rows
    parts: dict
    training: np.ndarray
    seed: int


@dataclass(frozen=True)
class Study:
    """What a fit gives: models (fold -> fitted model), the choices table, the predictions table."""

    models: dict
    choices: pd.DataFrame
    predictions: pd.DataFrame


def make_folds(samples, copies, table, *, protocol, policy, rng):
    """The Fold of every fold of the splits, in order.

    samples, copies: (n,), of the rows of features or pictures, in any order; table: the splits (splits.deal); policy:
    aug1 ... aug4; rng: numpy Generator. Raises UserError where rows and splits are not of the same samples, or a sample
    has no picture of its own (copy 0).
    """
    rows = known_rows(samples, copies, table)
    made = []
    for number, chance in enumerate(rng.spawn(table["fold"].nunique())):
        here = {part: part_rows(rows, table, number, part) for part in splitters.PARTS}
        labels, copied = rows.labels[here["train"]], rows.copies[here["train"]]
        training = here["train"][policies.train_index(policy, labels, copied, chance)]
        seed = int(chance.integers(SEEDS))
        parts = {part: scored(rows, here[part], part, protocol, policy, chance) for part in splitters.PARTS}
        made.append(Fold(number, rows, parts, training, seed))
    return made


def known_rows(samples, copies, table):
    """The Rows of samples and copies (n,), batch and class taken from the splits table."""
    samples, copies = np.asarray(samples, dtype=str), np.asarray(copies, dtype=int)
    films = table.drop_duplicates("sample").set_index("sample")
    own = set(samples[copies == 0])
    for lost in sorted(set(films.index) - set(samples)):
        raise UserError(f"sample {lost} is in the splits but not among the samples: make both from one table.")
    for lost in sorted(set(samples) - set(films.index)):
        raise UserError(f"sample {lost} has features but is not in the splits: make both from one table of samples.")
    for lost in sorted(set(films.index) - own):
        raise UserError(
            f"sample {lost} has copies but no picture of its own (copy 0): make the policy's pictures anew."
        )
    found = films.loc[samples]
    return Rows(samples, copies, found["batch"].to_numpy(str), found["growth_celsius"].to_numpy(int))


def part_rows(rows, table, fold, part):
    """The indices, ascending, of all rows, copies too, whose sample lies in `part` of `fold`."""
    inside = table.loc[(table["fold"] == fold) & (table["split"] == part), "sample"]
    return np.flatnonzero(np.isin(rows.samples, inside.to_numpy(str)))


def scored(rows, inside, part, protocol, policy, rng):
    """Those of the rows `inside` a part that are scored there (policies.scored_rows), sorted by sample and copy."""
    found = policies.scored_rows(policy, protocol, part, rows.labels[inside], rows.copies[inside], rng)
    kept = inside[found]
    return kept[np.lexsort((rows.copies[kept], rows.samples[kept]))]


def prediction_frame(fold, part, predicted, value, marks, classes, components):
    """The predictions of one part of one fold, in the waist's columns.

    predicted, value: (m,) Celsius of the part's m rows, in the order of fold.parts[part]; NaN where there is none
    (scores.py counts a missing prediction as wrong); marks: (m, classes) scores; components: number of features.
    """
    here, rows = fold.parts[part], fold.rows
    frame = pd.DataFrame(
        {
            "fold": fold.number,
            "split": part,
            "sample": rows.samples[here],
            "augmentation": rows.copies[here],
            "batch": rows.batches[here],
            "y_true": rows.labels[here],
            "y_pred": pd.array(np.asarray(predicted, dtype=float), dtype="Float64").astype("Int64"),
            "y_pred_value": np.asarray(value, dtype=float),
        }
    )
    frame[[f"score_{celsius}" for celsius in classes]] = marks
    return frame.assign(components=components)


def predictions(frames):
    """One predictions table of the frames of all parts and folds."""
    return pd.concat(frames, ignore_index=True).sort_values(KEYS, ignore_index=True)


def choices(chosen, used, points):
    """The choices table: of every fold its Choice (choosing.choose), the point its model used, and the grid's points,
    a list of dicts of settings."""
    return pd.DataFrame(
        {
            "fold": range(len(chosen)),
            "points": len(points),
            "validation_accuracy": [choice.accuracy for choice in chosen],
            "validation_balanced": [choice.balanced for choice in chosen],
            "chosen": [json.dumps(points[choice.point]) for choice in chosen],
            "used": [json.dumps(points[point]) for point in used],
        }
    )
