"""Baselines: what is told of the growth temperature without a network, and how far the network on pictures is ahead.

Always naming the commonest temperature; growth metadata alone, for a network may be reading no more than the batch;
physical measures of the surface alone, for it may tell no more than these.
"""

from dataclasses import replace

from micrograph.errors import UserError
from micrograph.evaluation import metrics, summaries, tables

NAME = "Baselines"
NOTHING = "none"
UNBALANCED = "aug4"  # the policy under which every film is learnt from once
FEATURES = {NOTHING: "nothing", **summaries.ALONE, "image": "micrographs"}
ENDS = ("", "_low", "_high")
AHEAD = [f"ahead_points{end}" for end in ENDS]
ABOVE = [f"above_majority_points{end}" for end in ENDS]
COLUMNS = [*dict.fromkeys([*summaries.KEYS, *summaries.MEASURED, "batches", *ABOVE, *AHEAD])]


def make_table(fits, network, *, classes, data, backbone, search, pixels, epochs, resamples, rng):
    """The baselines as a data frame: protocol by protocol the majority, then the fits, under strict the network last.

    fits: Fit of the models on metadata or physical features; network: the strict Fit of the network on pictures;
    classes: growth temperatures in Celsius; data ... epochs: said of how the fits were made; resamples, rng: of the
    bootstrap. Both differences are of strict test accuracy, in points, with the paired 95 % interval from redrawing
    whole batches: `above_majority_points`, how much better the row is than always naming the commonest temperature;
    `ahead_points`, how much better the network is than the row.
    """
    if not fits:
        raise UserError(f"{NAME}: there are no fits to show; name features and models in experiments.baselines.")
    drawn = (classes, resamples, int(rng.integers(2**31)))
    rows = []
    for protocol, here in summaries.by_protocol(fits).items():
        rivals = [_majority(here[0]), *here]
        strict = protocol == network.spec.protocol
        for fit in [*rivals, *([network] if strict else [])]:
            apart = _apart(fit, network, drawn) if strict else {}
            batches = fit.predictions.loc[fit.predictions["split"] == "test", "batch"].nunique()
            rows.append(
                fit.spec.columns() | summaries.summarise(fit.predictions, *drawn) | {"batches": batches} | apart
            )
    made = {"data": data, "backbone": backbone, "search": search, "pixels": pixels, "epochs": epochs}
    return summaries.framed(rows, COLUMNS, made)


def _majority(fit):
    """Always naming the temperature most frequent in training, on the films of `fit`."""
    spec = replace(fit.spec, features=NOTHING, scheme=NOTHING, model=summaries.BASELINE)
    return summaries.Fit(spec, metrics.majority_class_baseline(fit.predictions))


def _apart(fit, network, drawn):
    """The columns ABOVE and AHEAD of one row: nobody is compared with itself."""
    found = {}
    if fit.spec.model != summaries.BASELINE:
        found |= _gain(ABOVE, metrics.majority_class_baseline(fit.predictions), fit.predictions, drawn)
    if fit is not network:
        found |= _gain(AHEAD, fit.predictions, network.predictions, drawn)
    return found


def _gain(columns, first, second, drawn):
    """By how many points `second` is better than `first`, with the paired interval, under the names of `columns`."""
    gain = summaries.gain(first, second, *drawn)
    return dict(zip(columns, (gain[name] for name in summaries.GAIN), strict=True))


def panels(table):
    """The table as panels, one a protocol."""
    return [_panel(here, protocol) for protocol, here in table.groupby("protocol", sort=False)]


def _panel(here, protocol):
    columns = [column for column in SHOWN if protocol == "strict" or column[0] not in (COMMONEST, HEADING)]
    rows = [[text(row) for _, text in columns] for _, row in here.iterrows()]
    return tables.Panel(f"Protocol {protocol}", [heading for heading, _ in columns], rows, words=3)


def _difference(columns):
    """The function of a row that says a difference in points, in bold where its interval leaves out 0."""

    def said(row):
        _, low, high = (row[column] for column in columns)
        text = tables.interval(*(row[column] for column in columns), 0, tables.signed)
        return tables.best(text, bool(low > 0 or high < 0))

    return said


COMMONEST = "Above the commonest by, points [95 %]"
HEADING = "Network ahead by, points [95 %]"
SHOWN = [
    ("Seen of a film", lambda row: FEATURES.get(row["features"], row["features"])),
    ("Model", lambda row: tables.SUMMARIES.get(row["model"], row["model"])),
    ("Policy", lambda row: tables.DASH if row["model"] == summaries.BASELINE else row["policy"]),
    ("Validation %", tables.spread_column("validation_pct")),
    ("Test, pooled % [95 %]", tables.interval_column("pooled_pct")),
    ("Balanced % [95 %]", tables.interval_column("balanced_pct")),
    ("Macro F1 [95 %]", tables.interval_column("macro_f1", 2)),
    ("Kappa [95 %]", tables.interval_column("kappa", 2)),
    ("MAE °C [95 %]", tables.interval_column("mae_celsius")),
    (COMMONEST, _difference(ABOVE)),
    (HEADING, _difference(AHEAD)),
]
