"""What an experiment of config asks for: the fits behind a table or figure, each in the words that name its files."""

from dataclasses import replace
from itertools import product

from micrograph import protocols

WORDS = ("protocol", "pretraining", "policy", "features", "scheme", "model")
ORDINAL = ("nnrank", "corn")  # schemes for networks alone: they change the head and the loss
NETWORKS = ("MLP", "CNN")
ON_TUNED = ("MLP",)  # models that learn from fine-tuned features alone
WITHOUT_NETWORK = ("metadata", "physical")  # features of the baselines
BASELINE = {"pretraining": "none"}  # of what is known of a film without a network


def fits(experiment):
    """Every fit that an experiment asks for: a list of dicts protocol, pretraining, policy, features, scheme, model.

    experiment: its settings, {"protocols": [...], "pretraining": [...], ...}. The CNN sees pictures ("image"), the
    other models features: those of `blocks` and `explained_variance` where the experiment has them, else the tuned
    ones; the MLP always the tuned. Left out are a model without the scheme (SVC has no nnrank), and a protocol with a
    leak that cannot change what the model says of a film (protocols.felt).
    """
    names = ("protocols", "pretraining", "policies", "schemes", "models")
    return [
        dict(zip(WORDS, (protocol, pretraining, policy, features, scheme, model), strict=True))
        for protocol, pretraining, policy, scheme, model in product(*(experiment[name] for name in names))
        if model in NETWORKS or scheme not in ORDINAL
        for features in features_of(experiment, model)
        if protocols.felt(protocol, features)
    ]


def features_of(experiment, model):
    """The feature sets that a model is fitted on: image, tuned, or {block}_cev{cev}."""
    if model == "CNN":
        return ["image"]
    if model in ON_TUNED:
        return ["tuned"]
    sets = [
        block if block == "tuned" else f"{block}_cev{cev}"
        for block, cev in product(experiment.get("blocks", ["tuned"]), experiment.get("explained_variance", [None]))
    ]
    return list(dict.fromkeys(sets))


def of_leakage(experiment):
    """The fits of the experiment `leakage`, but for those of `permuted`.

    Its protocols on the true labels, and those under `permuted_labels` on every permutation that
    `n_network_permutations` asks for, {films: draws, batches: draws}. Where `networks` is network_leaks, not all,
    fine-tuned features are asked for under their own leak alone (one_fold), images under those of training.
    """
    drawn = [
        f"{protocol}.shuffled_{kind}{draw}"
        for protocol in experiment["permuted_labels"]
        for kind, draws in experiment["n_network_permutations"].items()
        for draw in range(1, draws + 1)
    ]
    true = [fit for fit in fits(experiment) if experiment["networks"] == "all" or _asks_for_networks(fit)]
    shuffled = fits({**experiment, "protocols": drawn})
    return true + [fit for fit in shuffled if not on_components(fit)]


def permuted(experiment):
    """The fits of the experiment `leakage` that are made again and again on shuffled labels: models on components."""
    shuffled = fits({**experiment, "protocols": experiment["permuted_labels"]})
    return [fit for fit in shuffled if on_components(fit)] if any(experiment["n_permutations"].values()) else []


def on_components(fit):
    """Whether a fit is on the principal components of a block."""
    return "_cev" in fit["features"]


def _asks_for_networks(fit):
    """Whether a fit needs no network, or its protocol is a base, or changes a leak that is about its network."""
    changed = protocols.changes(fit["protocol"])
    own = {"one_fold"} if fit["features"] == "tuned" else protocols.NETWORK_LEAKS
    return on_components(fit) or not changed or bool(changed & own)


def of_learning_curve(experiment):
    """The fits of the experiment `learning_curve`: its protocols with each share of the training batches, and whole, in
    each of its `repeats` deals of the folds."""
    names = [f"{protocol}.share{share}" for protocol in experiment["protocols"] for share in experiment["shares"]]
    return repeated(fits({**experiment, "protocols": [*names, *experiment["protocols"]]}), experiment["repeats"])


def of_baselines(experiment):
    """The fits of the experiment `baselines`: models on what is known of a film without a network.

    experiment: {"protocols": [...], "policies": [...], "features": ["metadata", ...], "models": ["OLR", ...]}.
    """
    names = ("protocols", "policies", "features", "models")
    return [
        {"protocol": protocol, **BASELINE, "policy": policy, "features": features,
         "scheme": "ordinal" if model == "OLR" else "nominal", "model": model}
        for protocol, policy, features, model in product(*(experiment[name] for name in names))
    ]  # fmt: skip


def repeated(some, repeats):
    """The fits in every one of `repeats` deals of the folds, the first deal of all first."""
    more = [{**fit, "protocol": _dealt(fit["protocol"], deal)} for deal in range(1, repeats) for fit in some]
    return [*some, *more]


def _dealt(name, deal):
    """The name of a protocol in a later deal of the folds: strict.share25 -> strict.repeat1.share25."""
    return replace(protocols.read(name), repeat=deal).name


def keep(some, **words):
    """Those of the fits whose words are among the given ones: keep(fits, scheme=["nominal"], model=["GBC", "MLP"])."""
    return [fit for fit in some if all(fit[name] in wanted for name, wanted in words.items())]


def by_features(some):
    """The fits of models on features, those on features of one kind together: {(protocol, pretraining, policy, kind):
    fits, each once}.

    The kind is `components` for all principal components, else the name of the features (tuned, metadata, physical).
    Fits of the CNN, which sees images, are left out.
    """
    found = {}
    for fit in some:
        if fit["features"] != "image":
            kind = "components" if on_components(fit) else fit["features"]
            group = found.setdefault((fit["protocol"], fit["pretraining"], fit["policy"], kind), [])
            group += [fit] * (fit not in group)
    return found


EVERY_FOLD = "all"  # the chunk of all folds, where their number is known from the splits alone


def chunks(folds, folds_per_job):
    """The folds that one job trains, as names: 5 folds by 2 are "0-1", "2-3", "4"."""
    starts = range(0, folds, folds_per_job)
    spans = [(start, min(start + folds_per_job, folds) - 1) for start in starts]
    return [str(first) if first == last else f"{first}-{last}" for first, last in spans]


def folds_of(chunk, folds=0):
    """The folds of a chunk: "2-4" -> [2, 3, 4]; of EVERY_FOLD all `folds`."""
    if chunk == EVERY_FOLD:
        return list(range(folds))
    first, _, last = chunk.partition("-")
    return list(range(int(first), int(last or first) + 1))


def fold_of(seen):
    """The fold whose samples a pre-training sees: "fold3" -> 3; "all", which sees every sample, counts as fold 0."""
    return 0 if seen == "all" else int(seen.removeprefix("fold"))
