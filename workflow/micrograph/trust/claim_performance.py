"""Claims on how well the temperature is told: against baselines, by features, pre-training, scheme and number of films.

Made from tables 2, 3 and 4, baselines and the learning curve; every number is of the strict protocol.
"""

from functools import partial

import numpy as np

from micrograph.evaluation import fits, table2, tables
from micrograph.figures import style
from micrograph.trust import claim_rules
from micrograph.trust.claim_rules import Compared, Rule, Words
from micrograph.trust.claim_topics import Topic, interval_of, names, rows_of, tested

STRICT, NETWORK = "strict", "CNN"
MORE, LESS = Rule(), Rule(sign=-1)
NOMINAL = "nominal"
MODELS = {"OLR": "ordinal logistic regression"}  # models in words, where a claim names them
NO_BOUND = ", which is no upper bound of what they tell"  # another model on the same features may do better
UNSEEN = "; strict tests no day that was learnt from, so that day and batch carry nothing there, and being ahead of "
UNSEEN += "growth metadata does not show that the network makes no use of them"
ABOVE = "above_majority_points"
PAIRED = "against_nominal_celsius"  # a column of table 4 that may stand for the unpaired comparison


def accuracy(table, data):
    """Is the temperature told right more often than by always naming the commonest?"""
    found = rows_of(table, protocol=STRICT, model=fits.CHOSEN, features=table2.ANY)
    base = rows_of(table, protocol=STRICT, model=fits.BASELINE)
    if not found or not base:
        return []
    ours, commonest = (_pooled(rows[0]) for rows in (found, base))
    words = Words(
        f"the growth temperature of films from days never seen is told right more often than by always naming the "
        f"commonest ({_percent(commonest)})",
        "it is less often",
        data,
    )
    ours = Compared("model and features chosen in each fold", *_values(ours), ours.films, ours.batches)
    return [claim_rules.single(words, ours, Rule(1, commonest.high, commonest.low), "%")]


def always(table, data):
    """Is the network on pictures ahead of always naming the commonest temperature, film by film?"""
    return _ahead(rows_of(table, protocol=STRICT, model=fits.BASELINE), "the commonest temperature", "", data)


def ahead(table, data, features, what, also=""):
    """Is the network on pictures ahead of every model on `features`? what: these, also: said behind it, in words."""
    rows = rows_of(table, protocol=STRICT, features=features)
    return _ahead(rows, f"{_models(rows)} on {what}", NO_BOUND + also, data)


def _models(rows):
    """The models of rows in words; the claim is about these, not about all that could be learnt from the features."""
    models = dict.fromkeys(str(row["model"]) for row in rows)
    return " or ".join(MODELS.get(model, model) for model in models)


def _ahead(rows, rival, also, data):
    """The claim that the network is ahead of every one of rows, a list of it; also: said behind it."""
    family = [_of(row, "ahead_points", name, _beside(row)) for row, name in zip(rows, _rivals(rows), strict=True)]
    words = Words(f"the network on pictures ({NETWORK}) tells more than {rival}", "it tells less", data, also)
    return [claim_rules.every(words, family, MORE, "points")] if (family := tested(family)) else []


def alone(table, data, features, what, meaning):
    """Do models on `features` beat the commonest temperature? what: these, meaning: what it would mean, in words."""
    rows = [row for row in rows_of(table, protocol=STRICT, features=features) if row["model"] != fits.BASELINE]
    family = [_of(row, ABOVE, name, _above(row)) for row, name in zip(rows, names(rows), strict=True)]
    text = f"{_models(rows)} on {what} tells more than the commonest temperature"
    words = Words(text, "it tells less", data, f", so that {meaning}")
    return [claim_rules.some(words, family, MORE, "points")] if (family := tested(family)) else []


def tuned(table, data):
    """Do fine-tuned features beat those of the network's blocks?"""
    rows = {row["features"]: row for row in rows_of(table, protocol=STRICT, model=fits.CHOSEN)}
    if table2.TUNED not in rows or table2.BLOCKS not in rows:
        return []
    ours, theirs = rows[table2.TUNED], rows[table2.BLOCKS]
    beside = f"{tables.number(ours['pooled_pct'], 1)} % against {tables.number(theirs['pooled_pct'], 1)} %"
    one = _of(ours, "gain_points", "model and settings chosen in each fold", beside)
    words = Words("fine-tuned features beat those of the network's blocks", "they do worse", data)
    return [claim_rules.single(words, one, MORE, "points")] if tested([one]) else []


