"""The table of conclusions: hypotheses about the study, each judged by a 95 % confidence interval of a finished table.

CONTRASTS holds the hypotheses, one a row. One rule gives every verdict. Percentile intervals are widened for the
number of comparisons that their question makes (Bonferroni). A comparison is supported where its whole interval, as
it is written, lies beyond its margin on the side of the hypothesis, contradicted where it lies on the other side,
otherwise inconclusive; with fewer than MIN_BATCHES growth days or `least_discordant` discordant samples it is
inconclusive. A contrast of several comparisons is supported where at least one of them is (``any``), or each one
(``all``). See docs/methods.md.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from micrograph.evaluation import (
    attribution_tests,
    bootstrap,
    confounders,
    leakage,
    summaries,
    table2,
    tables,
)
from micrograph.evaluation.labels import features_label
from micrograph.splits import protocols
from micrograph.target import Target

SUPPORTED, CONTRADICTED, INCONCLUSIVE, NOT_TESTED = VERDICTS = (
    *("supported", "contradicted", "inconclusive", "not tested"),
)
COLUMNS = [
    *(
        "question",
        "comparison",
        "estimate",
        "ci_low",
        "ci_high",
        "unit",
        "n_samples",
        "n_batches",
        "reference",
        "margin",
    ),
    *("verdict", "reason", "table"),
]
OF_TARGET = "unit of the target"
UNITS = {"%": 1, "points": 1, "% of the map": 2, "ratio": 2, "log loss": 2, "rank correlation": 2, "nats": 3}
UNITS |= {"AUC": 3}  # unit -> decimals written, which are also those judged
MARGIN = 5.0  # points of accuracy, coverage or calibration error that count as negligible
MARGIN_CORRELATION = attribution_tests.MARGIN
QUANTILE = NormalDist().inv_cdf((1 + bootstrap.LEVEL) / 2)
MIN_BATCHES = 12  # growth days: of fewer, percentile intervals are too narrow (docs/methods.md)
MIN_REPEATS = 3  # two repeats do not give a standard deviation worth an interval


@dataclass(frozen=True)
class Contrast:
    """One hypothesis and the cells that decide about it.

    Parameters
    ----------
    question : str
        A question of the reader; contrasts of one question stand together.
    text : str
        The hypothesis, a statement.
    table : str
        Name of the table; "" where no table can answer.
    where : dict or tuple of dict
        {column: value, or tuple of values} of the rows compared; of several dicts the first with any row counts.
    column : str
        Column of the estimate; its interval stands in ``{column}_low`` and ``{column}_high``.
    direction : {1, -1, 0}
        Whether the hypothesis says that the estimate is above, below or different from the margin.
    margin : float, str or tuple
        A value or a column that holds it, or (lower, upper) where the reference is itself an interval.
    unit : str
        Key of UNITS, or OF_TARGET.
    reference : str
        What the estimate is compared with.
    combine : {"all", "any"}
        Whether the hypothesis is about each comparison or about at least one.
    skip_identical : bool
        Whether comparisons of identical predictions are left out.
    discordant : str
        Column of the number of discordant samples; by default ``{column}_discordant``, where the table has it.
    ordered : bool
        Whether it is of targets with an order alone.
    """

    question: str
    text: str
    table: str = ""
    where: dict | tuple = ()
    column: str = ""
    direction: int = 1
    margin: float | str | tuple = 0.0
    unit: str = "points"
    reference: str = ""
    combine: str = "all"
    skip_identical: bool = False
    discordant: str = ""
    ordered: bool = False

    def is_of(self, target: Target) -> bool:
        """Whether a study of this target can have the hypothesis: its own column is no subgroup."""
        own = self.table == "confounders" and dict(self.where).get("kind") in target.columns
        return not own and (target.ordered or not self.ordered)


ACCURACY = "How accurate is the prediction?"
FINAL = "How accurate is the model for new scans?"
SCOPE = "Do the conclusions extend to other samples?"
OVERSTATED = "Does the published protocol overestimate the accuracy?"
LEAKAGE = "What does each source of data leakage contribute?"
PERMUTED = "Is the accuracy at chance level with permuted labels?"
METADATA = "Do growth conditions predict as well as micrographs?"
PHYSICAL = "Do micrographs predict better than physical features?"
TUNING = "Does fine-tuning help?"
PRETRAINING = "Does pre-training help?"
ORDER = "Do ordinal schemes help?"
CALIBRATION = "Are the probabilities calibrated?"
COVERAGE = "Do prediction sets reach their nominal coverage?"
OPERATORS = "Does the accuracy hold for new operators?"
DATES = "Does the accuracy hold for other growth dates?"
SUBGROUPS = "Does the accuracy differ between subgroups?"
SAMPLE_SIZE = "Do more training samples help?"
SPLITS = "How large is the variance between splits?"
ATTRIBUTION = "Are the attribution maps faithful?"

SCOPES = {"simulated films": "all samples are simulated; no conclusion is about real films"}
MAJORITY = "majority class"
STRICT = {"protocol": "strict"}
TRUE_LABELS = {"labels": "true"}
NETWORK = "CNN"
LABELS = {kind: text for kind, text in leakage.LABELS.items() if kind in ("films", "batches")}
MAPS = {"cam_class": "Class-weighted CAM", "grad_cam": "Grad-CAM", "occlusion": "Occlusion"}
SCHEMES = {"nnrank": "NNRank", "corn": "CORN", "regression": "Regression"}
ON_THE_FILM = tuple(name for name in attribution_tests.SURFACE_FEATURES if name != "background")
ARTEFACTS = {"artefacts": "scars and jumps", "padding": "padding"}
ANOTHER = "map of another sample"


def _final(text: str, quantity: str, **how: Any) -> Contrast:
    """Return a contrast about the model for new scans, by its cross-validated performance."""
    return Contrast(FINAL, text, "performance", {"quantity": quantity}, "value", **how)


def _permuted(text: str, where: dict | tuple, **how: Any) -> Contrast:
    """Return a contrast about the accuracy above chance level with permuted labels."""
    return Contrast(PERMUTED, text, "leakage", where, "above_chance_pct_points", reference="chance level", **how)


def _attribution(text: str, where: dict, column: str = "gain", **how: Any) -> Contrast:
    """Return a contrast about attribution maps."""
    return Contrast(ATTRIBUTION, text, "attribution_tests", where, column, **({"reference": ANOTHER} | how))


CONTRASTS = [
    Contrast(
        ACCURACY, "Balanced accuracy of model and features selected in each fold: above that of any constant",
        "table2", STRICT | {"model": summaries.SELECTED, "features": table2.ANY}, "balanced_pct",
        margin="constant_balanced_pct", unit="%", reference="any constant prediction", discordant="n_discordant",
    ),
    Contrast(
        ACCURACY, "Balanced accuracy of the CNN: above that of any constant", "baselines",
        STRICT | {"features": "image"}, "balanced_pct", margin="constant_balanced_pct", unit="%",
        reference="any constant prediction", discordant="n_discordant",
    ),
    _final("Networks trained in the same way are more accurate on new growth days than the majority class",
           "above_majority_pct_points", reference=MAJORITY),
    _final(f"Prediction sets cover new growth days to within {MARGIN:g} points of the nominal coverage, or better",
           "covered_by_day_pct", margin="least_pct", unit="%", reference="nominal coverage"),
    _final(f"Prediction intervals cover new growth days to within {MARGIN:g} points of the nominal coverage, or better",
           "within_by_day_pct", margin="least_pct", unit="%", reference="nominal coverage", ordered=True),
    Contrast(SCOPE, "The conclusions hold for other samples than those of this study"),
    Contrast(
        OVERSTATED, "Published protocol: the validation accuracy, which it reports, exceeds the test accuracy",
        "leakage", TRUE_LABELS | {"protocol": "published"}, "gap_pct_points", reference="test accuracy", combine="any",
    ),
    Contrast(
        OVERSTATED, "Strict protocol: the validation accuracy, which it does not report, exceeds the test accuracy",
        "leakage", TRUE_LABELS | STRICT, "gap_pct_points", reference="test accuracy", combine="any",
    ),
    *(
        Contrast(
            LEAKAGE, f"{base.capitalize()} protocol: the {change} ({text})", "leakage",
            TRUE_LABELS | {"protocol": f"{base}{sign}{leak}"}, "change_pct_points", direction,
            reference=f"{base} protocol", combine="any", skip_identical=True,
        )
        for base, sign, direction, change in (
            ("strict", "+", 1, "test accuracy rises with one leak added"),
            ("published", "-", -1, "validation accuracy falls with one leak closed"),
        )
        for leak, text in leakage.LEAKS.items()
        if leak in protocols.LEAKS
    ),
    _permuted(
        f"Strict protocol, permuted labels: the test accuracy is less than {MARGIN:g} points above chance level",
        (
            STRICT | {"labels": leakage.BOTH},
            STRICT | {"labels": tuple(LABELS), "pooled": True},
            STRICT | {"labels": tuple(LABELS)},
        ),
        direction=-1, margin=MARGIN,
    ),
    *(
        _permuted(f"{name}, {text}: the {split} accuracy exceeds chance level",
                  where | {"labels": labels, "pooled": False, "unchanged": False}, combine="any")
        for labels, text in LABELS.items()
        for name, split, where in (
            ("Published protocol", "validation", {"protocol": "published"}),
            ("Strict protocol with one leak added", "test", {"change": "added"}),
        )
    ),
    *(
        Contrast(question, text, "baselines", STRICT | {"features": features}, column, reference=reference, combine=how)
        for question, features, models, more in (
            (METADATA, "metadata", "models on growth metadata", "(what the sheet tells beside the target)"),
            (PHYSICAL, "physical", "models on physical features", "(roughness, grains, steps)"),
        )
        for text, column, reference, how in (
            (f"The CNN is more accurate than {models} {more}", "network_gain_pct_points", models, "all"),
            (f"{models.capitalize()} are more accurate than the majority class", "above_majority_pct_points",
             MAJORITY, "any"),
        )
    ),
    Contrast(
        TUNING, "Fine-tuned features are more accurate than features of the network's blocks", "table2",
        STRICT | {"model": summaries.SELECTED, "features": table2.TUNED}, "gain_pct_points", reference="block features",
    ),
    *(
        Contrast(
            PRETRAINING, text, "table3",
            (STRICT | {"pretraining": name, "model": summaries.MEAN}, STRICT | {"pretraining": name}),
            "gain_pct_points", direction, reference="ImageNet",
        )
        for name, text, direction in (
            ("scratch", "Random initial weights are less accurate than ImageNet weights", -1),
            ("films", "Self-supervised pre-training on micrographs is more accurate than ImageNet weights", 1),
            ("micronet", "MicroNet weights are more accurate than ImageNet weights", 1),
        )
    ),
    *(
        Contrast(
            ORDER, f"{text} has a lower mean absolute error than the nominal scheme", "table4",
            STRICT | {"scheme": scheme}, "against_nominal", -1, unit=OF_TARGET, reference="nominal scheme",
            combine="any", ordered=True,
        )
        for scheme, text in SCHEMES.items()
    ),
    *(
        Contrast(
            CALIBRATION, f"The expected calibration error {text} is below {MARGIN:g} %", "calibration",
            {"stage": (stage, "excluded")}, "ece_pct", -1, MARGIN, "%", "perfect calibration",
        )
        for stage, text in (("unscaled", "without scaling"), ("scaled", "after temperature scaling"))
    ),
    Contrast(
        CALIBRATION, "Temperature scaling lowers the log loss", "calibration", {"stage": ("scaled", "excluded")},
        "log_loss_change", -1, unit="nats", reference="probabilities without scaling",
    ),
    Contrast(
        CALIBRATION, "The log loss of scaled probabilities is below that of the class frequencies", "calibration",
        {"stage": ("scaled", "excluded")}, "log_loss", -1, "class_frequency_log_loss", "log loss", "class frequencies",
    ),
    Contrast(
        COVERAGE,
        f"Prediction sets cover the true class to within {MARGIN:g} points of the nominal coverage, or better",
        "calibration", {"stage": ("scaled", "excluded")}, "covered_by_day_pct", margin="least_pct", unit="%",
        reference="nominal coverage",
    ),
    *(
        Contrast(
            question, f"Samples of {text} are predicted less than {MARGIN:g} points worse than by the strict protocol",
            "confounders", {"kind": confounders.SPLIT, "group": group}, "difference_pct_points", margin=-MARGIN,
            reference="strict protocol, same samples",
        )
        for question, group, text in (
            (OPERATORS, "by_operator", "operators absent from training"),
            (DATES, "later_days", "growth dates after those of training"),
            (DATES, "by_date", "blocks of growth dates absent from training"),
        )
    ),
    *(
        Contrast(
            SUBGROUPS, f"The accuracy differs with {text.lower()}", "confounders", {"kind": kind},
            "difference_pct_points", 0, reference="all other samples", combine="any",
        )
        for kind, text in confounders.KINDS.items()
        if kind != confounders.SPLIT
    ),
    Contrast(
        SAMPLE_SIZE, "Models trained on all samples are more accurate than on the next smaller share",
        "learning_curve", STRICT, "gain_pct_points", reference="next smaller training set", combine="any",
    ),
    Contrast(
        SAMPLE_SIZE, "Models trained on all samples are more accurate than on the fewest",
        "learning_curve", STRICT, "rise_pct_points", reference="smallest training set", combine="any",
    ),
    Contrast(
        SPLITS, "The standard deviation between splits is smaller than that between growth days", "table2",
        STRICT | {"model": summaries.SELECTED, "features": table2.ANY}, "repeat_std", -1, "batch_std",
        reference="standard error over growth days",
    ),
    *(
        _attribution(f"{text}: deletion and insertion are more effective than with a map of another sample",
                     {"map": name, "measure": attribution_tests.CURVES}, unit="AUC")
        for name, text in MAPS.items()
    ),
    *(
        _attribution(f"{text}: more attribution lies on simulated features than in a map of another sample",
                     {"map": name, "measure": "mass", "feature": ON_THE_FILM}, unit="% of the map", combine="any")
        for name, text in MAPS.items()
    ),
    *(
        _attribution(
            f"{text}: with randomised weights the map is no more similar to itself than to another's, to within "
            f"{MARGIN_CORRELATION:g}",
            {"map": name, "measure": ("randomised_head", "randomised_all")}, direction=-1, margin=MARGIN_CORRELATION,
            unit="rank correlation",
        )
        for name, text in MAPS.items()
    ),
    *(
        _attribution(f"{text}: less attribution lies on {place} than in a map of another sample",
                     {"map": name, "measure": "mass", "feature": feature}, direction=-1, unit="% of the map")
        for name, text in MAPS.items()
        for feature, place in ARTEFACTS.items()
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """One comparison: value, 95 % interval (NaN for none), margin (lower, upper), and counts.

    These are of samples, batches and discordant samples.
    """

    label: str
    value: float
    low: float
    high: float
    lower: float = 0.0
    upper: float = 0.0
    n: float = np.nan
    batches: float = np.nan
    discordant: float = np.nan


def of_row(
    row: pd.Series, column: str, margin: float | str | tuple = 0.0, label: str = "", discordant: str = ""
) -> Estimate:
    """Read one comparison from a row of a table.

    Parameters
    ----------
    row : Series
        Has ``column``, ``{column}_low`` and ``{column}_high``.
    column : str
    margin : float, str or tuple, default 0
        As of `Contrast`.
    label : str, optional
        What distinguishes the row from others of its family.
    discordant : str, optional
        As of `Contrast`.

    Returns
    -------
    Estimate
    """
    lower, upper = margin if isinstance(margin, tuple) else (margin, margin)
    lower, upper = (_number(row, bound) if isinstance(bound, str) else bound for bound in (lower, upper))
    value, low, high = (_number(row, f"{column}{end}") for end in summaries.ENDS)
    counts = (_number(row, name) for name in ("n_samples", "n_batches", discordant or f"{column}_discordant"))
    return Estimate(label, value, low, high, lower, upper, *counts)


def _number(row: pd.Series, column: str) -> float:
    value = row.get(column)
    return np.nan if tables.missing(value) else float(value)


def widened(one: Estimate, count: int) -> Estimate:
    """Widen an interval so that `count` of them hold simultaneously with 95 % (Bonferroni).

    Parameters
    ----------
    one : Estimate
    count : int
        Number of comparisons.

    Returns
    -------
    Estimate
        Each side is stretched by the ratio of the normal quantiles, 1.34 for five comparisons.
    """
    factor = NormalDist().inv_cdf(1 - (1 - bootstrap.LEVEL) / 2 / count) / QUANTILE
    low, high = (one.value + factor * (end - one.value) for end in (one.low, one.high))
    return replace(one, low=min(low, one.low), high=max(high, one.high))


def least_discordant(count: int = 1) -> int:
    """Return the fewest discordant samples of which an exact sign test can give p < 0.05, corrected for `count` tests.

    Were all of them on one side, p would be 2 / 2^n: 6 samples for one comparison, 7 for two, 10 for twenty.
    """
    return math.ceil(math.log2(2 * count / (1 - bootstrap.LEVEL)))


def too_few(batches: float, discordant: float = np.nan, count: int = 1) -> str:
    """Say why samples are too few to conclude anything; "" where they are enough, or their number is not known.

    Parameters
    ----------
    batches : float
        Growth days.
    discordant : float, optional
        Samples that only one of two models predicts correctly.
    count : int, default 1
        Comparisons that the question makes.
    """
    needed = ((batches, MIN_BATCHES, "growth days"), (discordant, least_discordant(count), "samples differ"))
    for number, least, what in needed:
        if number < least:
            return f"too few films to conclude: {number:.0f} {what}, at least {least} are needed"
    return ""


def judge(one: Estimate, direction: int, decimals: int, count: int = 1) -> str:
    """Give the verdict on one comparison, by its interval as it is written.

    Parameters
    ----------
    one : Estimate
    direction : {1, -1, 0}
        As of `Contrast`.
    decimals : int
        Decimals to which interval and margin are rounded.
    count : int, default 1
        Comparisons that the question makes.

    Returns
    -------
    str
        Supported, contradicted or inconclusive; inconclusive without an interval or with `too_few` samples.
    """
    low, high, lower, upper = (round(value, decimals) for value in (one.low, one.high, one.lower, one.upper))
    above, below = low > upper, high < lower
    if too_few(one.batches, one.discordant, count):
        return INCONCLUSIVE
    if {1: above, -1: below, 0: above or below}[direction]:
        return SUPPORTED
    return CONTRADICTED if {1: below, -1: above, 0: False}[direction] else INCONCLUSIVE


def combine(
    family: list[Estimate], how: str, direction: int, decimals: int, count: int = 1
) -> tuple[str, Estimate, str]:
    """Give one verdict on several comparisons.

    Parameters
    ----------
    family : list of Estimate
        At least one.
    how : {"any", "all"}
        ``any``: supported where one comparison is, contradicted where each one is; ``all``: the other way round.
    direction, decimals : int
        As of `judge`.
    count : int, default 1
        Comparisons that the question makes, for which each interval is widened; at least ``len(family)`` counts.

    Returns
    -------
    verdict : str
    shown : Estimate
        The comparison that decided, or came nearest to deciding, with the interval that was judged.
    reason : str
    """
    count = max(count, len(family))
    wide = [widened(one, count) for one in family]
    verdicts = [judge(one, direction, decimals, count) for one in wide]
    one_suffices, other = (SUPPORTED, CONTRADICTED) if how == "any" else (CONTRADICTED, SUPPORTED)
    decided = [one for one, verdict in zip(wide, verdicts, strict=True) if verdict == one_suffices]
    verdict = one_suffices if decided else other if set(verdicts) == {other} else INCONCLUSIVE
    if how == "any":
        shown = max(decided or wide, key=lambda one: _clearness(one, direction))
    elif decided:
        shown = min(decided, key=lambda one: _clearness(one, direction))
    else:
        shown = min(wide, key=lambda one: np.nan_to_num(one.low if direction > 0 else -one.high, nan=-np.inf))
    return verdict, shown, _reason(shown, verdict, family, len(decided), count)


def _clearness(one: Estimate, direction: int) -> float:
    """Distance from the margin in the direction of the hypothesis, in half-intervals; -inf without an interval."""
    if not np.isfinite([one.low, one.high]).all():
        return -np.inf
    distances = []
    for sign in (1, -1) if direction == 0 else (direction,):
        bound, half = (one.upper, one.value - one.low) if sign > 0 else (one.lower, one.high - one.value)
        away = sign * (one.value - bound)
        distances.append(away / half if half > 0 else np.inf * away if away else 0.0)
    return float(np.nan_to_num(max(distances), nan=-np.inf))


def _reason(shown: Estimate, verdict: str, family: list[Estimate], decided: int, count: int) -> str:
    """Which comparison is shown and why the verdict follows from it."""
    where = "includes" if verdict == INCONCLUSIVE else "is above" if shown.low > shown.upper else "is below"
    interval = "no interval" if np.isnan(shown.low) else f"95 % CI {where} the margin"
    parts = [too_few(shown.batches, shown.discordant, count) or interval]
    if len(family) > 1:
        parts.insert(0, f"{shown.label}, of {len(family)} comparisons" + (f", {decided} {verdict}" if decided else ""))
    return "; ".join(parts) + (f"; Bonferroni-corrected for {count}" if count > 1 else "")


def _table2(table: pd.DataFrame) -> pd.DataFrame:
    """Table 2 with standard deviations over splits and over growth days."""
    repeats = table["repeats"].astype(float)
    std = table["pooled_repeat_std"].astype(float).where(repeats > 1)
    low, high = _std_interval(std.to_numpy(), repeats.to_numpy())
    batch_std = (table["pooled_pct_high"] - table["pooled_pct_low"]) / (2 * QUANTILE)
    return table.assign(repeat_std=std, repeat_std_low=low, repeat_std_high=high, batch_std=batch_std)


def _single_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Return Table 3 or 4 without the ensembles of seeds."""
    return table[~summaries.is_ensemble(table["model"])]


