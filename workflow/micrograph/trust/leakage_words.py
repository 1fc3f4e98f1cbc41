"""The table of leakage for people: panels, caption, and what the audit found, in sentences."""

from micrograph import protocols
from micrograph.results import panels, style
from micrograph.trust import leakage, leakage_audit

# What is done to the labels, in the caption's order.
LABELS = {
    "true": "true temperatures",
    "films": "temperatures dealt anew film by film",
    "batches": "temperatures dealt anew day by day",
}
# The leaks, short enough to stand beside a figure.
LEAKS = {
    "one_fold": "features of all folds from one fold's network",
    "all_rows": "components fitted on all films",
    "grid": "settings chosen on the films reported",
    "train_mode": "validation loss in training mode",
    "last_weights": "last weights kept, not the best",
    "ungrouped": "films of a day on both sides",
}


def panels_of(table):
    """The table as panels: what is reported of true labels, of shuffled ones, what each leak does, the audit."""
    made = [_true(table), _shuffled(table), *(_leaks(table, labels) for labels in LABELS), _audit(table)]
    return [panel for panel in made if panel.rows]


def _bases(table):
    return table[table["protocol"].isin(protocols.BASES)]


def _named(rows, first):
    """Rows of cells whose first cells (as many as `first`) are left empty where they repeat those above."""
    before = [None] * first
    for row in rows:
        same = [row[: place + 1] == before[: place + 1] for place in range(first)]
        yield ["" if there else cell for there, cell in zip(same, row[:first], strict=True)] + row[first:]
        before = row[:first]


def _model(row):
    return f"{row['model']}, {style.features_words(row['features'])}"


def _cell(row, name, digits=0, said=panels.number):
    return panels.interval(*(row[f"{name}{end}"] for end in leakage.ENDS), digits, said)


def _points(row, name):
    """A difference in points, in bold where its interval leaves out 0."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return panels.best(_cell(row, name, 1, panels.signed), low > 0 or high < 0)


def _true(table):
    rows = []
    for row in _bases(table)[lambda here: here["labels"] == "true"].to_dict("records"):
        part = row["reported"]
        cells = [_cell(row, "validation_pct"), _cell(row, "test_pct"), _points(row, "gap_points")]
        cells += [panels.number(row[f"chance_{part}_pct"]), _points(row, f"above_{part}_points")]
        rows.append([f"{row['protocol']}: reports {part}", _model(row), *cells, f"{row['films']}"])
    headings = ["Protocol", "Model", "Validation, % [95 %]", "Test, % [95 %]", "Validation − test, points"]
    headings += ["Chance, %", "Reported − chance, points", "Films"]
    return panels.Panel("True growth temperatures", headings, list(_named(rows, 1)), words=2)


def _shuffled(table):
    rows = []
    for row in _bases(table)[lambda here: here["labels"] != "true"].to_dict("records"):
        cells = [
            cell
            for part in leakage.PARTS
            for cell in (panels.number(row[f"{part}_pct"]), _points(row, f"above_{part}_points"))
        ]
        verdict = panels.best(row["verdict"] or panels.DASH, row["verdict"] not in ("", leakage.AT))
        times = {1: "once", 2: "twice"}.get(row["draws"], f"{row['draws']} times")
        dealt = f"{LABELS[row['labels']].removeprefix('temperatures ')} ({times})"
        rows.append([dealt, f"{row['protocol']}: reports {row['reported']}", _model(row), *cells, verdict])
    rows = sorted(rows, key=lambda cells: list(LABELS.values()).index(f"temperatures {cells[0].split(' (')[0]}"))
    headings = ["Temperatures", "Protocol", "Model", "Validation, %", "Above chance, points", "Test, %"]
    headings += ["Above chance, points", "What is reported is"]
    notes = (
        "Strict may have validation accuracies above chance, since settings are chosen on these films: it reports none "
        "of them. Of forty models at chance about one seems above it, and one below.",
    )
    return panels.Panel("Growth temperatures dealt by chance", headings, list(_named(rows, 2)), 3, notes)


def _leaks(table, labels):
    """Each leak by itself, on one kind of labels."""
    changed = table[~table["protocol"].isin(protocols.BASES) & (table["labels"] == labels)]
    kept = {(row["protocol"], row["features"], row["model"]): row for row in changed.to_dict("records")}
    models = dict.fromkeys(zip(table["features"], table["model"], strict=True))
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
    return panels.Panel(f"Each leak by itself: {LABELS[labels]}", headings, list(_named(rows, 1)), 2, NOTES)


# How a leak is changed, and what is reported then; the columns of each way (of true labels without the second).
WAYS = {"strict+": "Added to strict: test", "published-": "Closed in published: validation"}
CHANGED = {"value": "{}, %", "above": "Above chance, points", "change": "Change, points"}
NOTES = (
    "A model that a leak cannot reach has no row there: no CNN sees another network's features. Leaks overlap: their "
    "changes need not add up to the difference between the protocols.",
)


def _changed(row, name):
    """The reported accuracy under a changed leak, what of it is above chance, or the change; a dash for no row."""
    if row is None:
        return panels.DASH
    part = row["reported"]
    if name == "value":
        return panels.number(row[f"{part}_pct"])
    return _points(row, {"above": f"above_{part}_points", "change": "change_points"}[name])


def _audit(table):
    return panels.Panel(
        "What the audit of this table found", ["Finding"], [[said] for said in findings(table)], words=1
    )


def findings(table):
    """What the audit found, sentences: first what no leak explains, row by row, then what leaks do explain."""
    found = leakage_audit.audit(table)
    alike = {}
    for finding in found:
        key = (finding.protocol, finding.labels, finding.what, finding.because)
        alike.setdefault((*key, finding if finding.unexplained else None), []).append(finding)
    said = [_sentence(some) for some in sorted(alike.values(), key=lambda some: not some[0].unexplained)]
    return said or ["Nothing: no accuracy is higher than what films show and choosing settings can explain."]


def _sentence(some):
    """Findings alike in all but the model, as one sentence: the farthest of them with its interval."""
    far = max(some, key=lambda finding: finding.points)
    by = f"{panels.number(far.points, 1)} points [{panels.number(far.low, 1)}, {panels.number(far.high, 1)}]"
    by = f"in {len(some)} rows, at most {by}, above" if len(some) > 1 else f"{by} above"
    than = "test accuracy" if far.what == leakage_audit.GAP else "chance"
    part = "validation" if far.what == leakage_audit.GAP else far.what
    limit = f"; choosing settings adds at most {panels.number(far.choosing)}" if far.choosing else ""
    why = " or ".join(LEAKS[leak] for leak in far.because)
    end = f"The protocol has what explains it: {why}." if why else UNEXPLAINED
    models = _model({"features": far.features, "model": far.model})
    return f"{far.protocol}, {LABELS[far.labels]}: {part} accuracy {by} {than} ({models}){limit}. {end}"


UNEXPLAINED = "No leak of this protocol explains it: look for one, unless it is the one row in forty that chance gives."


def caption(table):
    """The table's caption: what is shown, from what, what it says, how to read it, what would surprise (paragraphs)."""
    first = table.iloc[0]
    return "\n\n".join(
        [
            f"{leakage.NAME}. What does each protocol report of temperatures that the films show, and of temperatures "
            f"that they cannot show? Data: {first['data']}; network {first['backbone']} pre-trained on "
            f"{first['pretraining']}; {style.scheme_words(first['scheme'])} models; policy {first['policy']}, "
            f"{first['search']} search of settings; {table['films'].max()} films of {table['batches'].max()} growth "
            "days.",
            PROTOCOLS,
            " ".join([SHUFFLED, *_said(table)]),
            EACH,
            READING,
            SURPRISE,
        ]
    )