# Pre-training -> (whether the claim is for ImageNet, what is said to help).
RIVALS = {
    "scratch": (True, "random weights"),
    "films": (False, "films without labels"),
    "micronet": (False, "MicroNet"),
}


def pretraining(table, data):
    """Does what the network was pre-trained on matter? All models' answers together, where there are several."""
    made = []
    for name in dict.fromkeys(table.loc[table["protocol"] == STRICT, "pretraining"]):
        rows = rows_of(table, protocol=STRICT, pretraining=name)
        rows = [row for row in rows if row["model"] == fits.MEAN] or rows
        family = tested([_of(row, "gain_points", _together(row)) for row in rows])
        if family:
            made.append(_pretrained(family, *RIVALS.get(name, (False, name)), data))
    return made


def _pretrained(family, for_imagenet, other, data):
    """The claim on one domain; gains are against ImageNet, so a claim for ImageNet turns their sign."""
    better, worse = ("ImageNet", other) if for_imagenet else (other, "ImageNet")
    family = [_turned(one) for one in family] if for_imagenet else family
    text = f"a network that starts from {better} tells more than one that starts from {worse}"
    words = Words(text, "it tells less", data)
    return claim_rules.every(words, family, MORE, "points")


def order(table, data):
    """Does knowing that temperatures have an order lessen the error in degrees? A claim a scheme."""
    here = table[table["protocol"] == STRICT]
    nominal = {(row["features"], row["model"]): row for row in rows_of(here, scheme=NOMINAL)}
    families = {}
    for scheme in dict.fromkeys(here["scheme"]):
        rows = [row for row in rows_of(here, scheme=scheme) if (row["features"], row["model"]) in nominal]
        found = tested([_ordered(row, nominal[row["features"], row["model"]]) for row in rows])
        families |= {scheme: found} if scheme != NOMINAL and found else {}
    count = sum(map(len, families.values()))
    return [
        claim_rules.some(_in_order(style.SCHEMES.get(scheme, scheme), data), family, LESS, "°C", count)
        for scheme, family in families.items()
    ]


def _ordered(row, nominal):
    """The change of a model's mean absolute error against the nominal scheme; paired where the table has that."""
    ours, theirs = (_of(one, "mae_celsius") for one in (row, nominal))
    apart = claim_rules.unpaired(ours, theirs, str(row["model"]))
    beside = f"{tables.number(ours.estimate, 1)} against {tables.number(theirs.estimate, 1)}"
    paired = _of(row, PAIRED, apart.name, beside)
    return paired if tested([paired]) else apart


def _in_order(scheme, data):
    text = f"temperatures told as {scheme} are missed by fewer degrees than told as names (mean absolute error)"
    return Words(text, "they are missed by more", data)


def more_films(table, data):
    """Did the last films that were added still help, and have more films helped at all?"""
    strict = table[table["protocol"] == STRICT]
    shares = sorted(strict["share_pct"].unique())
    if len(shares) < 2:
        return []
    few, before, whole = (rows_of(strict, share_pct=share) for share in (shares[0], shares[-2], shares[-1]))
    last = tested([_of(row, "gain_points", name) for row, name in zip(whole, names(whole), strict=True)])
    rise = tested(_rises(few, whole)) if len(shares) > 2 else []
    made = [("the last films", _training(before, whole), last), ("more films", _training(few, whole), rise)]
    return [claim_rules.some(_grown(span, step, data), found, MORE, "points") for span, step, found in made if found]


def _rises(few, whole):
    """The accuracy with all films less that with the fewest, fit by fit; paired where the table has that."""
    least = {name: _of(row, "test_pct") for row, name in zip(few, names(few), strict=True)}
    for row, name in zip(whole, names(whole), strict=True):
        paired = _of(row, "rise_points", name)
        if tested([paired]):
            yield paired
        elif name in least:
            yield claim_rules.unpaired(_of(row, "test_pct"), least[name], name)


