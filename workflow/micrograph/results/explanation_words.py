"""The words of the table of explanations: names of maps, features and measures, and what its numbers say in sentences.

A sentence says more than "cannot be told" only where a 95 % interval leaves out the value that would mean nothing.
"""

from micrograph.results import panels

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
UNTOLD = "cannot be told"


def answers(table):
    """What the numbers say: {question: its sentences}, without the questions whose measures were not taken.

    table: of explanations.table. Of real films nobody knows where things are: what maps find is not asked there.
    """
    said = {question: [line for name in MAIN for line in ask(table, name)] for question, ask in QUESTIONS.items()}
    return {question: lines for question, lines in said.items() if lines}


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


def _parted(rows, name, middle):
    """The features whose interval of `name` lies above `middle`, below it, and the rest."""
    above = [feature for feature, row in rows.items() if row[f"{name}_low"] > middle]
    below = [feature for feature, row in rows.items() if row[f"{name}_high"] < middle]
    return above, below, [feature for feature in rows if feature not in (*above, *below)]


def _listed(parts):
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _found(table, name):
    """Does the map find what is there better than another film's map does?"""
    rows = {f: row for f, row in rows_of(table, map=name, measure="mass").items() if f in OF_THE_FILM}
    if not rows:
        return []
    more, less, rest = _parted(rows, "gain", 0)
    told = [
        f"{word} on {_listed([f'{OF_THE_FILM[feature]} ({_points(rows[feature])})' for feature in found])}"
        for word, found in (("more", more), ("less", less))
        if found
    ]
    if not told:
        return [f"Whether {MAIN[name]} finds anything of the film better than another film's map does {UNTOLD}."]
    tail = f"; of {_listed([OF_THE_FILM[feature] for feature in rest])} this {UNTOLD}" if rest else ""
    return [_capital(f"{MAIN[name]} lies {', and '.join(told)} than another film's map does{tail}.")]


def _points(row):
    values = (100 * row[part] for part in ("gain", "gain_low", "gain_high"))
    points = panels.interval(*values, 2, panels.signed)
    return f"{panels.number(100 * row['value'], 1)} % of it, {points} points"


def _not_of_the_film(table, name):
    """Does the network look at scars, or at padding, more than their area?"""
    rows = {f: row for f, row in rows_of(table, map=name, measure="mass").items() if f in NOT_OF_THE_FILM}
    return [
        f"On {NOT_OF_THE_FILM[feature]} lies {panels.interval(*_of(row, 'ratio'))} times as much of {MAIN[name]} as of "
        f"the picture (of another film's map {panels.number(row['control_ratio'], 2)}): {_judged(row)}."
        for feature, row in rows.items()
    ]


def _judged(row):
    """Where more of the map lies there than of the picture and than of another film's map, the network looks at it."""
    if row["ratio_low"] > 1:
        return SEEN if row["gain_low"] > 0 else HABIT
    return "less than on the rest" if row["ratio_high"] < 1 else UNSEEN


SEEN = "the network looks at what is not the film"
HABIT = f"more than on the rest, but whether because of what is there {UNTOLD}"
UNSEEN = f"whether the network looks there more than at the rest {UNTOLD}"


def _of(row, name):
    return row[name], row[f"{name}_low"], row[f"{name}_high"]


def _faithful(table, name):
    """Does what the map marks matter to the network more than what another film's map marks?"""
    said = []
    for (measure, sign), words in ORDERS.items():
        for row in rows_of(table, map=name, measure=measure).values():
            low, high = sorted(sign * row[f"gain_{end}"] for end in ("low", "high"))
            told = "sooner" if low > 0 else "later" if high < 0 else "sooner or later"
            text = f"{words[0]} first what {MAIN[name]} marks {words[1]} {told} than if another film's map is followed"
            text = text if told != "sooner or later" else f"whether {text} {UNTOLD}"
            numbers = panels.interval(*_of(row, "gain"), 3, panels.signed)
            said.append(_capital(f"{text} (areas under the curves differ by {numbers})."))
    return said


# Measure and the sign of what is better -> what is done, and what it does.
ORDERS = {
    ("deletion", -1): ("hiding", "takes the prediction away"),
    ("insertion", 1): ("showing", "brings the prediction back"),
}


def _randomised(table, name):
    """Does the map change when the weights are drawn anew?"""
    return [
        _capital(f"{MAIN[name]} {_changed(row)} when {words} are drawn anew ({_correlation(row, panels.number)}).")
        for measure, words in (("randomised_head", "the head's weights"), ("randomised_all", "all weights"))
        for row in rows_of(table, map=name, measure=measure).values()
    ]


def _changed(row):
    """A map that has learned something is no more like that of new weights than another film's map is."""
    if row["low"] >= SAME:
        return STAYS
    return KEEPS if row["gain_low"] > 0 else CHANGES if row["gain_high"] >= row["gain_low"] else UNTOLD_CHANGE


STAYS = "stays much the same, as it should not,"
KEEPS = "keeps more than another film's map would"
CHANGES = "keeps no more than another film's map would, as far as can be told,"
UNTOLD_CHANGE = "changes to an extent that cannot be told"


def _agreement(table, name):
    """Do class activation maps and occlusion agree?"""
    said = []
    for row in rows_of(table, map=name, measure="agreement").values():
        pair = f"{MAIN[name]} and occlusion"
        told = f"whether {pair} of the same film agree better than those of two films {UNTOLD}"
        told = f"{pair} of the same film agree better than those of two films" if row["gain_low"] > 0 else told
        told = f"{pair} contradict each other" if row["high"] < 0 else told
        said.append(_capital(f"{told} ({_correlation(row, panels.signed)})."))
    return said


def _correlation(row, form):
    value = panels.interval(row["value"], row["low"], row["high"], 2, form)
    return f"rank correlation {value}, of another film's map {form(row['control'], 2)}"


QUESTIONS = {
    "Do maps find what a film shows?": _found,
    "Does the network look at what is not the film?": _not_of_the_film,
    "Do maps mark what the network uses?": _faithful,
    "Do maps depend on what was learned?": _randomised,
    "Do both kinds of map agree?": _agreement,
}
