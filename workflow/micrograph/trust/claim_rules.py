"""The rules by which a claim is judged: what its interval must leave out, and what may then be said.

A claim is supported where the whole 95 % interval, as it is written, lies where the claim says; it is not supported
where the whole interval lies on the other side; else it cannot be told. A claim of a margin has its sides at that
margin: an interval within it supports the claim even where it leaves out 0. Of several comparisons made for one claim,
that holds of one of them (`some`) only with intervals widened for their number (Bonferroni: all at once hold with
95 %), of all of them (`every`) with each interval as it is.
"""

import re
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from micrograph.evaluation import bootstrap, tables

SUPPORTED, CONTRARY, UNTOLD, UNTESTED = VERDICTS = "supported", "not supported", "cannot be told", "not tested"
MARGIN_POINTS = 5  # differences below this are called next to nothing, and the margin is said
QUANTILE = NormalDist().inv_cdf((1 + bootstrap.LEVEL) / 2)  # half a 95 % interval, in standard deviations
NAMED = 3  # so many comparisons are named in a sentence, the others counted

# Unit of a claim -> (digits written, how its values are written, what stands behind the number).
UNITS = {
    "points": (1, tables.signed, " points"),
    "points of the map": (2, tables.signed, " points"),
    "%": (1, tables.number, " %"),
    "°C": (1, tables.signed, " °C"),
    "area under the curve": (3, tables.signed, " in area under the curve"),
    "rank correlation": (2, tables.signed, " in rank correlation"),
    "times": (2, tables.number, " times"),
    "nats": (3, tables.signed, " nats"),
    "log loss": (2, tables.number, " nats"),
    "points, standard deviation": (1, tables.number, " points"),
}


@dataclass(frozen=True)
class Claim:
    """A sentence, its verdict (VERDICTS), the number that it rests on with its interval (NaN for none) in `unit`, and
    of how many films and batches that is (NaN where it is not known)."""

    claim: str
    verdict: str
    estimate: float = np.nan
    low: float = np.nan
    high: float = np.nan
    unit: str = ""
    films: float = np.nan
    batches: float = np.nan


@dataclass(frozen=True)
class Compared:
    """One comparison: its name in words, its value with the 95 % interval (NaN for none), the films and batches that it
    rests on, and in words what was compared ("78.0 % against 70.0 %", "" for nothing)."""

    name: str
    estimate: float
    low: float
    high: float
    films: float = np.nan
    batches: float = np.nan
    beside: str = ""


@dataclass(frozen=True)
class Rule:
    """When a claim about large (sign 1), small (-1) or other (0) values holds: the whole interval lies beyond `least`;
    and when the contrary does: it lies short of `contrary`, which is `least` where it is not said. A contrary counts
    first. Sign 0: it leaves out `least`."""

    sign: int = 1
    least: float = 0.0
    contrary: float | None = None


@dataclass(frozen=True)
class Words:
    """What is said, without full stops. claim: the claim, as it stands after "whether"; against: what is said beside
    it where the contrary holds ("it tells less"); data: what the films are, as "simulated films"; also: what is said
    behind the claim where it is supported; others: what is said behind the number of films, of further ones."""

    claim: str
    against: str
    data: str
    also: str = ""
    others: str = ""

    def said(self, verdict):
        """The claim with a verdict: the beginning of a sentence whose numbers follow."""
        closed = self.claim + ("," if "," in re.sub(r"\(.*?\)", "", self.claim) else "")
        if verdict == SUPPORTED:
            return capital(self.claim) + self.also
        if verdict == CONTRARY:
            return f"That {closed} is not supported; {self.against}"
        return f"Whether {closed} cannot be told"


def of_row(row, column, name="", beside="", films="films", batches="batches"):
    """The Compared in `column` of a table's row, which has {column}_low and {column}_high beside it.

    films, batches: the columns of their numbers; a column that is missing gives NaN.
    """
    values = (number(row, column), number(row, f"{column}_low"), number(row, f"{column}_high"))
    return Compared(name, *values, number(row, films), number(row, batches), beside)


def number(row, column):
    """A row's number as a float; NaN where it is missing."""
    value = row.get(column, np.nan)
    return np.nan if tables.missing(value) else float(value)


def unpaired(first, second, name=""):
    """first - second of two values with intervals of their own: the widest interval that these allow.

    Wider than an interval from redrawing the same batches for both, whatever the correlation, so that what it leaves
    out is left out. Films and batches are those of the first.
    """
    return Compared(
        name,
        first.estimate - second.estimate,
        first.low - second.high,
        first.high - second.low,
        first.films,
        first.batches,
        f"{tables.number(first.estimate, 1)} against {tables.number(second.estimate, 1)} (not paired)",
    )


def widened(one, count):
    """The comparison with its interval widened so that `count` of them hold at once with 95 %.

    Each side is stretched by the ratio of the normal quantiles (Bonferroni): 1 for one comparison, 1.34 for five.
    """
    times = NormalDist().inv_cdf(1 - (1 - bootstrap.LEVEL) / 2 / count) / QUANTILE
    low, high = (one.estimate + times * (end - one.estimate) for end in (one.low, one.high))
    return Compared(one.name, one.estimate, min(low, one.low), max(high, one.high), one.films, one.batches, one.beside)


