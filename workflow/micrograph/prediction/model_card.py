"""The model card of the final model, with its cross-validated performance."""

import pandas as pd

from micrograph.evaluation import uncertainty
from micrograph.prediction import novelty

COLUMNS = ["quantity", "value", "low", "high", "films", "batches", "data"]
# Quantity -> (its name among the facts, by what it is multiplied): shares are told in percent, differences in points.
SCORED = {
    "accuracy_pct": ("accuracy", 100),
    "balanced_accuracy_pct": ("balanced_accuracy", 100),
    "macro_f1": ("macro_f1", 1),
    "mae_celsius": ("mae_celsius", 1),
}
CHECKED = {
    "covered_pct": ("covered", 100),
    "covered_by_day_pct": ("covered_by_day", 100),
    "set_size": ("size", 1),
    "one_class_pct": ("alone", 100),
    "within_pct": ("within", 100),
    "within_by_day_pct": ("within_by_day", 100),
    "width_celsius": ("width", 1),
    "log_loss_before": ("loss_before", 1),
    "log_loss_after": ("loss_after", 1),
    "log_loss_change": ("loss_change", 1),
}


def table(facts):
    """The table as a data frame (COLUMNS). facts: of storage.Production, as production.make gives them.

    Accuracies of films of days that were not learnt from; majority_pct: of always naming the class that was commonest
    among the films learnt from, above_majority_points: how far above it, with the paired interval; then what was
    reached where each day was left out of the calibration: covered_pct, films whose set holds the truth, and
    covered_by_day_pct, the mean of the days' shares, which is what coverage_aim_pct aims at; within: the same of
    temperature intervals; flagged_pct: the study's films that look unlike it when their day is left out. low, high: the
    95 % interval from redrawing growth days; empty where there is none, or where all values are equal, for then
    redrawing tells nothing.
    """
    rehearsed, checked = facts["rehearsed"], facts["checked"]
    count = [rehearsed["films"], rehearsed["batches"]]
    rows = [_row(name, [*rehearsed[fact], *count], times) for name, (fact, times) in SCORED.items()]
    rows.append(_row("majority_pct", [facts["majority"], None, None, *count], 100))
    rows.append(_row("above_majority_points", [*facts["above_majority"], *count], 100))
    rows.append(_row("coverage_aim_pct", [facts["calibration"]["coverage"], *[None] * 4], 100))
    rows += [_row(name, checked[fact], times) for name, (fact, times) in CHECKED.items()]
    rows.append(_row("flagged_pct", [facts["novelty"]["flagged"], None, None, *count], 100))
    made = pd.DataFrame(rows, columns=COLUMNS[:-1]).assign(data=facts["data"])
    return made.astype({"value": float, "low": float, "high": float, "films": "Int64", "batches": "Int64"})


def _row(name, values, times):
    """The row of one quantity. values: value, low, high, films, days, None for what is not there."""
    *numbers, films, days = values
    value, low, high = (None if number is None else times * number for number in numbers)
    low, high = (None, None) if low == high else (low, high)
    return [name, value, low, high, films, days]


SIMULATED = (
    "**Trained on simulated films**, grown and scanned in the computer. Its numbers say how the method works on them, "
    "and nothing about real films; do not use it on real scans.\n"
)
SEEN = (
    "The network before fine-tuning has seen these films in its pretraining, without their temperatures: their "
    "distances need not be those of films that it has not seen, and the limit and this share may be too small or too "
    "large for new ones. "
)
CHECKS = {
    "covered": ("true class in the set", "share"),
    "covered_by_day": ("the same, every growth day counted alike", "share"),
    "within": ("true temperature in the interval", "share"),
    "within_by_day": ("the same, every growth day counted alike", "share"),
    "size": ("classes in a set", "number"),
    "alone": ("sets of one class", "share"),
    "width": ("width of the interval, °C", "number"),
    "loss_before": ("log loss of the probabilities as the network has them", "number"),
    "loss_after": ("log loss of the calibrated probabilities", "number"),
    "loss_change": ("change by calibration (below 0 is better)", "number"),
}
METRICS = {
    "accuracy": ("accuracy", "share"),
    "balanced_accuracy": ("balanced accuracy", "share"),
    "macro_f1": ("macro F1", "number"),
    "mae_celsius": ("mean absolute error of the class, °C", "number"),
}


def card(facts):
    """The card of a production model as Markdown text. facts: of storage.Production, as production.make gives them."""
    return "\n".join([_head(facts), _training(facts), _worth(facts), _sureness(facts), _limits(facts), _made(facts)])


def _head(facts):
    classes, films = ", ".join(map(str, facts["classes"])), facts["rehearsed"]
    said = SIMULATED if facts["data"] == "simulated films" else ""
    return (
        f"# Growth temperature of thin films from micrographs: the production model\n\n{said}\n"
        f"One file, `model.safetensors`, answers for new scans: the growth temperature as one of the classes {classes} "
        f"°C, calibrated probabilities, a set of classes, a temperature with an interval, the films of the study that "
        f"look most alike, maps of what speaks for the class, and whether the scan is unlike anything seen.\n\n"
        f"Data: {facts['data']}, {films['films']} films of {films['batches']} growth days.\n"
    )


def _training(facts):
    settings = ", ".join(f"{name} {value}" for name, value in sorted(facts["settings"].items()))
    return (
        "## How it was trained\n\n"
        f"{facts['backbone']}, pre-trained: {facts['pretraining']}; head: {facts['head']}; policy: {facts['policy']}; "
        f"pictures of {facts['pixels']} pixels. Settings are those that most folds of the strict protocol chose, the "
        "number of passes is the median of the folds'. All films are learnt from and none is held out, so the last "
        f"weights are kept, and the running statistics are settled over the training pictures at the end. {settings}.\n"
    )


