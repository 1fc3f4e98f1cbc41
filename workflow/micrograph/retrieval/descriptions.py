"""Read growth conditions off free text, where only one reading is possible.

A description is cut into pieces, each about one step: at ends of lines and sentences, commas, semicolons, words such as
"then", and before each word that names a step. A piece about growth counts, one about annealing, heating, cooling or a
source does not, and one that names no step belongs to the step before it in its sentence, else to the growth.
"""

import html
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from micrograph.target import Target

NUMBER = r"(?<![\w.,±×*-])(?<!\d[:/⁄])(?<!x )(?<!× )(\d+(?:[.,]\d+)?)"
CELSIUS = (
    r"\s*(?:(?:°|o(?=C)|deg(?:rees?)?\.?)?\s*(?:C|c(?![\w-])|[Cc]elsius|[Cc]entigrade)\b"
    r"(?![- ]?(?:plane|cut|face|[Ss]apphire|[Aa]l2[Oo]3))|°(?!\s*[CcFK]))"
)
TEMPERATURE = re.compile(rf"(?<![\w.,])(\d{{3,4}}(?:[.,]\d+)?){CELSIUS}")
# 900-950 C, 900 to 950 C, 900/950 C, 900, 950 C: two temperatures, of which the first has no unit.
WITHOUT_UNIT = re.compile(rf"(?<![\w.,])(\d{{3,4}})(?=\s*(?:-|–|—|\bto\b|/|,|&|\bor\b|\band\b)\s*\d{{3,4}}{CELSIUS})")
LABELLED = re.compile(r"(?:\bT|\btemp(?:erature)?\.?)\s*(?:=|:|is|of)?\s*(\d{3,4})(?=\s*(?:$|[,;.)\n]|for\b|at\b))")
MINUTES = r"min(?:ute)?s?\b|['′’`](?![\d'′’`])"
HOURS = r"h(?:ou)?rs?\b|h\b"
DURATION = re.compile(
    rf"{NUMBER}\s*-?\s*(?:(?P<h>{HOURS})(?:\s*(?:and\s*)?(?P<m>\d+)\s*(?:{MINUTES}))?"
    rf"|(?P<min>{MINUTES})"
    r"(?:\s*(?P<s>\d+)\s*s(?:ec(?:ond)?s?)?\b)?|s(?:ec(?:ond)?s?)?\b)",
    re.IGNORECASE,
)
TORR = re.compile(rf"\bpressure\s*[:=]?\s*{NUMBER}\s*torr\b", re.IGNORECASE)
PLANE = re.compile(
    r"\b([CMRcmr])(?:[- ]?(?:plane|cut)\b|-(?=sapphire|al2o3|Al2O3|Sapphire))"
    r"|\b(A[- ]?|a-)(?:plane|cut|[Ss]apphire|Al2O3)\b"
    r"|(?:[Ss]apphire|Al2O3)\s*\(?([acmr])(?=\)|\s*$|[,;.\n])"
)
GROWTH = r"\b(?:re)?grow(?:th|n|ing|s)?\b|\bdeposit\w*|\bsubstrate temp\w*"
OTHER = (
    r"\b(?:pre|post)[-\s]*(?:grow\w*|deposition|anneal\w*)|\bp\.\s?g\.|\bann?ea?l\w*|\bpre-?heat\w*|\bheat\w*"
    r"|\bbak\w+|\bclean\w*|\bcool\w*|\bramp\w*|\bsoak\w*|\bpurg\w*|\bstabili\w*|\bdesorp\w*|\bdegas\w*|\boutgas\w*|\bbubbler\w*"
    r"|\bsource\w*|\bprecursor\w*|\bevaporat\w*|\btransfer\w*|\bidle\b|\bwarm\w*"
)
STEP = re.compile(rf"(?P<other>{OTHER})|(?P<growth>{GROWTH})", re.IGNORECASE)
SENTENCE = re.compile(r"[\n;]|(?<=[.!?])\s+(?=[A-Z])|(?<=[C)]\.)\s+")
TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
PIECE = re.compile(
    r",(?!\d)|[()→]|->|\b(?=then\b|followed by\b|before\b|after\b|prior to\b|and\b|while\b|with\b|without\b)",
    re.IGNORECASE,
)
BESIDE_GROWTH = re.compile(r"\s*(?:before|after|prior to)\s", re.IGNORECASE)
NO_STEP = re.compile(  # annealed substrates, and annealing that was left out
    r"\b(?:pre-?)?annealed\s+(?=(?:[acmr]-?(?:plane)?\s*)?(?:sapphire|substrate|wafer|al2o3))"
    r"|(?:\bno|\bnot|\bwithout|\bw/o)\s+(?:any\s+|the\s+)?(?:(?:pre|post)[-\s]*growth\s+)?anneal\w*|\bunannealed",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Conditions:
    """What a description says of the growth.

    Parameters
    ----------
    celsius, seconds, torr : tuple of float
        The different values, ascending: one where the text leaves no doubt, none where it says nothing.
    planes : tuple of str
        Crystal planes of the substrate, as ``c-plane sapphire``.
    """

    celsius: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    torr: tuple[float, ...] = ()
    planes: tuple[str, ...] = ()


def read(text: str) -> Conditions:
    """Read temperature, time and pressure of the growth and the substrate's plane off a description.

    Parameters
    ----------
    text : str
        For example ``"10' at 950C"`` or ``"anneal 1000 °C 10 min, growth 900 °C for 0.25 h"``.

    Returns
    -------
    Conditions
    """
    text = html.unescape(TAG.sub("\n", text)).replace("_", " ").replace("−", "-")
    text = re.sub(r"[^\S\n]+", " ", unicodedata.normalize("NFKC", re.sub("[º˚]", "°", text)))
    text = re.sub(r"\n\s*", "\n", text)  # patterns are slow on long gaps
    planes = {"".join(found).strip("- ").lower() for found in PLANE.findall(text)}
    kind = "-plane sapphire" if re.search("sapphire|al2o3", text, re.IGNORECASE) else "-plane"
    growth = "\n".join(_growth(WITHOUT_UNIT.sub(r"\1C", NO_STEP.sub("", text))))
    celsius = [_number(found) for pattern in (TEMPERATURE, LABELLED) for found in pattern.findall(growth)]
    seconds = [_seconds(match) for match in DURATION.finditer(growth)]
    torr = [_number(found) for found in TORR.findall(growth)]
    numbers = [tuple(sorted(set(filter(None, values)))) for values in (celsius, seconds, torr)]
    return Conditions(numbers[0], numbers[1], numbers[2], tuple(f"{plane}{kind}" for plane in sorted(planes)))


def _growth(text: str) -> list[str]:
    """Return the pieces of a text that are about the growth."""
    found, heading = [], "growth"
    for sentence in SENTENCE.split(text):
        pieces = _pieces(sentence)
        beside = any(kind == "growth" and BESIDE_GROWTH.match(piece) for piece, kind in pieces)
        known, before = "other" if beside else heading, ""
        for (piece, kind), (following, next_kind) in zip(pieces, [*pieces[1:], ("", "")], strict=True):
            if next_kind == "other" and not kind and _complete_each_other(piece, following):
                kind = "other"
            known = kind or known
            # "annealed before growth at 900C" does not say which of the two 900C is of
            unclear = BESIDE_GROWTH.match(piece) and before == "other"
            if known == "growth" and not unclear:
                found.append(piece)
            if kind == "growth" and beside:
                known = "other"
            before = kind if not re.search(r"\d", piece) else ""
        if sentence.rstrip().endswith((":", "-")) and not re.search(r"\d{2}", sentence):
            heading = known
        elif any(kind for _, kind in pieces):
            heading = "growth"
    return found


def _pieces(sentence: str) -> list[tuple[str, str]]:
    """Cut a sentence into (piece, "growth", "other" or "" where it names no step)."""
    found: list[tuple[str, str]] = []
    for part in PIECE.split(sentence):
        steps = list(STEP.finditer(part))
        if not steps:
            found.append((part, ""))
            continue
        starts = [0, *(step.start() for step in steps[1:]), len(part)]  # what stands before the first step is of it
        kinds = [step.lastgroup or "" for step in steps]
        found += [(part[start:end], kind) for start, end, kind in zip(starts, starts[1:], kinds, strict=False)]
    return found


def _complete_each_other(piece: str, following: str) -> bool:
    """Whether one names a temperature alone and the other a time alone: "950 C, 10 min anneal"."""
    has = [(bool(TEMPERATURE.search(one)), bool(DURATION.search(one))) for one in (piece, following)]
    return has in ([(True, False), (False, True)], [(False, True), (True, False)])


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def _seconds(match: re.Match[str]) -> float:
    """Return the seconds of a match of DURATION."""
    if match["h"]:
        return 3600 * _number(match[1]) + 60 * int(match["m"] or 0)
    return _number(match[1]) * (60 if match["min"] else 1) + int(match["s"] or 0)


def other_class(sample: Mapping[str, Any], target: Target) -> str:
    """Return why a retrieved sample is of none of the target's classes; empty where it is of one.

    Parameters
    ----------
    sample : mapping
        Row of the sample sheet.
    target : Target

    Returns
    -------
    str
    """
    value = sample.get(target.column)
    if not value:
        return f"its {target.name} is not known"
    if not target.ordered:
        return "" if value in target.labels else f"{target.name} {value} is not one of {', '.join(target.labels)}"
    exact = target.column == "growth_celsius" and "classes" in target.settings
    if value in target.classes if exact else target.within(value):
        return ""
    classes = ", ".join(target.labels)
    return f"{target.name} {f'{value:g} {target.unit}'.strip()}, which is not one of the classes {classes}"
