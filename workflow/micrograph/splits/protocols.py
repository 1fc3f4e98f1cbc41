"""Protocols by name: who is tested, what leaks, and what of the study is varied.

A name is a base, leaks that are added to it or taken from it, and variations:

    strict   published   strict+one_fold   published-ungrouped   strict.repeat1   strict+grid.shuffled_films2

The leaks are those of the paper's code record (Zenodo 10534837). `published` has them all, the other bases none. A
stage of the flow sees a protocol only as far as its leaks touch that stage (`at`), so that two protocols which differ
later share its files.
"""

import re
from dataclasses import dataclass, replace
from functools import cache

from micrograph.errors import UserError, lookup

# What leaks, in the order of names.
LEAKS = {
    "one_fold": "fine-tuned features of all folds come from the network of the last fold",
    "all_rows": "principal components are fitted on all films, those to be tested included",
    "grid": "settings are chosen on the very films whose accuracy is reported",
    "train_mode": "the validation loss is computed with dropout and batch statistics as in training",
    "last_weights": "a network keeps its last weights, not its best",
    "ungrouped": "films of one growth day may stand on both sides of a split",
}
# Base: (whether it has all leaks, whose way of dressing the models it keeps, the part whose accuracy it reports).
BASES = {
    "strict": (False, "strict", "test"),
    "published": (True, "published", "validation"),
    "by_operator": (False, "strict", "test"),
    "by_date": (False, "strict", "test"),
}
# The leaks that a stage can tell apart; what comes after it sees these too.
STAGES = {
    "splits": {"ungrouped"},
    "components": {"ungrouped", "all_rows"},
    "networks": {"ungrouped", "train_mode", "last_weights"},
    "tuned": {"ungrouped", "train_mode", "last_weights", "one_fold"},
}
# The leaks that can change what is said of a film by a model on these features.
FELT = {
    "image": STAGES["networks"] | {"grid"},
    "tuned": STAGES["tuned"] | {"grid"},
    "components": STAGES["components"] | {"grid"},
}
# The leaks that are in how networks are trained and used.
NETWORK_LEAKS = STAGES["tuned"] - STAGES["splits"]
VARIATIONS = ("repeat", "shuffled_films", "shuffled_batches", "share")
WHOLE = 100  # percent

# What a name may look like; for wildcards, too.
PATTERN = rf"(?:{'|'.join(BASES)})(?:[+-](?:{'|'.join(LEAKS)}))*(?:\.(?:{'|'.join(VARIATIONS)})\d+)*"


@dataclass(frozen=True)
class Protocol:
    """base: of BASES; leaks: those it has; repeat: which deal of the folds, 0 the first; shuffled: "films" or
    "batches", whose growth temperatures are dealt anew, or None; draw: which such deal, from 1; share: percent of each
    fold's training batches that are kept."""

    base: str
    leaks: frozenset
    repeat: int = 0
    shuffled: str | None = None
    draw: int = 0
    share: int = WHOLE

    @property
    def dress(self):
        """Whose models, grids and pictures: "strict" or "published"."""
        return BASES[self.base][1]

    @property
    def reported(self):
        """The part whose accuracy the protocol reports: "test" or "validation"."""
        return BASES[self.base][2]

    @property
    def chooser(self):
        """The part on which a fold compares the points of its grid.

        With the leak `grid` it is the part that is reported. published without it still compares on validation rows,
        but those of the other folds (choosing.py).
        """
        return self.reported if "grid" in self.leaks else "validation"

    @property
    def way(self):
        """How networks are validated while they learn, and which weights are kept: keywords of training.fit."""
        return {
            "validate_in": "train" if "train_mode" in self.leaks else "eval",
            "keep": "last" if "last_weights" in self.leaks else "best",
        }

    @property
    def name(self):
        """The name that reads as this protocol; every protocol has one."""
        return self._base() + self._variations()

    def _base(self):
        own = _own(self.base)
        sign, other = ("-", own - self.leaks) if own else ("+", self.leaks)
        return self.base + "".join(f"{sign}{leak}" for leak in LEAKS if leak in other)

    def _variations(self):
        made = [
            ("repeat", self.repeat, self.repeat > 0),
            (f"shuffled_{self.shuffled}", self.draw, self.shuffled is not None),
            ("share", self.share, self.share != WHOLE),
        ]
        return "".join(f".{word}{number}" for word, number, there in made if there)


