"""Panels and captions of the leakage table."""

from micrograph.evaluation import leakage, tables
from micrograph.evaluation.labels import model_label
from micrograph.splits import protocols

# What is done to the labels, in the caption's order.
LABELS = {
    "true": "true temperatures",
    "films": "temperatures dealt anew film by film",
    "batches": "temperatures dealt anew day by day",
    "both": "temperatures dealt anew in both ways",
}
# The leaks, short enough to stand beside a figure.
LEAKS = {
    "one_fold": "features of all folds from one network",
    "all_rows": "PCA fitted on all samples",
    "grid": "settings selected on the reported split",
    "train_mode": "validation loss in training mode",
    "last_weights": "last checkpoint, not the best",
    "ungrouped": "splits not grouped by growth day",
}


def panels(table):
    """The table as panels: what is reported of true labels, of shuffled ones, what each leak does, the audit."""
    made = [_true(table), _shuffled(table), *(_leaks(table, labels) for labels in LABELS), _audit(table)]
    return [panel for panel in made if panel.rows]


def _bases(table):
    return table[table["protocol"].isin(protocols.PROTOCOLS)]


def _named(rows, first):
    """Rows of cells whose first cells (as many as `first`) are left empty where they repeat those above."""
    before = [None] * first
    for row in rows:
        same = [row[: place + 1] == before[: place + 1] for place in range(first)]
        yield ["" if there else cell for there, cell in zip(same, row[:first], strict=True)] + row[first:]
        before = row[:first]


def _model(row):
    if row["model"] == leakage.ALL:
        return "all models"
    return model_label(row["model"], row["features"])


def _cell(row, name, digits=0, said=tables.number):
    return tables.interval(*(row[f"{name}{end}"] for end in leakage.ENDS), digits, said)