def _std_interval(std: NDArray[np.float64], count: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Return the 95 % chi-squared interval of standard deviations; NaN of too few values or of equal ones."""
    from scipy import stats

    known = (count >= MIN_REPEATS) & ~np.isclose(std, 0)
    freedom = np.where(known, count - 1, np.nan)
    return (std * np.sqrt(freedom / stats.chi2.ppf(part, freedom)) for part in reversed(bootstrap.TAILS))


def _leakage(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of leakage with the reported split's accuracy above chance level, and what its rows are."""
    reported, name = table["reported"] == "test", "above_chance_{}_pct_points{}".format
    above = {
        f"above_chance_pct_points{end}": table[name("test", end)].where(reported, table[name("validation", end)])
        for end in bootstrap.ENDS
    }
    change = table["protocol"].str.extract(r"([+-])", expand=False).map({"+": "added", "-": "closed"})
    unchanged = (table[[f"change_pct_points{end}" for end in bootstrap.ENDS]] == 0).all(axis=1)
    return table.assign(**above, change=change, pooled=table["model"] == leakage.ALL, unchanged=unchanged)


def _confounders(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of confounders without the comparisons that are the same as another one."""
    kept = table["kind"].eq(confounders.SPLIT) | table.index.isin(confounders.comparisons(table).index)
    return table.assign(difference_pct_points=table["difference_pct_points"].where(kept))


def _calibration(table: pd.DataFrame) -> pd.DataFrame:
    """Return the calibration of the strict network, with the least coverage that counts."""
    return table[table["protocol"].eq("strict") & table["model"].eq(NETWORK)].assign(
        least_pct=lambda rows: rows["nominal_coverage_pct"] - MARGIN
    )


def _performance(table: pd.DataFrame) -> pd.DataFrame:
    """Return the cross-validated performance of the model for new scans, with the least coverage that counts."""
    nominal = table.loc[table["quantity"] == "nominal_coverage_pct", "value"].max()
    return table.rename(columns={"low": "value_low", "high": "value_high", "n_discordant": "value_discordant"}).assign(
        least_pct=nominal - MARGIN
    )


def _learning_curve(table: pd.DataFrame) -> pd.DataFrame:
    """Return the learning curve's last points; with two shares the whole rise is the last step."""
    shares = table.loc[table["protocol"] == "strict", "share_pct"]
    last = table[table["share_pct"] == shares.max()]
    return last if shares.nunique() > 2 else last.assign(rise_pct_points=np.nan)


def _attribution_tests(table: pd.DataFrame) -> pd.DataFrame:
    """Return the attribution tests with gains for which more is better, those on features in percent."""
    factor = table["measure"].map({"deletion": -1, "mass": 100}).fillna(1)
    gain, low, high = (factor * table[f"gain{end}"] for end in bootstrap.ENDS)
    return table.assign(gain=gain, gain_low=np.minimum(low, high), gain_high=np.maximum(low, high))


# Table -> the same with the derived columns that contrasts need.
VIEWS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "table2": _table2,
    "table3": _single_seeds,
    "table4": _single_seeds,
    "leakage": _leakage,
    "confounders": _confounders,
    "calibration": _calibration,
    "performance": _performance,
    "learning_curve": _learning_curve,
    "attribution_tests": _attribution_tests,
}


def make_table(
    tables: dict[str, pd.DataFrame], data: str, network: dict[str, str] | None = None, target: Target | None = None
) -> pd.DataFrame:
    """Judge every contrast.

    Parameters
    ----------
    tables : dict of DataFrame
        The finished tables by name; a contrast whose table is missing is not tested.
    data : str
        What the samples are, as "simulated films".
    network : dict, optional
        Columns pretraining, policy and scheme of the network that predicts new scans: calibration is judged of it.
    target : Target, optional
        Names the unit of its errors; hypotheses that it cannot have are left out.

    Returns
    -------
    DataFrame
        COLUMNS, one row a contrast of the target, in the order of CONTRASTS. ``estimate``, ``ci_low`` and ``ci_high``
        are in ``unit``, NaN where there is none; ``n`` and ``batches`` count samples and growth days.
    """
    views = {name: VIEWS[name](table) if name in VIEWS else table for name, table in tables.items()}
    if "calibration" in views:
        same = [views["calibration"][column] == value for column, value in (network or {}).items()]
        views["calibration"] = views["calibration"][np.logical_and.reduce(same)] if same else views["calibration"]
    contrasts = [contrast for contrast in CONTRASTS if target is None or contrast.is_of(target)]
    selected = [_rows(contrast, views.get(contrast.table)) for contrast in contrasts]
    families = [_family(contrast, rows) for contrast, rows in zip(contrasts, selected, strict=True)]
    counts: Counter[str] = Counter()
    for contrast, family in zip(contrasts, families, strict=True):
        counts[contrast.question] += len(family)
    rows = []
    for contrast, here, family in zip(contrasts, selected, families, strict=True):
        named = {"question": contrast.question, "comparison": contrast.text, "reference": contrast.reference}
        rows.append(
            named | {"table": contrast.table} | _judged(contrast, here, family, counts[contrast.question], data)
        )
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"n_samples": "Int64", "n_batches": "Int64"})
    return table.assign(unit=table["unit"].replace(OF_TARGET, target.unit if target else ""))


