"""Made-up tables of a study, with the columns that conclusions need, of known answers."""

import numpy as np
import pandas as pd

from micrograph.splits import protocols

FILMS, BATCHES = 120, 40
FIT = {"pretraining": "imagenet", "policy": "aug3", "features": "tuned", "scheme": "nominal", "model": "SVC"}
COUNTS = {"n_samples": FILMS, "n_batches": BATCHES, "data": "simulated films"}


def value(column, estimate, half=3.0):
    """A number and its interval, estimate plus or minus `half`, as three columns."""
    return {column: estimate, f"{column}_low": estimate - half, f"{column}_high": estimate + half}


def tables(**knobs):
    """Every table that conclusions need: {name: data frame}. knobs: {table: arguments of its function below}."""
    names = (
        "table2 table3 table4 leakage baselines confounders calibration learning_curve attribution_tests performance"
    )
    return {name: globals()[name](**knobs.get(name, {})) for name in names.split()}


def table2(accuracy=78.0, majority=50.0, gain=8.0, repeats=5, repeat_std=1.0, discordant=60):
    """Table 2: what was selected in each fold, and the majority baseline."""
    rows = [
        ("any", "selected", accuracy, np.nan),
        ("tuned", "selected", accuracy, gain),
        ("blocks", "selected", accuracy - gain, np.nan),
        ("none", "majority", majority, np.nan),
    ]
    made = [
        {"protocol": "strict", **FIT, "features": features, "model": model}
        | value("pooled_pct", pooled, 8)
        | value("balanced_pct", pooled, 8)
        | value("gain_pct_points", points)
        for features, model, pooled, points in rows
    ]
    counts = {"repeats": repeats, "pooled_repeat_std": repeat_std, "n_discordant": discordant}
    return pd.DataFrame(made).assign(**counts, **COUNTS, constant_balanced_pct=100 / 3)


def table3(scratch=-20.0, films=0.0):
    """Table 3: random weights and films without labels against ImageNet, a model and the mean of all."""
    gains = {"imagenet": np.nan, "scratch": scratch, "films": films}
    made = [
        {"protocol": "strict", **FIT, "pretraining": name, "model": model} | value("gain_pct_points", points)
        for name, points in gains.items()
        for model in ("SVC", "mean")
    ]
    return pd.DataFrame(made).assign(n_samples=FILMS)


def table4(corn=-12.0, half=2.0):
    """Table 4: the CNN and the SVC nominal, the CNN as CORN, its mean absolute error less that of the nominal CNN."""
    rows = [("nominal", "CNN", np.nan), ("nominal", "SVC", np.nan), ("corn", "CNN", corn)]
    made = [
        {"protocol": "strict", **FIT, "scheme": scheme, "model": model} | value("against_nominal", change, half)
        for scheme, model, change in rows
    ]
    return pd.DataFrame(made).assign(n_samples=FILMS)


def leakage(gap=20.0, added=None, strict_above=0.0, published_above=15.0, half=3.0):
    """The table of leakage. gap: published validation less test; added: {leak: points}, 0 within the interval else."""
    added = {"features_from_one_fold": 12.0, "pca_on_all": None} | (added or {})
    rows = [
        ("published", "true", "validation", gap, np.nan),
        ("strict", "true", "test", 0.0, np.nan),
        *((f"strict+{leak}", "true", "test", 0.0, added.get(leak, 0.0)) for leak in protocols.LEAKS),
        *((f"published-{leak}", "true", "validation", 0.0, _minus(added.get(leak, 0.0))) for leak in protocols.LEAKS),
    ]
    for labels in ("films", "batches"):
        rows += [("strict", labels, "test", np.nan, np.nan), ("published", labels, "validation", np.nan, np.nan)]
        rows.append(("strict+features_from_one_fold", labels, "test", np.nan, np.nan))
    above = {"strict": strict_above, "published": published_above, "strict+features_from_one_fold": published_above}
    made = []
    for protocol, labels, reported, points, change in rows:
        row = {"protocol": protocol, "labels": labels, **FIT, "reported": reported, "n_permutations": 1}
        row |= value("gap_pct_points", points, half) | {"validation_pct": 80.0, "test_pct": 80.0 - points}
        row |= value("change_pct_points", 0.0 if change is None else change, 0.0 if change is None else half)
        for part in ("validation", "test"):
            row |= value(
                f"above_chance_{part}_pct_points", above.get(protocol, 0.0) if labels != "true" else 30.0, half
            )
        made.append(row)
    return pd.DataFrame(made).assign(**COUNTS)


def _minus(points):
    return None if points is None else -points


