"""Claims on what protocols leak: whether the published one overstates, what each leak adds, what is made of nothing.

Made from the table leakage (trust/leakage.py), whose captions tell how its numbers come about.
"""

from dataclasses import replace

from micrograph.evaluation import leakage, tables
from micrograph.evaluation.leakage_captions import LEAKS
from micrograph.splits import protocols
from micrograph.trust import claim_rules
from micrograph.trust.claim_rules import MARGIN_POINTS, Claim, Rule, Words
from micrograph.trust.claim_topics import Topic, interval_of, names, rows_of, tested, untested

MORE, LESS = Rule(), Rule(sign=-1)
AT_CHANCE = Rule(sign=-1, least=MARGIN_POINTS, contrary=MARGIN_POINTS)
LUCK = "; the folds are other ones, so that this also holds the luck of another deal"
TRUE = "true"
SHUFFLED = {"films": "dealt anew between films", "batches": "dealt anew between whole growth days"}
# What a leak is added to or taken from -> (sign in names, rule of the claim, more, less, what is done).
CHANGES = {
    "strict": ("+", MORE, "more", "less", "with one leak added"),
    "published": ("-", LESS, "less", "more", "with one leak closed"),
}


def overstated(table, data):
    """Does each protocol report more on validation films than its test films bear out? published first."""
    made = []
    for protocol in ("published", "strict"):
        rows = rows_of(table, protocol=protocol, labels=TRUE)
        found = [_of(row, "gap_points", name, row) for row, name in zip(rows, names(rows), strict=True)]
        if family := tested(found):
            made.append(claim_rules.some(_gap(protocol, data), family, MORE, "points"))
    return made


# Protocol -> (what it does with validation films, what is to be known of the test films, whose films are counted).
GAPS = {
    "published": (
        "which it reports",
        ", though its test films, too, may share growth days with training films",
        " in validation, and the test films",
    ),
    "strict": ("which it does not report", "", ", each in validation once and in test once"),
}


def _gap(protocol, data):
    where, shared, others = GAPS[protocol]
    text = f"under {protocol} validation films, {where}, are told better than test films{shared}"
    return Words(text, "they are told worse", data, others=others)


def contributed(table, data, base):
    """What does each leak alone do to the accuracy that is reported? base: strict (leaks added) or published (taken).

    All comparisons of a base are made at once. A fit that a leak cannot touch is not compared.
    """
    sign, *_ = CHANGES[base]
    rows = {leak: rows_of(table, protocol=f"{base}{sign}{leak}", labels=TRUE) for leak in protocols.LEAKS}
    if not any(rows.values()):
        return []
    found = {
        leak: tested([_of(row, "change_points", name) for row, name in zip(here, names(here), strict=True)])
        for leak, here in rows.items()
    }
    moved = {leak: [one for one in here if not _unmoved(one)] for leak, here in found.items()}
    count = sum(map(len, moved.values()))
    return [_contribution(base, leak, found[leak], moved[leak], count, data) for leak in protocols.LEAKS]


def _contribution(base, leak, found, moved, count, data):
    """The claim on one leak. found: all fits compared; moved: those whose answers it changes."""
    _, rule, more, less, done = CHANGES[base]
    leaks = f"{done} ({LEAKS[leak]}{LUCK if leak == 'ungrouped' else ''})"
    if not found:
        return untested(f"what {base} reports {leaks}", "no fit that it can touch was made so")
    if not moved:
        one, fits = found[0], "one fit" if len(found) == 1 else f"{len(found)} fits"
        text = f"That {base} reports {more} {leaks} is not supported; it reports the same: no answer of {fits} changes"
        text += f"; {claim_rules.counts(one, data)}."
        return Claim(text, claim_rules.CONTRARY, 0.0, 0.0, 0.0, "points", one.films, one.batches)
    words = Words(f"{base} reports {more} {leaks}", f"it reports {less}", data)
    return claim_rules.some(words, moved, rule, "points", count)


def _unmoved(one):
    return one.estimate == one.low == one.high == 0


def nothing(table, data):
    """What is reported where there is nothing to learn: strict, published, and strict with single leaks.

    That strict is at chance is one claim, of all models and draws together; what leaks make up is asked of every model.
    """
    if not (set(table["labels"]) & set(SHUFFLED)):
        return []
    made = _at_chance(table, data)
    models = table[table["model"] != leakage.ALL]
    for labels, how in SHUFFLED.items():
        rows = rows_of(models, protocol="published", labels=labels)
        none = untested(f"what published reports on growth temperatures {how}", "the table leakage has no row for it")
        made.append(_above_chance(rows, how, data) if tested(_above(rows)) else none)
        leaky = [row for row in rows_of(models, labels=labels) if str(row["protocol"]).startswith("strict+")]
        leaky = [row for row in leaky if not _unmoved(_of(row, "change_points", ""))]
        if family := _above(leaky, by_protocol=True):
            made.append(_made_up(family, _dealt(leaky, how), data))
    return made