def _rows(contrast: Contrast, table: pd.DataFrame | None) -> pd.DataFrame:
    """Return the rows of the contrast's table that it compares; none without the table."""
    if table is None:
        return pd.DataFrame()
    here = table
    for where in contrast.where if isinstance(contrast.where, tuple) else (contrast.where,):
        here = table
        for column, value in where.items():
            values = value if isinstance(value, tuple) else (value,)
            # A column that holds nothing but the word "true" is read from its file as a truth value.
            here = here[here[column].astype(str).str.lower().isin([str(one).lower() for one in values])]
        if len(here):
            break
    return here


def _family(contrast: Contrast, rows: pd.DataFrame) -> list[Estimate]:
    """Return the comparisons of a contrast: the rows that have a value and do not compare identical predictions."""
    rows = rows[rows[contrast.column].notna()] if len(rows) else rows
    if contrast.skip_identical and len(rows):
        rows = rows[~rows["unchanged"]]
    return [
        of_row(row, contrast.column, contrast.margin, label, contrast.discordant)
        for (_, row), label in zip(rows.iterrows(), _labels(rows), strict=True)
    ]


DISTINGUISHING = ("model", "features", "protocol", "pretraining", "policy", "scheme", "group", "measure", "feature")


def _labels(rows: pd.DataFrame) -> list[str]:
    """Return what distinguishes each row from the others."""
    columns = [name for name in DISTINGUISHING if name in rows and rows[name].nunique() > 1]
    named = rows[columns].astype(str)
    if "features" in named:
        named["features"] = named["features"].map(features_label)
    return [" ".join(values) for values in named.to_numpy()]


