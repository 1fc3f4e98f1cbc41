"""Claims on when an answer can be trusted: calibration, sets, new operators and days, confounders, spread over repeats.

Made from the tables calibration, confounders and Table 2.
"""

from functools import partial

import numpy as np

from micrograph.evaluation import bootstrap, confounders_caption, fits, table2, tables
from micrograph.trust import claim_rules
from micrograph.trust.claim_rules import MARGIN_POINTS, Compared, Rule, Words
from micrograph.trust.claim_topics import Topic, interval_of, names, rows_of, tested, untested

STRICT = "strict"
AS_IS, SCALED = "as_is", "scaled"
LEFT_OUT = "left_out"
NETWORK = "CNN"
STAGES = {AS_IS: "as the model gives them", SCALED: "scaled by a temperature fitted on validation films"}
LESS = Rule(sign=-1)
CLOSE = Rule(sign=-1, least=MARGIN_POINTS, contrary=MARGIN_POINTS)
HOLDS = Rule(least=-MARGIN_POINTS, contrary=-MARGIN_POINTS)
FEWEST_DEALS = 3  # of two deals of the folds the interval of their spread says nothing
OTHER = Rule(sign=0)
SPLIT = "split"
KINDS = {  # kind of confounder -> in words
    "growth_seconds": "growth time",
    "substrate": "substrate",
    "batch_size": "number of films grown on a day",
    "scan_quality": "quality of the scan",
    "pressure_torr": "pressure",
    "operator": "operator",
}


def calibrated(table, data):
    """Are probabilities as good as they say, before and after scaling, and does scaling help? Claims a fit."""
    made = []
    for row, name in _fits(table):
        if row["stage"] == LEFT_OUT:
            made.append(untested(f"whether probabilities of {name} are calibrated", _why([row])))
        for claim in (_error, _scaling, _informative):
            made += claim(row, name, data)
    return made


def _error(row, name, data):
    """The expected calibration error of a stage."""
    stage = STAGES.get(row["stage"], row["stage"])
    one = claim_rules.of_row(row, "ece_pct", f"{name}, expected calibration error")
    text = f"probabilities, {stage}, are off by less than {MARGIN_POINTS} points on average"
    words = Words(text, "they are off by more", data)
    return [claim_rules.single(words, one, CLOSE, "%")] if tested([one]) else []


def _scaling(row, name, data):
    """Whether scaling lessened the log loss; a table need not have that."""
    one = claim_rules.of_row(row, "log_loss_change", f"{name}, change of the log loss")
    words = Words("a temperature fitted on validation films makes probabilities more true", "they are less true", data)
    return [claim_rules.single(words, one, LESS, "nats")] if row["stage"] == SCALED and tested([one]) else []


def _informative(row, name, data):
    """Whether probabilities say more than the shares of the classes do; a table need not have that."""
    one, shares = claim_rules.of_row(row, "log_loss", f"{name}, log loss"), claim_rules.number(row, "shares_log_loss")
    text = f"probabilities, {STAGES.get(row['stage'])}, say more than how common each temperature is (log loss "
    words = Words(f"{text}{tables.number(shares, 2)})", "they say less", data)
    there = row["stage"] == SCALED and tested([one]) and not np.isnan(shares)
    return [claim_rules.single(words, one, Rule(-1, shares, shares), "log loss")] if there else []


def covered(table, data):
    """Do the sets hold the truth nearly as often as they aim at, or more? A claim a fit, of scaled ones if there are.

    Judged is the mean over growth days, which is what split conformal sets by day aim at, where the table has it.
    """
    stage = SCALED if SCALED in set(table["stage"]) else AS_IS
    made = []
    for row, name in _fits(table[table["stage"] == stage]):
        aim, (one,) = claim_rules.number(row, "coverage_aim_pct"), [_held(row, name)]
        least = aim - MARGIN_POINTS
        text = f"sets aimed at holding the truth for {aim:.0f} % of films hold it for more than {least:.0f} %"
        words = Words(text, "they fall short of their aim by more than that", data, larger(one, aim))
        made += [claim_rules.single(words, one, Rule(1, least, least), "%")] if tested([one]) else []
    return made


