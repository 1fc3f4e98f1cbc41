"""Baselines: what is told of the growth temperature without a network, and how far the network on pictures is ahead.

Always naming the commonest temperature; growth metadata alone, for a network may be reading no more than the batch;
physical measures of the surface alone, for it may tell no more than these.
"""

from micrograph.errors import UserError
from micrograph.evaluation import fits, metrics, tables

NAME = "Baselines"
NOTHING = "none"
UNBALANCED = "aug4"  # the policy under which every film is learnt from once
FEATURES = {NOTHING: "nothing", **fits.ALONE, "image": "micrographs"}
ENDS = ("", "_low", "_high")
AHEAD = [f"ahead_points{end}" for end in ENDS]
ABOVE = [f"above_majority_points{end}" for end in ENDS]
COLUMNS = [*dict.fromkeys([*fits.KEYS, *fits.MEASURED, "batches", *ABOVE, *AHEAD])]


def table(given, network, *, classes, data, backbone, search, pixels, epochs, resamples, rng):
    """The baselines as a data frame: protocol by protocol the majority, then the fits, under strict the network last.

    given: fits.Fit of the models on metadata or physical features; network: the strict Fit of the network on pictures;
    classes: growth temperatures in Celsius; data ... epochs: said of how the fits were made; resamples, rng: of the
    bootstrap. Both differences are of strict test accuracy, in points, with the paired 95 % interval from redrawing
    whole batches: `above_majority_points`, how much better the row is than always naming the commonest temperature;
    `ahead_points`, how much better the network is than the row.
    """
    if not given:
        raise UserError(f"{NAME}: there are no fits to show; name features and models in experiments.baselines.")
    drawn = (classes, resamples, int(rng.integers(2**31)))
    rows = []
    for protocol, here in fits.by_protocol(given).items():
        rivals = [_majority(here[0]), *here]
        strict = protocol == network.words["protocol"]
        for fit in [*rivals, *([network] if strict else [])]:
            apart = _apart(fit, network, drawn) if strict else {}
            batches = fit.predictions.loc[fit.predictions["part"] == "test", "batch"].nunique()
            rows.append(fit.words | fits.summarise(fit.predictions, *drawn) | {"batches": batches} | apart)
    made = {"data": data, "backbone": backbone, "search": search, "pixels": pixels, "epochs": epochs}
    return fits.framed(rows, COLUMNS, made)


def _majority(fit):
    """Always naming the temperature most frequent in training, on the films of `fit`."""
    words = fit.words | {"features": NOTHING, "scheme": NOTHING, "model": fits.BASELINE}
    return fits.Fit(words, metrics.majority_class_baseline(fit.predictions))


def _apart(fit, network, drawn):
    """The columns ABOVE and AHEAD of one row: nobody is compared with itself."""
    found = {}
    if fit.words["model"] != fits.BASELINE:
        found |= _gain(ABOVE, metrics.majority_class_baseline(fit.predictions), fit.predictions, drawn)
    if fit is not network:
        found |= _gain(AHEAD, fit.predictions, network.predictions, drawn)
    return found


def _gain(columns, first, second, drawn):
    """By how many points `second` is better than `first`, with the paired interval, under the names of `columns`."""
    gain = fits.gain(first, second, *drawn)
    return dict(zip(columns, (gain[name] for name in fits.GAIN), strict=True))


def told_apart(row):
    """Whether the interval of a row's difference to the network leaves out 0."""
    return bool(row["ahead_points_low"] > 0 or row["ahead_points_high"] < 0)


def panels_of(table):
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
    ("Policy", lambda row: tables.DASH if row["model"] == fits.BASELINE else row["policy"]),
    ("Validation %", tables.spread_column("validation_pct")),
    ("Test, pooled % [95 %]", tables.interval_column("pooled_pct")),
    ("Balanced % [95 %]", tables.interval_column("balanced_pct")),
    ("Macro F1 [95 %]", tables.interval_column("macro_f1", 2)),
    ("Kappa [95 %]", tables.interval_column("kappa", 2)),
    ("MAE °C [95 %]", tables.interval_column("mae_celsius")),
    (COMMONEST, _difference(ABOVE)),
    (HEADING, _difference(AHEAD)),
]


def caption(table):
    """The caption: what is shown, from what, what was found, how to read it, what would surprise (paragraphs)."""
    first = table.iloc[0]
    films = ", ".join(
        f"{protocol}: {int(rows['tested_samples'].iloc[0])} films of {int(rows['batches'].iloc[0])} growth days tested "
        f"in {int(rows['folds'].iloc[0])} folds"
        for protocol, rows in table.groupby("protocol", sort=False)
    )
    return "\n\n".join(
        [
            " ".join([f"{ASKED} Data: {first['data']}; {films}. {SEEN}", *_rebalanced(table)]),
            " ".join([*findings(table), *_both_sides(table)]),
            READING,
            SURPRISE,
        ]
    )