def _above(rows, by_protocol=False):
    """How far above chance the accuracy is that each row's protocol reports."""
    found = []
    for row, name in zip(rows, names(rows), strict=True):
        leaks = " and ".join(LEAKS[leak] for leak in str(row["protocol"]).split("+")[1:])
        name = f"{name} (leak: {leaks})" if by_protocol else name
        found.append(_of(row, f"above_{row['reported']}_points", name))
    return tested(found)


def _dealt(rows, how):
    """How labels were dealt anew, and how often: "dealt anew between films (2 draws)"."""
    draws = int(max(row.get("draws", 1) for row in rows))
    return f"{how} ({draws} draw{'' if draws == 1 else 's'})"


def _at_chance(table, data):
    """One claim from all models of both kinds of draws; one of each kind where there is no such row."""
    strict = {labels: rows_of(table, protocol="strict", labels=labels) for labels in SHUFFLED}
    both = [_dealt(rows, how) for how, rows in zip(SHUFFLED.values(), strict.values(), strict=True) if rows]
    asked = {how: _pooled(rows) for how, rows in zip(SHUFFLED.values(), strict.values(), strict=True)}
    if rows := rows_of(table, protocol="strict", labels=leakage.BOTH):
        asked = {f"{both[0]} and {both[1].removeprefix('dealt anew ')}": rows}
    made = []
    for how, rows in asked.items():
        none = untested(f"what strict reports on growth temperatures {how}", "the table leakage has no row for it")
        how = how if how.endswith(")") or not rows else _dealt(rows, how)
        made.append(_strict(rows, how, data) if tested(_above(rows)) else none)
    return made


def _pooled(rows):
    """The row of all models together, as a list; all rows where there is none."""
    return [row for row in rows if row["model"] == leakage.ALL] or rows


def _strict(rows, how, data):
    words = Words(
        f"strict is less than {MARGIN_POINTS} points of test accuracy above chance on growth temperatures {how}, "
        f"where there is nothing to learn",
        f"it is more than {MARGIN_POINTS} points above",
        data,
    )
    family = [_beside(one) for one in _above(rows)]
    return claim_rules.every(words, family, AT_CHANCE, "points")


def _beside(one):
    """The comparison, with the side of chance on which its whole interval lies, where it does."""
    low, high = (round(end, 1) for end in (one.low, one.high))
    side = "wholly above chance" if low > 0 else "wholly below chance" if high < 0 else ""
    name = "all models together" if one.name.startswith(leakage.ALL) else one.name
    return replace(one, name=name, beside=side)


def _above_chance(rows, how, data):
    text = f"published reports accuracy above chance on growth temperatures {_dealt(rows, how)}"
    words = Words(f"{text}, where there is nothing to learn", "it is below", data)
    return claim_rules.some(words, _above(rows), MORE, "points")


def _made_up(family, how, data):
    text = f"leaks added to strict make it report accuracy above chance on growth temperatures {how}"
    words = Words(text, "it is below", data)
    return claim_rules.some(words, family, MORE, "points")


def _of(row, column, name, parts=None):
    both = [] if parts is None else [_percent(parts, part) for part in ("validation", "test")]
    return claim_rules.of_row(row, column, name, " against ".join(both))


def _percent(row, part):
    return f"{tables.number(row.get(f'{part}_pct', float('nan')), 1)} %"


FITS = ["protocol", "labels", "features", "scheme", "model"]
EACH = "What does each leak contribute?"
TOPICS = [
    Topic(
        "Does the published protocol overstate?",
        "whether validation films are told better than test films",
        {"leakage": [*FITS, *interval_of("gap_points")]},
        overstated,
    ),
    Topic(
        EACH,
        "what each leak adds to strict",
        {"leakage": [*FITS, *interval_of("change_points")]},
        lambda table, data: contributed(table, data, "strict"),
    ),
    Topic(
        EACH,
        "what published reports without each of its leaks",
        {"leakage": [*FITS, *interval_of("change_points")]},
        lambda table, data: contributed(table, data, "published"),
    ),
    Topic(
        "Is anything learnt where there is nothing to learn?",
        "what is reported on shuffled growth temperatures",
        {"leakage": [*FITS, "reported", *interval_of("above_validation_points", "above_test_points")]},
        nothing,
    ),
]
