"""Claims on the explanations: whether maps mark what the network uses, what a film shows, and what was learnt.

Made from the table of explanations, where the gain of a map is its value less that of another film's map.
"""

from micrograph.evaluation import attribution_tests_caption, tables
from micrograph.evaluation.attribution_tests_caption import MARGIN
from micrograph.trust import claim_rules
from micrograph.trust.claim_rules import CONTRARY, SUPPORTED, UNTOLD, Claim, Compared, Rule, Words
from micrograph.trust.claim_topics import Topic, interval_of, rows_of, tested, untested

PERCENT = 100
LEARNT = Rule(sign=-1, least=MARGIN, contrary=MARGIN)


def used(table, data):
    """Does hiding first what a map marks take the prediction away sooner, and showing it bring it back sooner?"""
    made = []
    for name, spoken in attribution_tests_caption.MAIN.items():
        family = [
            _gain(row, words, sign)
            for measure, sign, words in (("deletion", -1, "hiding it"), ("insertion", 1, "showing it"))
            for row in rows_of(table, map=name, measure=measure)
        ]
        circular = " (itself made by hiding)" if name == "occlusion" else ""
        text = f"{spoken}{circular} marks more of what the network uses than another film's map does"
        if family := tested(family):
            words = Words(text, "it marks less", data)
            made.append(claim_rules.every(words, family, Rule(), "area under the curve"))
    return made


def shown(table, data):
    """Does a map find what a film shows better than another film's map does? Simulated films alone can tell."""
    found = {}
    for name in attribution_tests_caption.MAIN:
        rows = [row for row in rows_of(table, map=name, measure="mass") if row["feature"] in FEATURES]
        found[name] = tested([_gain(row, FEATURES[row["feature"]], factor=PERCENT) for row in rows])
    found = {name: family for name, family in found.items() if family}
    if not found:
        return [untested("whether maps find what a film shows", "where things are is known of simulated films alone")]
    count = sum(map(len, found.values()))
    made = []
    for name, family in found.items():
        text = f"{attribution_tests_caption.MAIN[name]} lies more on what the film shows than another film's map does"
        words = Words(text, "it lies less on it", data)
        made.append(claim_rules.some(words, family, Rule(), "points of the map", count))
    return made


def learnt(table, data):
    """Does a map change with weights drawn anew, so that it is no more like itself than like another film's map?"""
    made = []
    for name, spoken in attribution_tests_caption.MAIN.items():
        family = [
            _gain(row, what) for measure, what in REDRAWN.items() for row in rows_of(table, map=name, measure=measure)
        ]
        text = f"{spoken} with weights drawn anew is no more like itself than like another film's map, to within"
        words = Words(f"{text} {MARGIN:g}", "it is more like itself by more than that, as it should not be", data)
        made += [claim_rules.every(words, family, LEARNT, "rank correlation")] if (family := tested(family)) else []
    return made


def elsewhere(table, data):
    """Does the network keep off what is not the film, scars and padding? It looks there where a map holds more of it
    than its area and than another film's map does, and keeps off where it holds less than both."""
    made = []
    for name, spoken in attribution_tests_caption.MAIN.items():
        for row in rows_of(table, map=name, measure="mass"):
            if row["feature"] in attribution_tests_caption.NOT_OF_THE_FILM:
                made.append(_kept_off(row, spoken, attribution_tests_caption.NOT_OF_THE_FILM[row["feature"]], data))
    return made


def _kept_off(row, spoken, where, data):
    sides = attribution_tests_caption.side(row, "ratio", 1), attribution_tests_caption.side(row, "gain", factor=PERCENT)
    verdict = CONTRARY if sides == (1, 1) else SUPPORTED if sides == (-1, -1) else UNTOLD
    words = Words(f"the network looks less at {where} than at the rest", "it looks more at what is not the film", data)
    one = claim_rules.of_row(row, "ratio", f"by {spoken}, share of the map ÷ share of the picture")
    control = f"of another film's map {tables.number(row['control_ratio'], 2)}"
    text = f"{words.said(verdict)}: {claim_rules.shown(one, 'times')}, {control}; {claim_rules.counts(one, data)}."
    return Claim(text, verdict, one.estimate, one.low, one.high, "times", one.films, one.batches)


def _gain(row, name, sign=1, factor=1):
    """A row's gain as a Compared, turned where less is better."""
    one = claim_rules.of_row(row, "gain", name)
    ends = sorted((sign * factor * one.low, sign * factor * one.high))
    return Compared(name, sign * factor * one.estimate, *ends, one.films, one.batches)


FEATURES = {name: words for name, words in attribution_tests_caption.OF_THE_FILM.items() if name != "background"}
REDRAWN = {"randomised_head": "the head drawn anew", "randomised_all": "all weights drawn anew"}
ROWS = ["map", "measure", "feature", "films", "batches"]
TRUE = "Are the explanations true?"
TOPICS = [
    Topic(TRUE, "whether maps mark what the network uses", {"explanations": [*ROWS, *interval_of("gain")]}, used),
    Topic(TRUE, "whether maps find what a film shows", {"explanations": [*ROWS, *interval_of("gain")]}, shown),
    Topic(TRUE, "whether maps depend on what was learnt", {"explanations": [*ROWS, *interval_of("gain")]}, learnt),
    Topic(
        TRUE,
        "whether the network looks at scars and padding, whose places are known of simulated films alone",
        {"explanations": [*ROWS, "control_ratio", *interval_of("ratio", "gain")]},
        elsewhere,
    ),
]
