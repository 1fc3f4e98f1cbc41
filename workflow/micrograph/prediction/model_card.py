"""The model card of the final model, and the table of its cross-validated performance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from micrograph.evaluation import conclusions, uncertainty
from micrograph.prediction import novelty
from micrograph.target import Target

COUNTS = ["n_samples", "n_batches", "n_discordant"]
COLUMNS = ["quantity", "value", "low", "high", *COUNTS, "data"]
# Quantity: (its name among the facts, label, kind of number).
SCORED = {
    "accuracy_pct": ("accuracy", "accuracy", "share"),
    "balanced_accuracy_pct": ("balanced_accuracy", "balanced accuracy", "share"),
    "macro_f1": ("macro_f1", "macro F1", "number"),
    "mae": ("mae", "mean absolute error of the class", "value"),
}
CHECKED = {
    "covered_pct": ("covered", "true class in the set", "share"),
    "covered_by_day_pct": ("covered_by_day", "the same, mean over growth days", "share"),
    "constant_set_by_day_pct": (
        "constant_covered_by_day",
        "for comparison: the two most frequent classes as the set, mean over growth days",
        "share",
    ),
    "set_size": ("size", "classes in a set", "number"),
    "one_class_pct": ("alone", "sets of one class", "share"),
    "within_pct": ("within", "true value in the interval", "share"),
    "within_by_day_pct": ("within_by_day", "the same, mean over growth days", "share"),
    "constant_interval_by_day_pct": (
        "constant_within_by_day",
        "for comparison: the shortest constant interval, mean over growth days",
        "share",
    ),
    "width": ("width", "width of the interval", "value"),
    "constant_width": ("constant_width", "width of the shortest constant interval", "value"),
    "log_loss_before": ("loss_before", "log loss of the uncalibrated probabilities", "number"),
    "log_loss_after": ("loss_after", "log loss of the calibrated probabilities", "number"),
    "log_loss_change": ("loss_change", "change by calibration (below 0 is better)", "number"),
}
# Shares in percent, differences in percentage points, values in the target's unit.
FACTORS = {"share": 100, "points": 100, "number": 1, "value": 1}
SIMULATED = (
    "**Trained on simulated films.** The numbers show how the method works on them; they do not apply to real films. "
    "Do not use this model on real scans.\n"
)
PRETRAINED_ON_STUDY = (
    "The network before fine-tuning was pre-trained on these micrographs, without their labels: their distances "
    "may differ from those of new samples, and the limit and this share may be too small or too large for them. "
)
# How several scans of a film give its class, by evaluation.film_score.
OF_FILMS = {"mean": "follows from these", "majority": "is that of most scans"}
RANGE_LABELS = {
    "width_nm": "width of the scan, nm",
    "lines": "lines",
    "pixels": "pixels per line",
    "scan_pixel_nm": "pixel size of the scan, nm",
    "relief_nm": "height range, nm",
}
Facts = Mapping[str, Any]


def table(facts: Facts) -> pd.DataFrame:
    """Tabulate the cross-validated performance.

    Parameters
    ----------
    facts : mapping
        Of `storage.FinalModel`.

    Returns
    -------
    DataFrame
        COLUMNS. Scores of samples of held-out days; majority_pct and above_majority_pct_points: accuracy of the
        majority class, and the difference to it with its paired interval and n_discordant, the number of samples that
        only one of the two gets right. With each day left out of the
        calibration: covered_pct and within_pct, the samples whose set or interval holds the true value, and the
        means of the days' shares (_by_day), which should be nominal_coverage_pct; constant_: the same of what needs no
        micrograph, the two most frequent classes and the shortest interval with the nominal coverage. flagged_pct:
        samples beyond the distance limit with their own day left out of it. low, high: 95 % interval over resampled
        growth days; empty where there is none, or all values are equal.
    """
    scores, checked = facts["cross_validated"], facts["checked"]
    counts = [scores["films"], scores["batches"]]
    rows = [_row(name, [*scores[fact], *counts], kind) for name, (fact, _, kind) in SCORED.items() if fact in scores]
    rows.append(_row("majority_pct", [facts["majority"], None, None, *counts], "share"))
    rows.append(_row("above_majority_pct_points", [*facts["above_majority"], *counts], "points"))
    rows.append(_row("nominal_coverage_pct", [facts["calibration"]["coverage"], *[None] * 4], "share"))
    rows += [_row(name, checked[fact], kind) for name, (fact, _, kind) in CHECKED.items() if fact in checked]
    rows.append(_row("flagged_pct", [facts["novelty"]["flagged"], None, None, *counts], "share"))
    frame = pd.DataFrame(rows, columns=[*COLUMNS[:4], *COUNTS[:2]]).assign(data=facts["data"])
    frame["n_discordant"] = [
        facts["discordant"] if name.startswith("above_majority") else None for name in frame["quantity"]
    ]
    return frame[COLUMNS].astype(dict.fromkeys(("value", "low", "high"), float) | dict.fromkeys(COUNTS, "Int64"))


def _row(name: str, values: Sequence[float | None], kind: str) -> list[Any]:
    """Make the row of one quantity; values: value, low, high, samples, days, None where there is none."""
    *numbers, samples, days = values
    value, low, high = (None if number is None else FACTORS[kind] * number for number in numbers)
    low, high = (None, None) if low == high else (low, high)
    return [name, value, low, high, samples, days]


def card(facts: Facts) -> str:
    """Write the model card of a final model as Markdown, with the header that the Hugging Face Hub reads."""
    sections = (_hub_header, _head, _training, _performance, _time, _calibration, _limits, _provenance)
    return "\n".join(section(facts) for section in sections)


def _hub_header(facts: Facts) -> str:
    """Return the metadata of the card; a licence is for the owner of the films to choose."""
    import yaml

    scores = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro F1"}
    metrics = [
        {"type": fact.removeprefix("macro_"), "name": f"cross-validated {label}", "value": round(value, 3)}
        for fact, label in scores.items()
        for value in facts["cross_validated"][fact][:1]
    ]
    name = Target.from_config(facts["target"]).name
    task = {"type": "image-classification", "name": name}
    result = {"task": task, "dataset": {"type": "afm", "name": facts["data"]}, "metrics": metrics}
    header = {
        "license": "other",
        "license_name": "not-stated",
        "library_name": "micrograph",
        "pipeline_tag": "image-classification",
        "tags": ["atomic-force-microscopy", "thin-films", "materials-science", facts["backbone"]],
        "model-index": [{"name": f"{name} from micrographs", "results": [result]}],
    }
    return f"---\n{yaml.safe_dump(header, sort_keys=False)}---\n"


def _head(facts: Facts) -> str:
    target, counts = Target.from_config(facts["target"]), facts["cross_validated"]
    note = SIMULATED if facts["data"] == "simulated films" else ""
    note += "".join(f"\n**Caution.** {caution}\n" for caution in cautions(facts))
    more = ", a set of classes and a value with an interval" if target.ordered else " and a set of classes"
    return (
        f"# {target.name[0].upper()}{target.name[1:]} of {facts['material'] or 'thin films'} from micrographs: "
        f"the final model\n\n{note}\n"
        f"One file, `model.safetensors`. For a new scan it predicts the {target.name} as one of the classes "
        f"{_classes(target)}, with calibrated probabilities{more}. It also "
        f"gives the study's most similar samples, attribution maps, and whether the scan is "
        f"{novelty.OUT_OF_DISTRIBUTION}."
        f"\n\nData: {facts['data']}, {counts['films']} samples{_scans(facts)} of {counts['batches']} growth days.\n"
    )


def _scans(facts: Facts) -> str:
    """Return how many scans the samples have, where some have several, and how these give one prediction."""
    n_scans = len(facts["films"]["sample"])
    return f" ({n_scans} scans)" if n_scans > facts["cross_validated"]["films"] else ""


def of_films(facts: Facts) -> str:
    """Return sentences on films of several scans; empty where all have one."""
    if not _scans(facts):
        return ""
    return (
        f" Of several scans of a sample the probabilities are means, and the class {OF_FILMS[facts['film_score']]}; "
        "the set of a single scan may cover less than that of a sample."
    )


def _classes(target: Target) -> str:
    """List the classes: 900, 950, 1000 °C."""
    return f"{', '.join(target.labels)} {target.unit}".strip()


def _training(facts: Facts) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in sorted(facts["settings"].items()))
    return (
        "## Training\n\n"
        f"{facts['backbone']}, pre-training: {facts['pretraining']}; head: {facts['head']}; "
        f"augmentation: {facts['policy']}; images of {facts['pixels']} pixels. The settings are those that most "
        "folds of the strict protocol selected, the number of epochs is the folds' median. All samples are trained on "
        "and none is held out, so the last weights are kept, and the batch normalisation statistics are recomputed "
        "over the training images at the end. "
        f"{settings}. Trained in {facts['precision']} arithmetic.\n"
    )


def _performance(facts: Facts) -> str:
    return (
        "## Cross-validated performance\n\n"
        "No sample is left to test the model. Networks were therefore trained in the same way on all samples but the "
        "test samples of one strict fold, and tested on these. The strict networks beside them stopped at the epoch "
        "that was best on validation samples, which the final model does not have. Settings and epochs were selected "
        "on all samples, so these numbers are slightly optimistic. 95 % intervals: bootstrap over growth days.\n\n"
        "| samples of held-out days | trained as the final model | strict networks |\n|---|---|---|\n"
        + "\n".join(
            f"| {_label(facts, label, kind)} | {_score(facts['cross_validated'], name, kind)} "
            f"| {_score(facts['strict'], name, kind)} |"
            for name, label, kind in SCORED.values()
            if name in facts["cross_validated"]
        )
        + f"\n| accuracy of the majority class | {_number(facts['majority'], 'share')} | |"
        + f"\n| accuracy above that, percentage points | {_above_majority(facts)} | |\n"
    )


def cautions(facts: Facts) -> list[str]:
    """Return what calls for caution: too few films to conclude, and the cautions of `evaluation.by_time`."""
    few = conclusions.too_few(facts["cross_validated"]["batches"], facts["discordant"])
    return [*([f"{few.capitalize()}."] if few else []), *_cautions_of_time(facts)]


def _cautions_of_time(facts: Facts) -> list[str]:
    return list((facts["time"] or {}).get("cautions", []))


def _time(facts: Facts) -> str:
    if not facts["time"]:
        return "## Time\n\nNot tested for this model: what metadata alone reach, and what holds on later days.\n"
    rows = [f"| {name} | {number} | {note} |" for name, number, note in facts["time"]["numbers"]]
    outcome = "" if _cautions_of_time(facts) else "No caution by this rule: "
    return (
        "## Time\n\n"
        f"Whether {Target.from_config(facts['target']).name} can be predicted by when a film was grown: balanced "
        "accuracy beside that of the strict "
        "networks.\n\n| | balanced accuracy | |\n|---|---|---|\n" + "\n".join(rows) + "\n\n"
        f"{outcome}{facts['time']['rule']}\n"
    )


def _calibration(facts: Facts) -> str:
    fitted, checked, target = facts["calibration"], facts["checked"], Target.from_config(facts["target"])
    aim, days = f"{100 * fitted['coverage']:g} %", facts["cross_validated"]["batches"]
    scatter = 100 * uncertainty.coverage_std(fitted["coverage"], days)
    infinite = "infinite: too few growth days"
    reach = infinite if fitted["reach"] is None else f"{fitted['reach']:.{target.decimals + 1}f} {target.unit}".strip()
    limit = infinite if fitted["set_limit"] is None else f"{fitted['set_limit']:.3f}"
    interval = (
        f"; the interval is the mean of the probabilities ± {reach}. Both limits are" if target.ordered else ". It is"
    )
    covered = [
        f"| true class in the set, samples of {target.with_unit(one)} "
        f"| {_measured(checked[f'covered_{target.key(one)}'], 'share')} |"
        for one in target.classes
    ]
    checks = [
        f"| {_label(facts, label, kind)} | {_measured(checked[name], kind)} |"
        for name, label, kind in CHECKED.values()
        if name in checked
    ]
    return (
        "## Calibration\n\n"
        f"Probabilities are the network's to the power 1/T, T = {fitted['temperature']:.3f}, fitted by log loss on the "
        f"cross-validated predictions. The set holds every class whose probability p has 1 - p <= {limit}{interval} "
        "conformal, with growth days as the "
        f"units, for a nominal coverage of {aim} of the samples of new days. {_constant(facts)}With each day left out "
        "of T and limits:"
        "\n\n"
        "| | mean, 95 % interval |\n|---|---|\n" + "\n".join([*checks, *covered]) + "\n\n"
        "Where all samples have the same value there is no interval.\n\n"
        "The coverage assumes that new days are like the study's, and that the final model is like the cross-validated "
        "networks, which were trained on fewer samples. It holds on average over studies: the coverage of one study of "
        f"{days} growth days varies around it with a standard deviation of about {scatter:.1f} percentage points "
        f"(the root of c (1 - c) / D with c = {aim}, D = {days}). Nothing is guaranteed for one class, for one day, "
        f"for {'values' if target.ordered else 'classes'} other than {_classes(target)}, or for scans "
        f"that are {novelty.OUT_OF_DISTRIBUTION}.{of_films(facts)}\n"
    )


def _constant(facts: Facts) -> str:
    """State the set and the interval that ignore the scan, with their coverage."""
    target, constant, checked = Target.from_config(facts["target"]), facts["constant"], facts["checked"]
    names = " and ".join(map(target.with_unit, constant["classes"]))
    text = f"{names} as the set covers {_measured(checked['constant_covered_by_day'], 'share')}"
    if target.ordered:
        low, high = constant["interval"]
        text += f", {low:g} to {high:g} {target.unit} as the interval "
        text += _measured(checked["constant_within_by_day"], "share")
    what = "A set or interval" if target.ordered else "A set"
    return f"{what} that is no better than its constant says nothing about a scan: {text}, as means over growth days. "


def _label(facts: Facts, label: str, kind: str) -> str:
    """Name a number, a value with its unit."""
    unit = Target.from_config(facts["target"]).unit if kind == "value" else ""
    return f"{label}, {unit}" if unit else label


def _limits(facts: Facts) -> str:
    limits = facts["novelty"]
    limit = "none: a single growth day" if limits["threshold"] is None else f"{limits['threshold']:.4f}"
    rows = [
        f"| {RANGE_LABELS[name]} | {least:.4g} to {most:.4g} | x {novelty.MEASURES[name].tolerance:g} |"
        for name, (least, most) in limits["ranges"].items()
    ]
    note = PRETRAINED_ON_STUDY if facts["pretraining"] == "films" else ""
    return (
        "## Limitations\n\n"
        f"A scan is flagged as {novelty.OUT_OF_DISTRIBUTION} if the cosine distance of its texture (mean and standard "
        f"deviation of the channels of {limits['block']} of the network before fine-tuning) to its "
        f"{limits['neighbours']}th nearest sample exceeds {limit}, the {100 * limits['quantile']:g} % quantile of the "
        "distances between the study's growth days; if it is in colours or of unknown size; or if a measure is outside "
        "the study's range:\n\n"
        "| measure | in the study | tolerance |\n|---|---|---|\n" + "\n".join(rows) + "\n\n"
        f"With each growth day left out when the limit is set, {100 * limits['flagged']:.1f} % of the study's samples "
        "exceed it by texture alone; new ones may be flagged more often, because the ranges of the measures include "
        f"all samples. {note}A scan without a flag can still be out of distribution, for example another material "
        "with a similar texture.\n\n"
        "Attribution maps show what the network responds to, not what is physically relevant.\n"
    )


def _provenance(facts: Facts) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return f"## Provenance\n\nSeed {facts['seed']}; settings {facts['settings_sha256'][:16]}; {versions}.\n"


def _score(scores: Facts, name: str, kind: str) -> str:
    """Format a score with its interval."""
    return _measured([*scores[name], scores["films"], scores["batches"]], kind)


def _above_majority(facts: Facts) -> str:
    scores = facts["cross_validated"]
    return _measured([*facts["above_majority"], scores["films"], scores["batches"]], "points")


def _measured(values: Sequence[Any], kind: str) -> str:
    """Format a mean with its interval, or with the numbers of samples and days where there is none or an empty one."""
    mean, low, high, samples, days = values
    if None in (low, high) or low == high:
        note = f"{samples} sample{'' if samples == 1 else 's'} of {days} growth day{'' if days == 1 else 's'}"
    else:
        note = f"{_number(low, kind)} to {_number(high, kind)}"
    return f"{_number(mean, kind)} ({note})"


def _number(value: float | None, kind: str) -> str:
    if value is None:
        return "none"
    return {"share": f"{100 * value:.1f} %", "points": f"{100 * value:+.1f}"}.get(kind, f"{value:.3g}")