def _grown(span, step, data):
    text = f"{span} to learn from ({step}) raised the accuracy"
    return Words(text, "they lowered it", data, "; whether still more would, a curve does not show")


def _training(few, many):
    """From how many training films to how many, in words."""
    least, most = (np.nanmean([claim_rules.number(row, "training_films") for row in rows]) for rows in (few, many))
    return f"{tables.number(least)} to {tables.number(most)} a fold"


def _pooled(row):
    return _of(row, "pooled_pct")


def _of(row, column, name="", beside=""):
    films = "films" if "films" in row else "tested_samples"
    return claim_rules.of_row(row, column, name, beside, films)


def _values(one):
    return one.estimate, one.low, one.high


def _percent(one):
    return tables.interval(one.estimate, one.low, one.high, 1) + " %"


def _above(row):
    """A row's accuracy and that of the commonest temperature on the same films, in words."""
    pooled, above = (claim_rules.number(row, column) for column in ("pooled_pct", ABOVE))
    return f"{tables.number(pooled, 1)} % against {tables.number(pooled - above, 1)} %"


def _beside(row):
    return f"{tables.number(row['pooled_pct'], 1)} % there"


def _rivals(rows):
    return [
        "always the commonest" if row["model"] == fits.BASELINE else name
        for row, name in zip(rows, names(rows), strict=True)
    ]


def _together(row):
    return "all models together" if row["model"] == fits.MEAN else str(row["model"])


def _turned(one):
    return Compared(one.name, -one.estimate, -one.high, -one.low, one.films, one.batches, one.beside)


FITS = ["protocol", "features", "scheme", "model"]
POOLED = interval_of("pooled_pct")
BASELINES = [*FITS, *POOLED, *interval_of("ahead_points")]
ALONE = [*FITS, *POOLED, *interval_of(ABOVE)]
READING = "Do growth conditions tell as much as pictures?"
HOW_OFTEN = "How often is the temperature told right?"
PICTURES = "Do pictures tell more than physical features?"
TOPICS = [
    Topic(HOW_OFTEN, "whether the temperature is told", {"table2": [*FITS, *POOLED]}, accuracy),
    Topic(
        HOW_OFTEN,
        "whether the network on pictures beats the commonest temperature, film by film",
        {"baselines": BASELINES},
        always,
    ),
    Topic(
        READING,
        "whether the network tells more than a model on growth metadata alone",
        {"baselines": BASELINES},
        partial(ahead, features="metadata", what="growth metadata (day, time, substrate, operator)", also=UNSEEN),
    ),
    Topic(
        READING,
        "whether a model on growth metadata alone tells the temperature",
        {"baselines": ALONE},
        partial(
            alone, features="metadata", what="growth metadata", meaning="a network could do that well by reading them"
        ),
    ),
    Topic(
        PICTURES,
        "whether pictures tell more than a model on physical features",
        {"baselines": BASELINES},
        partial(ahead, features="physical", what="physical features (roughness, grains, steps)"),
    ),
    Topic(
        PICTURES,
        "whether a model on physical features alone tells the temperature",
        {"baselines": ALONE},
        partial(alone, features="physical", what="physical features", meaning="no network is needed for that much"),
    ),
    Topic(
        "Does fine-tuning pay?",
        "whether fine-tuned features beat those of the network's blocks",
        {"table2": [*FITS, *POOLED, *fits.GAIN]},
        tuned,
    ),
    Topic(
        "Does pre-training help?",
        "whether what the network was pre-trained on matters",
        {"table3": [*FITS, "pretraining", *fits.GAIN]},
        pretraining,
    ),
    Topic(
        "Does knowing the order help?",
        "whether ordinal schemes and regression miss by fewer degrees than the nominal scheme",
        {"table4": [*FITS, *interval_of("mae_celsius")]},
        order,
    ),
    Topic(
        "Would more films help?",
        "whether more films would help",
        {"learning_curve": [*FITS, "share_pct", "training_films", *interval_of("test_pct", "gain_points")]},
        more_films,
    ),
]
