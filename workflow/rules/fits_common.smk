"""The helpers that say which fits the tables and figures ask for, and where each fit finds what it learns from.

Needs common.smk.
"""

import re

from micrograph import job
from micrograph.models import deals, grids

SHALLOW = list(grids.MODELS)


def asked(experiment, **words):
    """The fits that an experiment asks for, those alone that carry the words: asked("table4", model=["GBC"])."""
    way = ASKED_BY.get(experiment, experiments.fits)
    return experiments.keep(way(config["experiments"][experiment]), **words)


# Experiments that ask for more than a product of their lists.
ASKED_BY = {
    "leakage": experiments.of_leakage,
    "learning_curve": experiments.of_learning_curve,
    "baselines": experiments.of_baselines,
}


def repeated(experiment, **words):
    """As `asked`, in every deal of the folds that the experiment has."""
    return experiments.repeated(asked(experiment, **words), config["experiments"][experiment]["repeats"])


def first(experiment, *names):
    """The first of the experiment's words of each name, for what shows one fit only, as keywords for `asked`."""
    return {name: [asked(experiment)[0][name]] for name in names}


def said(experiment):
    """The words of an experiment's first fit, and all its models: for a figure to say what it shows."""
    fit = asked(experiment)[0]
    words = {name: fit[name] for name in ("protocol", "pretraining", "policy", "scheme")}
    return {**words, "models": config["experiments"][experiment]["models"]}


def networks_said():
    """What is fine-tuned, for figure 1 to say."""
    asked_for = config["experiments"]
    words = {"policies": "fig3", "pretraining": "table3", "schemes": "table4", "models": "table4"}
    networks = {name: asked_for[table][name] for name, table in words.items()}
    return {**networks, **{name: config["training"][name] for name in ("pixels", "epochs")}}


def predictions_of(fits):
    """The predictions of these fits, each once."""
    return list(dict.fromkeys(paths_of(fits, "results/predictions/{fit}.tsv")))


def choices_of(fits):
    """The settings that each fold of these fits chose."""
    return list(dict.fromkeys(paths_of(fits, "results/models/{fit}_choices.tsv")))


def probable():
    """The strict fits whose answers come with probabilities, or with scores that can become some; the network that is
    explained is always among them."""
    return [*asked("table4", protocol=["strict"], scheme=["nominal", "nnrank", "corn"]), EXPLAINED]


def dealt_otherwise(wildcards):
    """The predictions of films by operator and by date, as far as the sheet says who grew them, and when."""
    return predictions_of(tested_otherwise())


def dealt_strictly(wildcards):
    """The predictions of the same models under strict."""
    return predictions_of([{**fit, "protocol": "strict"} for fit in tested_otherwise()])


def tested_otherwise():
    """The fits of `confounders` whose folds can be dealt."""
    return [fit for fit in asked("confounders") if fit["protocol"] not in untested()]


def untested():
    """{protocol: why its folds cannot be dealt}, of those that `confounders` asks for."""
    return {base: why for base in config["experiments"]["confounders"]["protocols"] if (why := why_not(base))}


@cache
def why_not(base):
    """Why the samples cannot be dealt by operator or by date; "" where they can, as far as their sheet tells."""
    return deals.why_not(planned(), base, config["splits"]["folds"])


def planned():
    """The sample sheet, also where the run itself will write it."""
    if not SIMULATED:
        return sheet()
    from micrograph.simulated import simulate  # with scipy, which every job would import else

    words, chance = config["simulation"], job.rng(config["seed"], "plan_samples")
    return simulate.plan(words["samples"], words["days"], words["shares"], chance, operators=words["operators"])


def splits_of(fit):
    """The splits of a protocol: two that differ in what comes later share them."""
    return f"results/splits/{protocols.at('splits', fit['protocol'])}.tsv"


def components_of(experiment):
    """The principal components behind the first fit of an experiment, for every set of features that has them."""
    fits = asked(experiment, **first(experiment, "protocol", "pretraining"))
    paths = ["results/components/{protocol}/{pretraining}/{features}.npz".format(**fit) for fit in fits]
    return list(dict.fromkeys(path for path in paths if "_cev" in path))


def components_shown():
    """The principal components that figures 8 and 9 show."""
    fit, cev = asked("table2")[0], config["experiments"]["table2"]["explained_variance"][0]
    return f"results/components/{fit['protocol']}/{fit['pretraining']}/{config['figures']['fig8_block']}_cev{cev}.npz"


def micrographs_shown():
    """The fit whose answers figure 6 puts beside the micrographs: the first that its model has."""
    return asked("table4", model=[config["figures"]["fig6_model"]])[:1]


def ordered_shown():
    """The fits of figure 7: the paper's regressor and ordinal networks."""
    trees = repeated("table4", model=["GBC"], scheme=["regression"])
    return trees + repeated("table4", model=["MLP", "CNN"], scheme=["nnrank"])


def features_of_fit(fit):
    """What a model on features learns from: principal components, fine-tuned features, or what needs no network."""
    if fit["features"] in experiments.WITHOUT_NETWORK:
        return "results/features/{features}.npz".format(**fit)
    if fit["features"] == "tuned":
        return tuned_of_fit(fit)
    protocol = protocols.at("components", fit["protocol"])
    return "results/components/{0}/{pretraining}/{features}.npz".format(protocol, **fit)


def tuned_of_fit(fit):
    """The fine-tuned features of a fit's policy."""
    protocol = protocols.at("tuned", fit["protocol"])
    return "results/features/{0}/{pretraining}/{policy}/tuned.npz".format(protocol, **fit)


def fits_of_study():
    """Every fit that any table or figure asks for."""
    tables = [fit for name in ("table2", "fig3", "table3", "table4") for fit in repeated(name)]
    confounders = asked("confounders")
    more = [*asked("baselines"), *asked("leakage"), *asked("learning_curve"), *confounders]
    return [*tables, *more, *({**fit, "protocol": "strict"} for fit in confounders)]


def shared_jobs(models):
    """The fits of these models that share a job, those on features of one kind: {name of the job: fits}.

    Starting a job takes longer than most fits. With models.param_grid published a fit takes minutes to hours, and each is
    a job of its own; so is a fit that no table or figure asks for.
    """
    if config["models"]["param_grid"] != "default":
        return {}
    fits = experiments.keep(fits_of_study(), model=models)
    return {re.sub(r"\W", "_", "_".join(key)): group for key, group in experiments.by_features(fits).items()}


def permuted():
    """The fits that are made again and again on shuffled labels: {(protocol, pretraining, policy, scheme): fits}."""
    found = {}
    for fit in experiments.permuted(config["experiments"]["leakage"]):
        key = tuple(fit[name] for name in ("protocol", "pretraining", "policy", "scheme"))
        found.setdefault(key, []).append(fit)
    return found


def permutations():
    """The predictions of these fits."""
    return ["results/permutations/{}/{}/{}/{}.tsv".format(*key) for key in permuted()]


def paths_of(fits, name):
    """One file of every fit, in their order: paths_of(fits, "results/predictions/{fit}.tsv")."""
    fit = "{protocol}/{pretraining}/{policy}/{features}/{scheme}/{model}"
    return [name.format(fit=fit.format(**one)) for one in fits]
