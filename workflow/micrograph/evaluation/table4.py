"""Table 4: nine models by scheme, nominal, ordinal and regression, with the error in degrees."""

import numpy as np

from micrograph.evaluation import bootstrap, metrics, summaries, tables

NAME = "Table 4"
REGRESSION = "regression"
PART = "test"  # what every protocol, and the paper, reports here
# How many degrees more than the same model under nominal a fit is off, with the paired 95 % interval.
AGAINST = ["against_nominal_celsius", "against_nominal_celsius_low", "against_nominal_celsius_high"]
COLUMNS = [
    *("protocol", "pretraining", "policy", "features", "scheme", "model"),
    *summaries.MEASURED,
    *summaries.FLAGS,
    *("best_rmse", "best_mae", "best_kappa"),
    *AGAINST,
]
BEST = {  # which flag of a row goes by which metric
    "best_in_row": "accuracy",
    "best_rmse": "rmse_celsius",
    "best_mae": "mae_celsius",
    "best_kappa": "kappa",
}


def make_table(fits, published, baselines=(), *, classes, data, backbone, search, pixels, epochs, resamples, rng):
    """Table 4 as a data frame: protocol by scheme by model, then the paper's numbers as protocol "paper".

    Arguments as of table2.table. RMSE in Celsius is that of a regression's own values, mean absolute error and kappa
    that of the temperatures they become. A row whose model left a test film without an answer has none of the three,
    and `unanswered` says how many predictions that are. Each protocol ends with the majority baseline, strict also with
    `baselines`: Fit of models on features of fits.ALONE.
    """
    summaries.of_one(fits, ("pretraining", "policy"), "table 4")
    rows, drawn = [], (classes, resamples, int(rng.integers(2**31)))
    for protocol, here in summaries.by_protocol(fits).items():
        rows += _rows(here, drawn)
        rows += summaries.alone(baselines, *drawn) if protocol == "strict" else []
        rows.append(summaries.baseline(here, *drawn) | {"scheme": "none"})
    rows += summaries.paper_rows(published, "table4", fits, ("features", "pretraining", "policy", "scheme", "model"))
    made = {"data": data, "backbone": backbone, "search": search, "pixels": pixels, "epochs": epochs}
    return summaries.framed(rows, COLUMNS, made)


def _rows(here, drawn):
    """One row a fit of a protocol, scheme by scheme."""
    order = list(dict.fromkeys(fit.spec.scheme for fit in here))
    here = sorted(here, key=lambda fit: order.index(fit.spec.scheme))
    flags = {name: summaries.best_in_row(here, "scheme", metric, *drawn, PART) for name, metric in BEST.items()}
    flags["best_in_protocol"] = summaries.tied_with_best(here, "accuracy", *drawn)
    return [
        fit.spec.columns()
        | summaries.summarise(fit.predictions, *drawn)
        | {name: best[place] for name, best in flags.items()}
        | _against_nominal(fit, here, *drawn)
        for place, fit in enumerate(here)
    ]


def _against_nominal(fit, here, classes, resamples, seed):
    """The columns AGAINST of a fit; {} for nominal ones, and where the model was not fitted as one."""
    model = fit.spec.features, fit.spec.model
    same = [one for one in here if one.spec.scheme == "nominal" and (one.spec.features, one.spec.model) == model]
    if not same or same[0] is fit:
        return {}
    ours, names = (one.predictions[one.predictions["split"] == PART] for one in (fit, same[0]))
    ends = bootstrap.paired_bootstrap(ours, names, "mae_celsius", classes, resamples, np.random.default_rng(seed))
    more = metrics.score(ours, "mae_celsius", classes) - metrics.score(names, "mae_celsius", classes)
    return dict(zip(AGAINST, (more, *ends), strict=True))


def panels(table):
    """Table 4 as panels: accuracy and RMSE in the paper's layout, errors of the ordered scale, then the details."""
    protocols = [name for name in summaries.PROTOCOLS if name in set(table["protocol"])]
    return [
        _overview(summaries.compared(table), [*protocols, summaries.PAPER], tables.alone(table)),
        _ordered(summaries.compared(table), protocols),
        *(tables.detail(table, name, PART, WORDS, after=AFTER) for name in protocols),
    ]


