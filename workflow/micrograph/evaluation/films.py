"""From predictions of scans to predictions of films: tables and figures count films, each once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from micrograph import target
from micrograph.errors import lookup
from micrograph.target import Target

KEYS = ["fold", "split", "film", "augmentation"]


@dataclass(frozen=True)
class FilmScore:
    """How the scans of a film give its prediction.

    Parameters
    ----------
    target : Target
    method : {"mean", "majority"}
        mean: the class follows from the mean probabilities, or the mean value of a regression, as from those of one
        scan. majority, and mean of models without either: the class of most scans, of equally frequent ones that
        nearest to the mean of the scans' classes, then the lower. Probabilities and values are means in any case.
    """

    target: Target
    method: str = "mean"

    def by_film(self, predictions: pd.DataFrame, scheme: str) -> pd.DataFrame:
        """Return the predictions of films.

        Parameters
        ----------
        predictions : DataFrame
            Of scans, from one run (`micrograph.splits.prediction_table`).
        scheme : str
            Of the models.

        Returns
        -------
        DataFrame
            A row per fold, split, film and augmentation; ``sample`` is the film. Scores and values are means over the
            scans that have a prediction. A film with one scan has its prediction, and so has one whose scans agree.
        """
        if "film" not in predictions or predictions["film"].equals(predictions["sample"]):
            return predictions
        keys = [name for name in KEYS if name in predictions]
        groups = predictions.groupby(keys, sort=False)
        several = groups["sample"].transform("size") > 1
        films = self._merged(predictions[several & predictions["y_pred"].notna()], keys, scheme)
        missing = predictions[several].groupby(keys, sort=False).filter(lambda rows: rows["y_pred"].isna().all())
        frames = [predictions[~several], films, missing.drop_duplicates(keys)]
        made = pd.concat([frame.assign(sample=frame["film"]) for frame in frames if len(frame)], ignore_index=True)
        return made[list(predictions)].astype(predictions.dtypes).sort_values(keys, ignore_index=True)

    def _merged(self, scans: pd.DataFrame, keys: list[str], scheme: str) -> pd.DataFrame:
        """Merge the scans of films with several; all have a prediction."""
        scores = [name for name in scans if name.startswith("score_")]
        means = [name for name in ("y_pred_value", *scores) if name in scans]
        groups = scans.groupby(keys, sort=False)
        films = groups.first().assign(**groups[means].mean()).reset_index()
        y_pred = lookup(self.method, METHODS, "evaluation.film_score")(films, scheme, self.target, scores)
        most = groups["y_pred"].agg(_most_frequent).to_numpy(float)
        agree = groups["y_pred"].nunique().to_numpy() == 1
        return films.assign(y_pred=np.where(agree | np.isnan(y_pred), most, y_pred))


def _by_mean(films: pd.DataFrame, scheme: str, goal: Target, scores: list[str]) -> np.ndarray:
    """Predict from mean scores or values; NaN where there are none."""
    if not scores:
        return np.full(len(films), np.nan)
    values = films["y_pred_value"].to_numpy(float)
    scheme = scheme if scheme in target.SCHEMES else "nominal"
    return target.decode_scores(scheme, films[scores].to_numpy(float), values, goal)


def _by_majority(films: pd.DataFrame, scheme: str, goal: Target, scores: list[str]) -> np.ndarray:
    return np.full(len(films), np.nan)


METHODS: dict[str, Callable] = {"mean": _by_mean, "majority": _by_majority}


def _most_frequent(y_pred: pd.Series) -> float:
    """Return the most frequent class, of equally frequent ones that nearest to the mean, then the lower."""
    counts = y_pred.astype(float).value_counts().sort_index()
    modes = counts.index[counts == counts.max()].to_numpy()
    return float(modes[np.abs(modes - y_pred.astype(float).mean()).argmin()])
