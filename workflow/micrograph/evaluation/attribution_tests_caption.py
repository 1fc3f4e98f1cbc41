"""The words of the table of explanations: names of maps, features and measures, and what its numbers say in sentences.

A sentence says more than "cannot be told" only where a 95 % interval, as it is written, leaves out the value that would
mean nothing; that there is no difference only where the interval ends below a margin that is stated with it. What an
interval cannot know stands in a sentence of its own at the end of its question.
"""

from micrograph.evaluation import tables

MAPS = {
    "cam": "CAM of the paper",
    "cam_class": "class-weighted CAM",
    "grad_cam": "Grad-CAM",
    "occlusion": "occlusion, for",
    "occlusion_abs": "occlusion, both signs",
}
OF_THE_FILM = {
    "boundaries": "domain boundaries",
    "domains": "domains",
    "islands": "islands",
    "terraces": "terrace edges",
    "pits": "pits",
    "particles": "particles",
    "background": "bare substrate",
}
NOT_OF_THE_FILM = {"artefacts": "scars and jumps", "padding": "padding"}
FEATURES = OF_THE_FILM | NOT_OF_THE_FILM
FOUND = {"mass": "Share of the map that lies on a feature", "pointing": "Pointing game: the map's maximum on a feature"}
WHOLE = "whole"  # the word for a feature where a measure is of the map as a whole
CURVES = ("deletion", "insertion")
ALIKE = {
    "agreement": "occlusion of the same film",
    "randomised_head": "itself, the head drawn anew",
    "randomised_all": "itself, all weights drawn anew",
}
MEASURES = (*FOUND, *CURVES, *ALIKE)
MAIN = {  # the maps of figure 10, which the sentences are about
    "cam_class": "the class-weighted CAM",
    "grad_cam": "the Grad-CAM",
    "occlusion": "the occlusion map",
}
SAME = 0.5  # from this rank correlation on it is much the same map
MARGIN = 0.1  # less than this in rank correlation is next to no difference
LEAVINGS = {"background": "domains"}  # a feature -> what it is the rest of: sentences tell one of both, tables both
UNTOLD = "cannot be told"


def answers(table):
    """What the numbers say: {question: its sentences}, without the questions whose measures were not taken.

    table: of explanations.table. Of real films nobody knows where things are: what maps find is not asked there.
    """
    said = {}
    for question, (ask, caveat) in QUESTIONS.items():
        lines = [line for name in MAIN for line in ask(table, name)]
        if lines:
            said[question] = lines + caveat(table)
    return said


def verdict(table):
    """The sentences of `answers`, in the order of the questions."""
    return [line for lines in answers(table).values() for line in lines]


def looked_elsewhere(table):
    """The sentences on what is not the film (scars, padding) that the network looks at more than at the rest."""
    return [said for name in MAIN for said in _not_of_the_film(table, name) if SEEN in said]


def rows_of(table, **words):
    """The rows of the table with these words: {feature: row as a dict}."""
    for column, word in words.items():
        table = table[table[column] == word]
    return {row["feature"]: row for row in table.to_dict("records")}


def _capital(text):
    return text[0].upper() + text[1:]


def side(row, name, middle=0.0, digits=2, factor=1):
    """1 where the interval of `name` lies above `middle`, -1 below, 0 where it holds it or there is none.

    Compared are the ends as they are written: times the factor, to so many digits.
    """
    low, high = (round(factor * row[f"{name}_{end}"], digits) for end in ("low", "high"))
    return int(low > middle) - int(high < middle)


def _listed(parts):
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _asked(table, name):
    """{feature: row} of what a film shows; of a feature and what it leaves only one."""
    rows = {f: row for f, row in rows_of(table, map=name, measure="mass").items() if f in OF_THE_FILM}
    twice = [LEAVINGS[feature] for feature in rows if feature in LEAVINGS]
    return {feature: row for feature, row in rows.items() if feature not in twice}


def _found(table, name):
    """Does the map find what is there better than another film's map does?"""
    rows = _asked(table, name)
    if not rows:
        return []
    sides = {feature: side(row, "gain", factor=100) for feature, row in rows.items()}
    told = []
    for word, wanted in (("more", 1), ("less", -1)):
        here = [f"{OF_THE_FILM[feature]} ({_points(rows[feature])})" for feature in rows if sides[feature] == wanted]
        told += [f"{word} on {_listed(here)}"] if here else []
    if not told:
        return [f"Whether {MAIN[name]} finds anything of the film better than another film's map does {UNTOLD}."]
    rest = [OF_THE_FILM[feature] for feature in rows if sides[feature] == 0]
    tail = f"; of {_listed(rest)} this {UNTOLD}" if rest else ""
    return [_capital(f"{MAIN[name]} lies {', and '.join(told)} than another film's map does{tail}.")]


def _many(table):
    """How many comparisons there were, so that one that stands out is no wonder."""
    count = sum(len(_asked(table, name)) for name in MAIN)
    return [f"These are {count} comparisons, of features on maps; of twenty about one stands out by chance."]


def _points(row):
    values = (100 * row[part] for part in ("gain", "gain_low", "gain_high"))
    points = tables.interval(*values, 2, tables.signed)
    return f"{tables.number(100 * row['value'], 1)} % of it, {points} points"