def _overview(table, protocols, beside):
    """Schemes in rows, models in columns: accuracy, then the error of the regressions. beside: notes on baselines."""
    models = summaries.of_fits(table)["model"].unique()
    rows = []
    for protocol in protocols:
        here = table[table["protocol"] == protocol].set_index(["scheme", "model"])
        block = [
            [f"{_spoken(scheme)}, accuracy %", *_cells(here, scheme, models, "test_pct", "best_in_row")]
            for scheme in here.index.get_level_values("scheme").unique()
            if scheme in tables.SCHEMES
        ]
        if REGRESSION in here.index:
            error = _cells(here, REGRESSION, models, "test_rmse_celsius", "best_rmse", _gaps(here))
            block.append([f"{_spoken(REGRESSION)}, RMSE °C", *error])
        heading = tables.HEADINGS[protocol, PART]
        rows += [[heading if place == 0 else "", *row] for place, row in enumerate(block)]
    headings = ["Test", "Scheme", *models]
    notes = (*_notes(table), *beside)
    return tables.Panel("At a glance, in the paper's layout", headings, rows, words=2, notes=notes)


def _cells(here, scheme, models, name, flag, gaps=()):
    """details.cells of a scheme's models, a marked dash where a model left films without an answer."""
    found = tables.cells(here, [(scheme, model) for model in models], name, flag=flag)
    return [
        f"{cell}{tables.MARK}" if (scheme, model) in gaps else cell for cell, model in zip(found, models, strict=True)
    ]


def _gaps(here):
    """The (scheme, model) of the fits that left test films without an answer."""
    return set(here.index[here["n_missing"].fillna(0) > 0])


def _ordered(table, protocols):
    """Mean absolute error and kappa of all test predictions together, schemes in rows, models in columns."""
    models = summaries.of_fits(table)["model"].unique()
    rows = []
    for protocol in protocols:
        here = table[table["protocol"] == protocol].set_index(["scheme", "model"])
        gaps, block = _gaps(here), []
        for name, unit, digits, flag in (("mae_celsius", "MAE °C", 0, "best_mae"), ("kappa", "kappa", 2, "best_kappa")):
            for scheme in here.index.get_level_values("scheme").unique():
                if scheme not in tables.SCHEMES:
                    continue
                cells = [_pooled(here, (scheme, model), name, digits, flag, gaps) for model in models]
                block.append([f"{_spoken(scheme)}, {unit}", *cells])
        heading = tables.HEADINGS[protocol, PART]
        rows += [[heading if place == 0 else "", *row] for place, row in enumerate(block)]
    headings = ["Test, pooled [95 %]", "Scheme", *models]
    return tables.Panel("How far off: mean absolute error and kappa", headings, rows, words=2, notes=_notes(table))


def _pooled(here, key, name, digits, flag, gaps):
    if key not in here.index:
        return tables.DASH
    row = here.loc[key]
    text = tables.best(tables.interval_column(name, digits)(row), row[flag])
    return f"{text}{tables.MARK}" if key in gaps else text


def _notes(table):
    """Who left films without an answer, and what that means."""
    silent = table[table["n_missing"].fillna(0) > 0]
    if silent.empty:
        return ()
    said = "; ".join(
        f"{row.model}, {_spoken(row.scheme)}, {row.protocol}: {int(row.n_missing)} test predictions missing"
        for row in silent.itertuples()
    )
    return (
        f"{tables.MARK} {said}. A test film without an answer counts as wrong, and then there is no error in degrees. "
        "RNN as in the paper has no answer for a film without a neighbour inside its radius (the paper has no RMSE "
        "there either); under the strict protocol it answers with the nearest neighbour.",
    )


def _spoken(scheme):
    return tables.SCHEMES.get(scheme, scheme)


WORDS = [("Scheme", lambda row: _spoken(row["scheme"])), ("Model", tables.model)]
AFTER = [
    ("RMSE °C", tables.spread_column("test_rmse_celsius")),
    ("RMSE, pooled °C [95 %]", tables.interval_column("rmse_celsius")),
]