def baselines(metadata=15.0, physical=-2.0, majority=25.0):
    """The table of baselines: by how many points the CNN is ahead of each, and each ahead of the majority class."""
    rows = [
        ("image", "CNN", np.nan),
        ("metadata", "OLR", metadata),
        ("metadata", "SVC", metadata + 5),
        ("physical", "OLR", physical),
        ("none", "majority", majority),
    ]
    made = [
        {"protocol": "strict", **FIT, "features": features, "model": model}
        | value("pooled_pct", 75.0 - points, 6)
        | value("balanced_pct", 75.0, 6)
        | value("network_gain_pct_points", points)
        | value("above_majority_pct_points", np.nan if model == "majority" else majority - points)
        for features, model, points in rows
    ]
    return pd.DataFrame(made).assign(**COUNTS, constant_balanced_pct=100 / 3, n_discordant=60)


def confounders(operators=-1.0, later=-12.0, blocks=None, substrate=15.0, reason=""):
    """The table of confounders: growth time in three groups, substrate in two, batch size not tested, and splits."""
    rows = [("growth_seconds", name, 1.0, "") for name in ("short", "middle", "long")]
    rows += [("substrate", "c-plane", substrate, ""), ("substrate", "a-plane", -substrate, "")]
    rows += [("batch_size", "all", np.nan, "every growth day has three films")]
    rows += [("split", "by_operator", np.nan if reason else operators, reason), ("split", "later_days", later, "")]
    rows += [] if blocks is None else [("split", "by_date", blocks, "")]
    made = [
        {"kind": kind, "group": group, "model": "CNN", "features": "image", "reason": reason}
        | {"accuracy_pct": 70.0 + points, "rest_pct": 70.0}
        | value("difference_pct_points", points)
        for kind, group, points, reason in rows
    ]
    return pd.DataFrame(made).assign(**COUNTS).replace({"reason": {"": None}})


def calibration(before=12.0, after=2.0, covered=88.0, half=2.0, change=-0.1, shares=0.98):
    """The table of calibration: one network, before and after scaling."""
    made = [
        {"protocol": "strict", **FIT, "features": "image", "model": "CNN", "stage": stage}
        | value("ece_pct", error, half)
        | value("covered_by_day_pct", covered, half)
        | value("log_loss", 0.7, 0.1)
        | value("log_loss_change", change if stage == "scaled" else np.nan, 0.05)
        | {"nominal_coverage_pct": 90.0, "class_frequency_log_loss": shares}
        for stage, error in (("unscaled", before), ("scaled", after))
    ]
    return pd.DataFrame(made).assign(**COUNTS)


def learning_curve(gain=1.0):
    """The learning curve: three shares of the training films."""
    made = [
        {"protocol": "strict", **FIT, "share_pct": share, "n_train_samples": 0.6 * share}
        | value("test_pct", pct)
        | value("gain_pct_points", np.nan if share == 25 else gain)
        | value("rise_pct_points", np.nan if share == 25 else pct - 55.0)
        for share, pct in ((25, 55.0), (50, 70.0), (100, 70.0 + gain))
    ]
    return pd.DataFrame(made).assign(**COUNTS)


def performance(above=12.0, covered=91.0, within=93.0, half=3.0):
    """The cross-validated performance of the model for new scans, whose sets and intervals aim at 90 %."""
    rows = {"accuracy_pct": 50.0 + above, "above_majority_pct_points": above, "set_size": 1.9, "width_celsius": 88.0}
    rows |= {"covered_pct": 89.0, "covered_by_day_pct": covered, "within_pct": 90.0, "within_by_day_pct": within}
    made = [{"quantity": name} | value("value", number, half) for name, number in rows.items()]
    made += [{"quantity": "majority_pct", "value": 50.0}, {"quantity": "nominal_coverage_pct", "value": 90.0}]
    return pd.DataFrame(made).rename(columns={"value_low": "low", "value_high": "high"}).assign(**COUNTS)


def attribution_tests(scars=0.8, keeps=0.0, deletion=-0.05, simulated=True):
    """The table of attribution tests for one class activation map."""
    rows = [("deletion", "whole", deletion, np.nan), ("insertion", "whole", 0.06, np.nan)]
    rows += [("randomised_head", "whole", keeps, np.nan), ("randomised_all", "whole", keeps, np.nan)]
    if simulated:
        rows += [("mass", "terraces", 0.02, 1.2), ("mass", "pits", 0.0, 1.0), ("mass", "artefacts", scars - 1, scars)]
    made = [
        {"map": "cam_class", "measure": measure, "feature": feature, "value": 0.3, "control_ratio": 1.0}
        | value("gain", gain, 0.01)
        | value("ratio", ratio, 0.1)
        for measure, feature, gain, ratio in rows
    ]
    return pd.DataFrame(made).assign(**COUNTS)