def _said(table):
    """What shuffled labels showed: a sentence a protocol that was run on them."""
    said = []
    for base in ("strict", "published"):
        here = table[(table["protocol"] == base) & (table["verdict"] != "")]
        if here.empty:
            continue
        at = (here["verdict"] == leakage.AT).sum()
        above = here[here["verdict"] == leakage.ABOVE]
        part = here["reported"].iloc[0]
        words = f"Here {base} {part} accuracy is at chance in {at} of {len(here)} rows and above it in {len(above)}"
        if len(above):
            far = above.loc[above[f"above_{part}_points"].idxmax()]
            words += f", at most by {panels.number(far[f'above_{part}_points'])} points ({_model(far)})"
        said.append(words + ".")
    return said


PROTOCOLS = (
    "Strict: each film is tested once, by a model that saw no film of its growth day, and test accuracy is what it "
    "reports. Published: the paper's way; the accuracy that it reports is that of each fold's validation films, which "
    "have chosen the settings, and whose fine-tuned features may come from a network trained on them."
)
SHUFFLED = (
    "Temperatures dealt by chance: before anything else is done the growth temperatures are dealt anew, between films, "
    "or between growth days so that a day's stay together, and then everything is fitted to them from the start: "
    "networks, components, settings. No micrograph shows a temperature that it got by lot. Strict test accuracy must "
    "therefore lie at chance; what published validation accuracy has above chance is no knowledge of films, but the "
    "protocol's leaks, in points."
)
EACH = (
    "Each leak by itself: strict+X is strict with leak X added, and reports test accuracy; published-X is published "
    "with leak X closed, and reports validation accuracy; the change is to strict and to published as they are. What a "
    "leak adds to strict, or published loses without it, would not be there for new films. Two of the six, the "
    "validation loss in training mode and the last weights, show no film's temperature to anything: they are habits of "
    "training, and what they change may be there for new films, too. Settings chosen on the films reported are chosen "
    "on the test films in strict, on the validation films in published. With films of a day on both sides the folds "
    "are other ones, so that this change also holds the luck of the deal."
)
READING = (
    "How to read it: chance is what the same answers would get right if each fold's were dealt anew among its films; "
    "it is higher for a model that names the commonest temperature more often. Strict validates and tests the same "
    "films, in turn; published tests films that it never validates, so that its gap also holds how hard those few "
    "films are. In brackets 95 % intervals from redrawing whole growth days (of temperatures dealt by chance each day "
    "of each draw), of two parts or protocols by the same days, with the fitted models kept. Bold: intervals that "
    "leave out 0; of twenty comparisons of nothing with nothing about one is bold. Films of a day on both sides can "
    "betray a temperature dealt by chance only where whole days got it: dealt film by film, the films of a day have "
    "nothing in common but their look."
)
SURPRISE = (
    "What would surprise: strict test accuracy above chance on shuffled temperatures in more rows than one in forty, "
    "which would be a leak in this program; published validation accuracy at chance there; or a published accuracy "
    "that stays what it is when its leaks are closed."
)


def markdown(table, caption):
    """The table as Markdown."""
    return panels.markdown(panels_of(table), caption)


def html(table, caption):
    """The table as a self-contained page."""
    return panels.html(panels_of(table), caption, leakage.NAME)