def findings(table):
    """What is found of the network against each strict baseline, a list of sentences; empty without strict rows."""
    rows = [row for _, row in table[table["ahead_points"].notna()].iterrows()]
    said = [(row, tables.signed(row["ahead_points"])) for row in rows]
    return [f"{_against(row)}: {points} points{_ends(row)}, {_verdict(row)}." for row, points in said]


def _against(row):
    what = FEATURES.get(row["features"], row["features"])
    rival = "the commonest temperature" if row["model"] == fits.BASELINE else f"{row['model']} on {what}"
    return f"The network on micrographs against {rival}"


def _ends(row):
    low, high = row["ahead_points_low"], row["ahead_points_high"]
    return "" if tables.missing(low) else f" [{tables.signed(low)}, {tables.signed(high)}]"


def _verdict(row):
    """The network's standing in words; the difference is of test accuracy, film by film."""
    if tables.missing(row["ahead_points_low"]):
        return "of too few growth days for an interval"
    if not told_apart(row):
        return "not told apart"
    return "the network tells more" if row["ahead_points"] > 0 else "the network tells less"


def _rebalanced(table):
    """A sentence on who learns from rebalanced classes, by the rows' policies, and what that does; else nothing."""
    learnt = table[table["model"] != fits.BASELINE].drop_duplicates(["model", "policy"])
    said = [
        f"{model} learns {'without rebalancing' if policy == UNBALANCED else 'from rebalanced classes'} ({policy})"
        for model, policy in zip(learnt["model"], learnt["policy"], strict=True)
    ]
    return [f"{', '.join(said)}: {REBALANCING}"] if said else []


def _both_sides(table):
    """A sentence on the metadata where both protocols have them, else nothing: what a batch gives away."""
    here = table[table["features"] == "metadata"].drop_duplicates("protocol").set_index("protocol")
    if not {"strict", "published"} <= set(here.index):
        return []
    apart, both = here.loc["strict", "pooled_pct"], here.loc["published", "validation_pct"]
    return [
        f"Growth metadata reach {tables.number(both)} % of the validation films under published, where films of one "
        f"growth day stand on both sides, and {tables.number(apart)} % of the tested films under strict, where none do."
    ]


ASKED = f"{NAME}. Is a network needed to tell the growth temperature, or do growth conditions tell as much?"
SEEN = (
    "Growth metadata are what the sheet has of growth time, pressure, day, substrate, operator and batch. Physical "
    "features are roughness, height distribution, correlation length, spectrum, grains and steps, measured on the "
    "height maps (on grey values where the study has finished pictures only). OLR is ordinal logistic regression: "
    "proportional odds with a ridge, whose strength is chosen on validation films; what is unknown of a film counts as "
    "the training mean, and that it is unknown is a feature of its own; it sees only what rises or falls with the "
    "temperature, so that it is no upper bound of what these features tell: another, nonlinear model of the same "
    "measures may do better. The network is the CNN that is explained, one for each "
    "fold: every film is answered by one that saw no film of its growth day. The model that predicts new scans has the "
    "same pre-training, policy and scheme, and is trained anew on all films; it is not tested here."
)
REBALANCING = (
    "rebalancing, by which rare temperatures count as much as common ones, lowers plain accuracy as a rule; balanced "
    "accuracy, the mean over temperatures of the share that is told right, stands beside it."
)
READING = (
    "How to read it: validation is mean ± standard deviation over folds; the other figures count all test predictions "
    "together, in brackets the 95 % interval from redrawing whole growth days with the fitted models kept. The last "
    "two columns are differences of test accuracy, the row's less that of always naming the commonest temperature and "
    "the network's less the row's, with the paired interval from redrawing the same growth days for both; bold where "
    "it leaves out 0. Where it does not, the data cannot tell the two apart, which is not to say that they are equal. "
    "Under strict the batch of a tested film was never seen in training, so that the columns of batches say nothing "
    "of it, and metadata can tell only what holds from day to day, as a habit of growing longer at one temperature; "
    "under published a film's own batch may name its temperature. That the network is ahead of metadata does not show "
    "that it makes no use of them: leakage and confounders ask that."
)
SURPRISE = (
    "What would surprise: growth metadata as good as the network under strict, for then the pictures may tell no more "
    "than the circumstances of growth; or OLR on physical features far behind it, for then the network would "
    "see what roughness, grains and steps do not say, or say only to a model that is not linear."
)


def markdown(table, caption):
    """The baselines as Markdown."""
    return tables.markdown(panels_of(table), caption)


def html(table, caption):
    """The baselines as a self-contained page."""
    return tables.html(panels_of(table), caption, NAME)