def judged(one, rule, digits):
    """The verdict on one comparison, of its interval as it is written (to so many digits)."""
    short_of = rule.least if rule.contrary is None else rule.contrary
    low, high, least, contrary = (round(value, digits) for value in (one.low, one.high, rule.least, short_of))
    if np.isnan(low) or np.isnan(high):
        return UNTOLD
    if rule.sign == 0:
        return SUPPORTED if low > least or high < least else UNTOLD
    if rule.sign < 0:
        low, high, least, contrary = -high, -low, -least, -contrary
    return CONTRARY if high < contrary else SUPPORTED if low > least else UNTOLD


def single(words, one, rule, unit):
    """The Claim of one comparison; its name, if any, stands before its number."""
    verdict = judged(one, rule, UNITS[unit][0])
    return _claim(words, verdict, one, unit, shown(one, unit))


def some(words, family, rule, unit, count=None):
    """The Claim that something holds of at least one comparison. family: Compareds; count: how many comparisons were
    made at once, those of sister claims included (the family's own number where it is not said).

    Supported: those it holds of are named, clearest first, and the clearest lends the claim its numbers. Not supported:
    the contrary holds of every one.
    """
    count = max(count or 0, len(family))
    wide = sorted((widened(one, count) for one in family), key=lambda one: -_clearness(one, rule))
    verdicts = [judged(one, rule, UNITS[unit][0]) for one in wide]
    told = [one for one, verdict in zip(wide, verdicts, strict=True) if verdict == SUPPORTED]
    against = [one for one, verdict in zip(wide, verdicts, strict=True) if verdict == CONTRARY]
    if told:
        others = len(family) - len(told)
        tail = f"; of {_counted(others, 'other')} this cannot be said" if others else ""
        return _claim(words, SUPPORTED, told[0], unit, _listed(told, unit) + tail, count)
    if all(judged(one, rule, UNITS[unit][0]) == CONTRARY for one in family):
        nearest = max(family, key=lambda one: _clearness(one, rule))
        return _claim(words, CONTRARY, nearest, unit, _lead("nearest to it", family) + shown(nearest, unit))
    tail = f"; the other way: {_listed(against, unit)}" if against else ""
    return _claim(words, UNTOLD, wide[0], unit, _lead("clearest", family) + shown(wide[0], unit) + tail, count)


def every(words, family, rule, unit):
    """The Claim that something holds of all comparisons. The one that is nearest to failing lends its numbers.

    Not supported: the contrary holds of one, with its interval widened for their number.
    """
    digits = UNITS[unit][0]
    wide = [widened(one, len(family)) for one in family]
    against = [one for one in wide if judged(one, rule, digits) == CONTRARY]
    if against:
        worst = min(against, key=lambda one: _clearness(one, rule))
        return _claim(words, CONTRARY, worst, unit, _lead("clearest", family) + shown(worst, unit), len(family))
    verdict = SUPPORTED if all(judged(one, rule, digits) == SUPPORTED for one in family) else UNTOLD
    nearest = min(family, key=lambda one: np.nan_to_num(one.low if rule.sign > 0 else -one.high, nan=-np.inf))
    return _claim(words, verdict, nearest, unit, _lead("nearest to failing", family) + shown(nearest, unit))


def _clearness(one, rule):
    """How far the value lies on the claim's side, in widths of its interval's half that points back; -inf for none."""
    if not np.isfinite([one.low, one.high]).all():
        return -np.inf
    sides = {1: one.estimate - one.low, -1: one.high - one.estimate}
    found = []
    for sign in (1, -1) if rule.sign == 0 else (rule.sign,):
        away = sign * (one.estimate - rule.least)
        found.append(away / sides[sign] if sides[sign] > 0 else np.inf * away if away else 0.0)
    return float(np.nan_to_num(max(found), nan=-np.inf, posinf=np.inf, neginf=-np.inf))


def _claim(words, verdict, one, unit, evidence, count=1):
    if np.isnan(one.low) or np.isnan(one.high):
        evidence += ", without an interval"
    at_once = f" Intervals are widened for {count} comparisons made at once." if count > 1 else ""
    text = f"{words.said(verdict)}: {evidence}; {counts(one, words.data)}{words.others}.{at_once}"
    return Claim(text, verdict, one.estimate, one.low, one.high, unit, one.films, one.batches)


def capital(text):
    """The text with a capital first letter."""
    return text[0].upper() + text[1:]


def shown(one, unit):
    """A comparison in words: "SVC on fine-tuned features, 78.0 % against 70.0 %, +8.0 points [+2.1, +13.9]"."""
    digits, form, behind = UNITS[unit]
    value = f"{form(one.estimate, digits)}{behind}"
    if not (np.isnan(one.low) or np.isnan(one.high)):
        value += f" [{form(one.low, digits)}, {form(one.high, digits)}]"
    return ", ".join(part for part in (one.name, one.beside, value) if part)


def counts(one, data):
    """What a comparison rests on, in words: "118 simulated films of 44 growth days"."""
    films = data if np.isnan(one.films) else f"{one.films:.0f} {data}"
    return films if np.isnan(one.batches) else f"{films} of {_counted(one.batches, 'growth day')}"


def _counted(count, word):
    return f"{count:.0f} {word}{'' if count == 1 else 's'}"


def _lead(how, family):
    """How the one that is shown was picked from its family; nothing where it is alone."""
    return "" if len(family) == 1 else f"{how} of {len(family)} is "


def _listed(found, unit):
    """Comparisons in words, the first few of them named."""
    rest = len(found) - NAMED
    return "; ".join([shown(one, unit) for one in found[:NAMED]] + ([f"and {rest} more"] if rest > 0 else []))