def _judged(contrast: Contrast, rows: pd.DataFrame, family: list[Estimate], count: int, data: str) -> dict[str, Any]:
    """Return the columns of a contrast that depend on the tables."""
    if not contrast.table:
        return {"verdict": NOT_TESTED, "reason": SCOPES.get(data, "no samples of another study were measured")}
    if not family:
        if contrast.skip_identical and len(rows) and rows[contrast.column].notna().any():
            row = of_row(rows[rows[contrast.column].notna()].iloc[0], contrast.column)
            return _cells(contrast, row, INCONCLUSIVE, "the predictions are identical")
        reasons = [text for text in rows.get("reason", ()) if isinstance(text, str) and text.strip()]
        return {"verdict": NOT_TESTED, "reason": reasons[0] if reasons else "not part of this run"}
    digits = decimals(contrast.unit, *(end for one in family for end in (one.low, one.high)))
    verdict, shown, reason = combine(family, contrast.combine, contrast.direction, digits, count)
    return _cells(contrast, shown, verdict, reason)


def _cells(contrast: Contrast, one: Estimate, verdict: str, reason: str) -> dict[str, Any]:
    margin = one.lower if contrast.direction < 0 else one.upper
    numbers = {"estimate": one.value, "ci_low": one.low, "ci_high": one.high, "margin": margin, "unit": contrast.unit}
    return numbers | {"n_samples": one.n, "n_batches": one.batches, "verdict": verdict, "reason": reason}