def _points(row, name):
    """A difference in points, in bold where its interval leaves out 0."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return tables.best(_cell(row, name, 1, tables.signed), low > 0 or high < 0)


def _true(table):
    rows = []
    for row in _bases(table)[lambda here: here["labels"] == "true"].to_dict("records"):
        part = row["reported"]
        cells = [_cell(row, "validation_pct"), _cell(row, "test_pct"), _points(row, "gap_points")]
        cells += [tables.number(row[f"chance_{part}_pct"]), _points(row, f"above_{part}_points")]
        rows.append([f"{row['protocol']}: reports {part}", _model(row), *cells, f"{row['films']}"])
    headings = ["Protocol", "Model", "Validation, % [95 %]", "Test, % [95 %]", "Validation − test, points"]
    headings += ["Chance, %", "Reported − chance, points", "Films"]
    return tables.Panel("True growth temperatures", headings, list(_named(rows, 1)), words=2)


def _shuffled(table):
    rows = []
    for row in _bases(table)[lambda here: here["labels"] != "true"].to_dict("records"):
        cells = [
            cell
            for part in leakage.PARTS
            for cell in (tables.number(row[f"{part}_pct"]), _points(row, f"above_{part}_points"))
        ]
        verdict = tables.best(row["verdict"] or tables.DASH, row["verdict"] not in ("", leakage.AT))
        times = {1: "once", 2: "twice"}.get(row["draws"], f"{row['draws']} times")
        dealt = f"{LABELS[row['labels']].removeprefix('temperatures ')} ({times})"
        rows.append([dealt, f"{row['protocol']}: reports {row['reported']}", _model(row), *cells, verdict])
    rows = sorted(rows, key=lambda cells: list(LABELS.values()).index(f"temperatures {cells[0].split(' (')[0]}"))
    headings = ["Temperatures", "Protocol", "Model", "Validation, %", "Above chance, points", "Test, %"]
    headings += ["Above chance, points", "What is reported is"]
    notes = (
        "Strict may have validation accuracies above chance, since settings are chosen on these films: it reports none "
        "of them. Of forty models at chance one or two seem above it, and as many below.",
        *([POOLED] if (table["model"] == leakage.ALL).any() else []),
    )
    return tables.Panel("Growth temperatures dealt by chance", headings, list(_named(rows, 2)), 3, notes)


def _leaks(table, labels):
    """Each leak by itself, on one kind of labels."""
    changed = table[~table["protocol"].isin(protocols.PROTOCOLS) & (table["labels"] == labels)]
    kept = {(row["protocol"], row["features"], row["model"]): row for row in changed.to_dict("records")}
    models = sorted(
        dict.fromkeys(zip(table["features"], table["model"], strict=True)), key=lambda one: one[1] == leakage.ALL
    )
    ways = {way: words for way, words in WAYS.items() if changed["protocol"].str.startswith(way).any()}
    shown = [name for name in CHANGED if labels != "true" or name != "above"]
    rows = []
    for leak, words in LEAKS.items():
        for features, model in models:
            found = [kept.get((f"{way}{leak}", features, model)) for way in ways]
            cells = [_changed(row, name) for row in found for name in shown]
            if any(found):
                rows.append([words, _model({"features": features, "model": model}), *cells])
    headings = ["Leak", "Model", *(CHANGED[name].format(words) for words in ways.values() for name in shown)]
    return tables.Panel(f"Each leak by itself: {LABELS[labels]}", headings, list(_named(rows, 1)), 2, _notes(changed))


# How a leak is changed, and what is reported then; the columns of each way (of true labels without the second).
WAYS = {"strict+": "Added to strict: test", "published-": "Closed in published: validation"}
CHANGED = {"value": "{}, %", "above": "Above chance, points", "change": "Change, points"}
NOTE = (
    "A model that a leak cannot reach has no row there: no CNN sees another network's features. Leaks overlap: their "
    "changes need not add up to the difference between the protocols."
)
SAME = "A change of +0.0 [+0.0, +0.0]: one setting, nothing to choose."
POOLED = "All models: the predictions of all models together. Both ways: all permutations, film by film and day by day."


def _notes(changed):
    """What is said below a panel of single leaks, a tuple."""
    grid = changed[changed["protocol"].str.endswith("grid")]
    same = (grid[[f"change_points{end}" for end in leakage.ENDS]] == 0).all(axis=1)
    return (NOTE, SAME) if same.any() else (NOTE,)


def _changed(row, name):
    """The reported accuracy under a changed leak, what of it is above chance, or the change; a dash for no row."""
    if row is None:
        return tables.DASH
    part = row["reported"]
    if name == "value":
        return tables.number(row[f"{part}_pct"])
    return _points(row, {"above": f"above_{part}_points", "change": "change_points"}[name])


def _audit(table):
    return tables.Panel(
        "What the audit of this table found", ["Finding"], [[said] for said in findings(table)], words=1
    )


def findings(table):
    """What the audit found, sentences: first what no leak explains, row by row, then what leaks do explain."""
    found = leakage.audit(table)
    alike = {}
    for finding in found:
        key = (finding.protocol, finding.labels, finding.what, finding.because)
        alike.setdefault((*key, finding if finding.unexplained else None), []).append(finding)
    said = [_sentence(some) for some in sorted(alike.values(), key=lambda some: not some[0].unexplained)]
    return said or ["Nothing: no accuracy is higher than what films show and choosing settings can explain."]


def _sentence(some):
    """Findings alike in all but the model, as one sentence: the farthest of them with its interval."""
    far = max(some, key=lambda finding: finding.points)
    by = f"{tables.number(far.points, 1)} points [{tables.number(far.low, 1)}, {tables.number(far.high, 1)}]"
    by = f"in {len(some)} rows, at most {by}, above" if len(some) > 1 else f"{by} above"
    than = "test accuracy" if far.what == leakage.GAP else "chance"
    part = "validation" if far.what == leakage.GAP else far.what
    limit = f"; choosing settings adds at most {tables.number(far.choosing)}" if far.choosing else ""
    why = " or ".join(LEAKS[leak] for leak in far.because)
    end = f"The protocol has what explains it: {why}." if why else UNEXPLAINED
    models = _model({"features": far.features, "model": far.model})
    return f"{far.protocol}, {LABELS[far.labels]}: {part} accuracy {by} {than} ({models}){limit}. {end}"


UNEXPLAINED = "No leak of this protocol explains it: look for one, unless it is the one row in forty that chance gives."