@cache
def parse(name):
    """The Protocol of a name. Raises UserError for what is none, and for leaks or variations that are named for nothing."""
    if not re.fullmatch(PATTERN, name):
        raise UserError(
            f"protocol '{name}' is not known: name one of {', '.join(BASES)}, with +LEAK (strict) or -LEAK (published) "
            f"of {', '.join(LEAKS)}, and .{', .'.join(f'{word}N' for word in VARIATIONS)}."
        )
    stem, *words = name.split(".")
    base, *changes = re.split(r"(?=[+-])", stem)
    own = _own(base)
    protocol = Protocol(base, own)
    for change in changes:
        sign, leak = change[0], change[1:]
        if (sign == "+") == (leak in protocol.leaks):
            there, way = ("has", "-") if sign == "+" else ("has not", "+")
            raise UserError(
                f"protocol '{name}': {base} {there} the leak {leak}; write {base}{way}{leak}, or leave it out."
            )
        protocol = replace(protocol, leaks=protocol.leaks ^ {leak})
    for word in words:
        protocol = _varied(protocol, *re.fullmatch(r"(\w+?)(\d+)", word).groups(), name)
    if protocol.name != name:
        raise UserError(
            f"protocol '{name}' is written {protocol.name}: leaks and variations have one order, and one place."
        )
    return protocol


def _varied(protocol, word, number, name):
    """The protocol with one variation."""
    number = int(number)
    if number < 1 or (word == "share" and number >= WHOLE):
        raise UserError(f"protocol '{name}': {word} counts from 1" + (f" to {WHOLE - 1}." if word == "share" else "."))
    if word in ("repeat", "share"):
        return replace(protocol, **{word: number})
    return replace(protocol, shuffled=word.removeprefix("shuffled_"), draw=number)


def _own(base):
    """The leaks of a base."""
    return frozenset(LEAKS) if BASES[base][0] else frozenset()


def as_seen_by(stage, name):
    """The name of the protocol as far as a stage (STAGES) can tell it from its base."""
    return _only(name, lookup(stage, STAGES, "stage"))


def _only(name, felt):
    protocol = parse(name)
    own = _own(protocol.base)
    return replace(protocol, leaks=own ^ ((own ^ protocol.leaks) & felt)).name


def felt(name, features):
    """Whether what the protocol changes of its base can change the answers of a model on these features.

    features: image, tuned, or components as block2_cev85. A base without changes is always felt.
    """
    kind = features if features in FELT else "components"
    changed = changes(name)
    return not changed or bool(changed & FELT[kind])


def changes(name):
    """The leaks that a protocol, by its name, has and its base has not, or the other way round."""
    protocol = parse(name)
    return _own(protocol.base) ^ protocol.leaks


def plain(name):
    """The name without its variations: strict+grid.shuffled_films2 -> strict+grid."""
    return replace(parse(name), repeat=0, shuffled=None, draw=0, share=WHOLE).name


def without_leaks(name):
    """The name without its leaks, its variations kept: strict+grid.repeat1 -> strict.repeat1.

    What is drawn at random is drawn by this name, so that two protocols which differ in leaks alone differ in nothing
    else.
    """
    protocol = parse(name)
    return replace(protocol, leaks=_own(protocol.base)).name


def dealt(name):
    """The name by which folds are dealt: of all that is varied the deal (repeat) and the shuffled labels alone."""
    return replace(parse(without_leaks(name)), share=WHOLE).name