def larger(one, aim):
    """What is said beside of sets that hold the truth more often than they aim at; nothing where they may not."""
    more = claim_rules.judged(one, Rule(1, aim), claim_rules.UNITS["%"][0]) == claim_rules.SUPPORTED
    return "; they hold more than they aim at, being larger than needed" if more else ""


def _held(row, name):
    size, films = claim_rules.number(row, "set_size"), claim_rules.number(row, "covered_pct")
    sets = "" if np.isnan(size) else f"sets of {tables.number(size, 1)} temperatures on average"
    by_day = claim_rules.of_row(row, "covered_by_day_pct", name, ", ".join(filter(None, [sets, _of_films(films)])))
    return by_day if tested([by_day]) else claim_rules.of_row(row, "covered_pct", name, sets)


def _of_films(share):
    return "" if np.isnan(share) else f"{tables.number(share, 1)} % of films and, as the mean over growth days"


def _fits(table):
    """(row, name of the fit) of the strict protocol: the network's, which predicts new scans; without it all."""
    strict = table[table["protocol"] == STRICT]
    rows = rows_of(strict, model=NETWORK) or rows_of(strict)
    return zip(rows, names(rows), strict=True)


def elsewhere(table, data, split, who):
    """Is a film told as well where nothing of its operator, or no later day, was learnt from? who: these, in words.

    Where such a split leaves more films to learn from than strict has, which flatters it, the claim says so.
    """
    rows = [row for row in rows_of(table, kind=SPLIT) if str(row["group"]).startswith(split)]
    found = [_difference(row, name) for row, name in zip(rows, names(rows), strict=True)]
    text = f"films of {who} are told as well as by the strict protocol, or less than {MARGIN_POINTS} points worse"
    words = Words(text, "they are told worse by more than that", data, _flattered(rows))
    if family := tested(found):
        return [claim_rules.every(words, family, HOLDS, "points")]
    return [untested(f"whether films of {who} are told as well", _why(rows))] if rows else []


def confounded(table, data):
    """Does accuracy differ with how films were grown and scanned? A claim a kind; all comparisons are made at once."""
    kinds = [kind for kind in dict.fromkeys(table["kind"]) if kind != SPLIT]
    rows = {kind: rows_of(table, kind=kind) for kind in kinds}
    compared = confounders_caption.compared(table)
    found = {kind: tested(_groups(rows_of(compared, kind=kind))) for kind in kinds}
    count = sum(map(len, found.values()))
    return [_differs(KINDS.get(kind, kind), rows[kind], found[kind], count, data) for kind in kinds]


def _differs(kind, rows, family, count, data):
    if not family:
        return untested(f"whether accuracy differs with the {kind}", _why(rows))
    words = Words(f"accuracy differs with the {kind}", "", data)
    return claim_rules.some(words, family, OTHER, "points", count)


def _groups(rows):
    """The comparisons of groups with the rest, named by their fit where there are several."""
    by_fit = {}
    for row, name in zip(rows, names(rows), strict=True):
        by_fit.setdefault(name, []).append(_difference(row, str(row["group"])))
    alone = len(by_fit) == 1
    found = []
    for name, groups in by_fit.items():
        found += groups if alone else [_named(one, f"{one.name}, {name}") for one in groups]
    return found


def _named(one, name):
    return Compared(name, one.estimate, one.low, one.high, one.films, one.batches, one.beside)


def _flattered(rows):
    """What is said behind "told as well" where it was learnt from more films than the strict protocol has."""
    return ", though learnt from more films" if any(few > many for few, many in map(_learnt_from, rows)) else ""


def _learnt_from(row):
    """The training films of a fold, of a row's split and of strict; NaN where they are not known."""
    return tuple(claim_rules.number(row, column) for column in ("training_films", "rest_training_films"))


def _difference(row, name):
    accuracy, rest = (claim_rules.number(row, column) for column in ("accuracy_pct", "rest_pct"))
    beside = "" if np.isnan(rest) else f"{tables.number(accuracy, 1)} % against {tables.number(rest, 1)} %"
    return claim_rules.of_row(row, "difference_points", name, ", ".join(filter(None, [beside, _learnt(row)])))