def counted(table: pd.DataFrame) -> dict[str, int]:
    """Count the verdicts: {verdict: number of contrasts}, in the order of VERDICTS."""
    return {verdict: int((table["verdict"] == verdict).sum()) for verdict in VERDICTS}


def decimals(unit: str, *values: float) -> int:
    """Return the decimals written and judged: those of `UNITS`; of another unit two digits of the largest value."""
    largest = max((abs(value) for value in values if np.isfinite(value)), default=0.0)
    return UNITS[unit] if unit in UNITS else max(1, 1 - math.floor(math.log10(largest))) if largest else 1


def interval(row: dict) -> str:
    """Write a row's estimate with interval and unit; a dash where there is none."""
    if tables.missing(row["estimate"]):
        return tables.DASH
    ends = row["estimate"], row["ci_low"], row["ci_high"]
    return f"{tables.interval(*ends, decimals(row['unit'], *ends[1:]))} {_text('unit')(row)}".strip()


def panels(table: pd.DataFrame) -> list[tables.Panel]:
    """Lay the table out as one panel; each question is written once."""
    return [tables.panel("Conclusions", table, SHOWN, text_columns=5)]


def _text(column: str) -> Callable[[tables.Row], str]:
    return lambda row: row[column] if isinstance(row[column], str) else ""


SHOWN = [
    *(
        (heading, _text(column))
        for heading, column in (
            ("Question", "question"), ("Hypothesis", "comparison"), ("Reference", "reference"),
            ("Verdict", "verdict"), ("Reason", "reason"),
        )
    ),
    ("Estimate [95 % CI]", interval),
    ("Margin", lambda row: tables.number(row["margin"], UNITS.get(row["unit"], 1))),
    ("Samples", tables.number_column("n_samples")),
    ("Growth days", tables.number_column("n_batches")),
]  # fmt: skip