def _worth(facts):
    return (
        "## How good it is\n\n"
        "No film is left to test it on. In a rehearsal, networks were trained in the same way on all films but those "
        "of one fold's growth days, and asked about these. The strict networks beside them stopped at the moment that "
        "was best on validation films, which the production network cannot do. Settings and passes were chosen with "
        "all films in view, so even these numbers are a little too good. 95 % intervals redraw growth days.\n\n"
        "| test films of days not learnt from | rehearsed | strict networks |\n|---|---|---|\n"
        + "\n".join(
            f"| {words} | {_scored(facts['rehearsed'], name, kind)} | {_scored(facts['strict'], name, kind)} |"
            for name, (words, kind) in METRICS.items()
        )
        + f"\n| accuracy of always answering the commonest class | {_number(facts['majority'], 'share')} | |"
        + f"\n| how far the accuracy is above that, points | {_above(facts)} | |\n"
    )


def _sureness(facts):
    fitted, classes, checked = facts["calibration"], facts["classes"], facts["checked"]
    aim, days = f"{100 * fitted['coverage']:g} %", facts["rehearsed"]["batches"]
    scatter = 100 * uncertainty.scatter(fitted["coverage"], days)
    reach = "endless: too few growth days" if fitted["reach_celsius"] is None else f"{fitted['reach_celsius']:.1f} °C"
    limit = "endless: too few growth days" if fitted["set_limit"] is None else f"{fitted['set_limit']:.3f}"
    covered = [
        f"| true class in the set, films of {celsius} °C | {_measured(checked[f'covered_{celsius}'], 'share')} |"
        for celsius in classes
    ]
    checks = [f"| {words} | {_measured(checked[name], kind)} |" for name, (words, kind) in CHECKS.items()]
    return (
        "## How sure its answers are\n\n"
        f"Probabilities are the network's to the power 1/T, T = {fitted['temperature']:.3f}, fitted by log loss on the "
        f"rehearsal. The set holds every class whose probability misses 1 by {limit} at most, the interval reaches "
        f"± {reach} around the mean of the probabilities: conformal limits on the rehearsal with growth days as the "
        f"units, aimed at {aim} of the films of new days, a day weighing as much as any. What was "
        "reached where each day was left out of T and limits:\n\n| | mean, 95 % interval |\n|---|---|\n"
        + "\n".join([*checks, *covered])
        + "\n\n"
        "Where all films have the same value there is no interval: redrawn, equal values stay equal.\n\n"
        "The aim rests on new days being like the study's, and on the production network being like the rehearsed "
        "ones, which learnt from fewer films, each with its own luck. It is meant on average over studies: what the "
        f"limits of one study of {days} growth days reach scatters around it by about {scatter:.1f} percentage points "
        f"(one standard deviation, the root of c (1 - c) / D with c = {aim}, D = {days}). Nothing is promised for one "
        f"class, for one day, for temperatures other than {', '.join(map(str, classes))} °C, or for scans "
        "unlike the study's.\n"
    )


def _limits(facts):
    found = facts["novelty"]
    limit = "none: a single growth day" if found["threshold"] is None else f"{found['threshold']:.4f}"
    rows = [
        f"| {name.replace('_', ' ')} | {least:.4g} to {most:.4g} | x {novelty.MEASURES[name].tolerance:g} |"
        for name, (least, most) in found["ranges"].items()
    ]
    seen = SEEN if facts["pretraining"] == "films" else ""
    return (
        "## What it does not know\n\n"
        f"A scan is called {novelty.UNLIKE} where its texture (mean and standard deviation of the channels of "
        f"{found['block']} of the network before fine-tuning) lies farther from its {found['neighbours']}th nearest "
        f"film than {limit} in cosine distance, which {100 * found['quantile']:g} % of the study's films keep to films "
        f"of other days; where it is in colours or of unknown size; or where a measure is outside of the study's:\n\n"
        "| measure | in the study | tolerance |\n|---|---|---|\n" + "\n".join(rows) + "\n\n"
        f"Of the study's films, each day left out of the limit, {100 * found['flagged']:.1f} % are farther by look "
        f"alone; the ranges of the measures were not left out, so new films may be called so more often. {seen}A scan "
        "without a flag may still be strange: another material that looks alike is not told apart.\n\n"
        "Maps say what the network goes by, not what is true of a film.\n"
    )


def _made(facts):
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return f"## Made by\n\nSeed {facts['seed']}; recipe {facts['recipe_sha256'][:16]}; {versions}.\n"


def _scored(scores, name, kind):
    """A score of predictions with its interval in words."""
    return _measured([*scores[name], scores["films"], scores["batches"]], kind)


def _above(facts):
    """How far the rehearsed accuracy is above that of the commonest class."""
    return _measured([*facts["above_majority"], facts["rehearsed"]["films"], facts["rehearsed"]["batches"]], "points")


def _measured(values, kind):
    """A mean with its interval in words; with the numbers of films and days where there is no interval, or an empty
    one, which would pass for certainty."""
    middle, low, high, films, days = values
    if None in (low, high) or low == high:
        ends = f"{films} film{'' if films == 1 else 's'} of {days} growth day{'' if days == 1 else 's'}"
    else:
        ends = f"{_number(low, kind)} to {_number(high, kind)}"
    return f"{_number(middle, kind)} ({ends})"


def _number(value, kind):
    if value is None:
        return "none"
    return {"share": f"{100 * value:.1f} %", "points": f"{100 * value:+.1f}"}.get(kind, f"{value:.3g}")
