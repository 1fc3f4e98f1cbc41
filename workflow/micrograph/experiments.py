"""What an experiment of config asks for: the fits behind a table or figure, each in the words that name its files."""

from itertools import product

WORDS = ("protocol", "pretraining", "policy", "features", "scheme", "model")
ORDINAL = ("nnrank", "corn")  # schemes for networks alone: they change the head and the loss
NETWORKS = ("MLP", "CNN")


def fits(experiment):
    """Every fit that an experiment asks for: a list of dicts protocol, pretraining, policy, features, scheme, model.

    experiment: its settings, {"protocols": [...], "pretraining": [...], ...}. The CNN sees pictures ("image"), the
    other models features: those of `blocks` and `cev` where the experiment has them, else the tuned ones. A model
    without the scheme (SVC has no nnrank) is left out.
    """
    names = ("protocols", "pretraining", "policies", "schemes", "models")
    return [
        dict(zip(WORDS, (protocol, pretraining, policy, features, scheme, model), strict=True))
        for protocol, pretraining, policy, scheme, model in product(*(experiment[name] for name in names))
        if model in NETWORKS or scheme not in ORDINAL
        for features in features_of(experiment, model)
    ]


def features_of(experiment, model):
    """The feature sets that a model is fitted on: image, tuned, or {block}_cev{cev}."""
    if model == "CNN":
        return ["image"]
    sets = [
        block if block == "tuned" else f"{block}_cev{cev}"
        for block, cev in product(experiment.get("blocks", ["tuned"]), experiment.get("cev", [None]))
    ]
    return list(dict.fromkeys(sets))


def keep(some, **words):
    """Those of the fits whose words are among the given ones: keep(fits, scheme=["nominal"], model=["GBC", "MLP"])."""
    return [fit for fit in some if all(fit[name] in wanted for name, wanted in words.items())]


def chunks(folds, folds_per_job):
    """The folds that one job trains, as names: 5 folds by 2 are "0-1", "2-3", "4"."""
    starts = range(0, folds, folds_per_job)
    spans = [(start, min(start + folds_per_job, folds) - 1) for start in starts]
    return [str(first) if first == last else f"{first}-{last}" for first, last in spans]


def folds_of(chunk):
    """The folds of a chunk: "2-4" -> [2, 3, 4]."""
    first, _, last = chunk.partition("-")
    return list(range(int(first), int(last or first) + 1))


def fold_of(seen):
    """The fold whose samples a pre-training sees: "fold3" -> 3; "all", which sees every sample, counts as fold 0."""
    return 0 if seen == "all" else int(seen.removeprefix("fold"))