def _not_of_the_film(table, name):
    """Does the network look at scars, or at padding, more than their area?"""
    rows = {f: row for f, row in rows_of(table, map=name, measure="mass").items() if f in NOT_OF_THE_FILM}
    return [
        f"On {NOT_OF_THE_FILM[feature]} lies {tables.interval(*_of(row, 'ratio'))} times as much of {MAIN[name]} as of "
        f"the picture (of another film's map {tables.number(row['control_ratio'], 2)}): {_judged(row)}."
        for feature, row in rows.items()
    ]


def _judged(row):
    """What differs from the area is told of the place only where it differs from another film's map as well."""
    ratio, gain = side(row, "ratio", 1), side(row, "gain", factor=100)
    return UNSEEN if ratio == 0 else THERE[ratio] if ratio == gain else HABIT[ratio]


SEEN = "the network looks at what is not the film"
THERE = {1: SEEN, -1: "less than on the rest"}
HABIT = {
    1: f"more than on the rest, but whether because of what is there {UNTOLD}",
    -1: f"less than on the rest, but whether because of what is there {UNTOLD}",
}
UNSEEN = f"whether the network looks there more than at the rest {UNTOLD}"
LEVELLED = (
    "Levelling mends most scars before the network sees a film: little of what is marked as scars may be visible to it."
)


def _levelled(table):
    return [LEVELLED] if "artefacts" in set(table["feature"]) else []


def _of(row, name):
    return row[name], row[f"{name}_low"], row[f"{name}_high"]


def _faithful(table, name):
    """Does what the map marks matter to the network more than what another film's map marks?"""
    said = []
    for (measure, sign), words in ORDERS.items():
        for row in rows_of(table, map=name, measure=measure).values():
            told = {1: "sooner", -1: "later", 0: "sooner or later"}[sign * side(row, "gain", digits=3)]
            text = f"{words[0]} first what {MAIN[name]} marks {words[1]} {told} than if another film's map is followed"
            text = text if told != "sooner or later" else f"whether {text} {UNTOLD}"
            numbers = tables.interval(*_of(row, "gain"), 3, tables.signed)
            said.append(_capital(f"{text} (areas under the curves differ by {numbers})."))
    return said


# Measure and the sign of what is better -> what is done, and what it does.
ORDERS = {
    ("deletion", -1): ("hiding", "takes the prediction away"),
    ("insertion", 1): ("showing", "brings the prediction back"),
}


CIRCULAR = (
    "Occlusion maps are themselves made by hiding, so that passing says little of them; class activation maps know "
    "nothing of hiding."
)


def _circular(table):
    return [CIRCULAR] if ((table["map"] == "occlusion") & table["measure"].isin(CURVES)).any() else []


def _randomised(table, name):
    """Does the map change when the weights are drawn anew?"""
    return [
        f"With {words} drawn anew {_changed(row, MAIN[name])} ({_correlation(row, tables.number)})."
        for measure, words in (("randomised_head", "the head's weights"), ("randomised_all", "all weights"))
        for row in rows_of(table, map=name, measure=measure).values()
    ]


def _changed(row, name):
    """A map that has learned something is no more like that of new weights than another film's map is."""
    more, most = side(row, "gain") > 0, round(row["gain_high"], 2)
    if more and row["low"] >= SAME:
        return f"{name} {STAYS}"
    if more:
        return f"{name} {KEEPS}{f', but by no more than {tables.number(most, 2)}' if most < MARGIN else ''}"
    return f"{name} {CHANGES}" if most < MARGIN else f"whether {name} {KEEPS} {UNTOLD}"


STAYS = "stays much as it was, as it should not"
KEEPS = "stays more like what it was than another film's map is"
CHANGES = f"is no more like what it was than another film's map is, to within {MARGIN:g}"


def redrawn(table):
    """What the comparison with weights drawn anew rests on, in words; nothing where it was not made."""
    rows = table[table["measure"].str.startswith("randomised")]
    if rows.empty:
        return ""
    films = rows["films"].max()
    some = f"{films} of the films, drawn by chance" if films < table["films"].max() else f"all {films} films"
    return f"{some}, and one network and a few heads redrawn in each fold ({rows['folds'].max()} folds)"


def _luck(table):
    return [f"This rests on {redrawn(table)}; the luck of redrawing is not in the intervals."]


def _agreement(table, name):
    """Do class activation maps and occlusion agree?"""
    said = []
    for row in rows_of(table, map=name, measure="agreement").values():
        pair = f"{MAIN[name]} and occlusion"
        told = f"whether {pair} of the same film agree better than those of two films {UNTOLD}"
        told = f"{pair} of the same film agree better than those of two films" if side(row, "gain") > 0 else told
        told = f"{pair} contradict each other" if round(row["high"], 2) < 0 else told
        said.append(_capital(f"{told} ({_correlation(row, tables.signed)})."))
    return said


def _correlation(row, form):
    value, control = (form(row[name], 2) for name in ("value", "control"))
    gain = tables.interval(*_of(row, "gain"), 2, tables.signed)
    return f"rank correlation {value}, of another film's map {control}, difference {gain}"


# Question -> (what is said of each map, what is to be known with it).
QUESTIONS = {
    "Do maps find what a film shows?": (_found, _many),
    "Does the network look at what is not the film?": (_not_of_the_film, _levelled),
    "Do maps mark what the network uses?": (_faithful, _circular),
    "Do maps depend on what was learned?": (_randomised, _luck),
    "Do both kinds of map agree?": (_agreement, lambda table: []),
}