def _learnt(row):
    """From how many films a split's models learnt, against strict's, and which of them that favours."""
    ours, strict = _learnt_from(row)
    if np.isnan(ours + strict):
        return ""
    favours = {1: ", which flatters it", -1: ", which counts against it"}.get(np.sign(ours - strict), "")
    return f"learnt from {tables.number(ours)} films a fold against strict's {tables.number(strict)}{favours}"


def _why(rows):
    """Why rows have no difference: the table's own words."""
    said = [str(row["why"]).strip() for row in rows if isinstance(row.get("why"), str) and row["why"].strip()]
    return said[0] if said else "no group of films can be compared with the rest"


def spread(table, data):
    """Is the luck of dealing the folds smaller than that of which days films were grown on?"""
    rows = rows_of(table, protocol=STRICT, model=fits.CHOSEN, features=table2.ANY)
    repeats = claim_rules.number(rows[0], "repeats") if rows else np.nan
    if np.isnan(repeats) or repeats < 2:
        return []
    row = rows[0]
    low, high = (claim_rules.number(row, f"pooled_pct_{end}") for end in ("low", "high"))
    days = (high - low) / (2 * claim_rules.QUANTILE)
    deal = claim_rules.number(row, "pooled_repeat_std")
    ends = _deviation(deal, repeats)
    asked = " (more deals are needed)" if np.isnan(ends).any() else ""
    name = f"standard deviation over {repeats:.0f} deals of the folds{asked}"
    films = claim_rules.number(row, "films" if "films" in row else "tested_samples")
    one = Compared(name, deal, *ends, films, claim_rules.number(row, "batches"))
    other = f"({tables.number(days, 1)} points of standard deviation)"
    text = f"how the folds are dealt moves the accuracy less than which growth days are tested {other}"
    words = Words(text, "it moves it more", data)
    return [claim_rules.single(words, one, Rule(-1, days, days), "points, standard deviation")] if tested([one]) else []


def _deviation(std, count):
    """The 95 % interval of a standard deviation of `count` normal values (chi-squared); NaN where it says nothing:
    of fewer than FEWEST_DEALS, and where all values are equal, which is chance and no proof of no spread."""
    from scipy import stats

    if np.isclose(std, 0) or count < FEWEST_DEALS:
        return np.nan, np.nan
    tail = (1 - bootstrap.LEVEL) / 2
    return tuple(float(std * np.sqrt((count - 1) / stats.chi2.ppf(1 - part, count - 1))) for part in (tail, 1 - tail))


def scope(data):
    """What is said of other films than these, a list of one Claim: nothing. data: what the films are."""
    said = {
        "simulated films": "all films of this run were grown and scanned in the computer, so that no claim here is one "
        "about real MoS2 films",
    }
    other = "all claims are about films that were grown, scanned and chosen as these were"
    asks = "how well real films are told" if data in said else "how well films of other reactors and materials are told"
    return [untested(asks, said.get(data, other))]


WORDS = ["protocol", "features", "model", "stage"]
DIFFERENCE = ["kind", "group", "model", "features", *interval_of("difference_points")]
TOPICS = [
    Topic(
        "Are the probabilities calibrated?",
        "whether probabilities are as good as they say",
        {"calibration": [*WORDS, *interval_of("ece_pct")]},
        calibrated,
    ),
    Topic(
        "Do the sets hold what they promise?",
        "whether sets hold the truth nearly as often as they aim at",
        {"calibration": [*WORDS, "coverage_aim_pct", *interval_of("covered_pct")]},
        covered,
    ),
    Topic(
        "Does it hold for new operators?",
        "whether films of operators never learnt from are told as well",
        {"confounders": DIFFERENCE},
        partial(elsewhere, split="by_operator", who="operators never learnt from"),
    ),
    Topic(
        "Does it hold on later days?",
        "whether films of later days are told as well",
        {"confounders": DIFFERENCE},
        partial(elsewhere, split="by_date", who="days after all that was learnt from"),
    ),
    Topic(
        "Does accuracy differ between kinds of films?",
        "whether accuracy differs with growth time, substrate, batch size or scan quality",
        {"confounders": DIFFERENCE},
        confounded,
    ),
    Topic(
        "How much is luck?",
        "whether the luck of dealing the folds is smaller than that of the growth days (the folds were dealt once)",
        {"table2": [*WORDS[:3], *interval_of("pooled_pct"), "repeats", "pooled_repeat_std"]},
        spread,
    ),
]
