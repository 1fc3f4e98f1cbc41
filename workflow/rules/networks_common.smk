"""The helpers that answer the questions of networks.smk and of what uses networks: which folds a job trains, on which
pictures, from which weights, which network a fold has, which files explain the films.

Needs common.smk.
"""


def chunks(protocol, head):
    """The folds that are trained by one job each, those alone whose networks are used.

    Where tuned features of all folds come from the last one, published trains that fold alone, as the paper;
    strict+one_fold takes strict's networks. by_operator has as many folds as there are operators to leave out.
    """
    folds, read = config["splits"]["folds"], protocols.read(protocol)
    if read.base == "by_operator":
        return [experiments.EVERY_FOLD]
    dealt = experiments.chunks(folds, config["training"]["folds_per_job"])
    if head != "tuned" or "one_fold" not in read.leaks:
        return dealt
    if read.base == "published":
        return [str(folds - 1)]
    return [chunk for chunk in dealt if folds - 1 in experiments.folds_of(chunk)]


def answers_of(wildcards, head=None):
    """The outputs of every fold's network of one head; of the scheme's own head where none is named."""
    path = "results/networks/{protocol}/{pretraining}/{policy}/{head}/answers{chunk}.npz"
    words = {**wildcards, "head": head or wildcards.scheme, "protocol": protocols.at("networks", wildcards.protocol)}
    return expand(path, **words, chunk=chunks(wildcards.protocol, words["head"]))


def tuned_answers(wildcards):
    """The outputs of the networks that fine-tuned features are taken from."""
    return answers_of(wildcards, "tuned")


def tuned_curves(wildcards):
    """The learning curves of the networks that fine-tuned features are taken from."""
    return curves_of([{**wildcards, "features": "tuned"}])


def curves_of(fits):
    """The learning curves of the networks behind these fits."""
    path = "results/networks/{protocol}/{pretraining}/{policy}/{head}/curves{chunk}.tsv"
    heads = {"image": lambda fit: fit["scheme"], "tuned": lambda fit: "tuned"}
    words = [{**fit, "head": heads[fit["features"]](fit)} for fit in fits if fit["features"] in heads]
    paths = [
        path.format(**{**fit, "protocol": protocols.at("networks", fit["protocol"])}, chunk=chunk)
        for fit in words
        for chunk in chunks(fit["protocol"], fit["head"])
    ]
    return list(dict.fromkeys(paths))


def weights_before_tuning(wildcards):
    """The weights that a chunk's networks start from: fetched once, random (none), or this pipeline's own by fold."""
    if wildcards.pretraining == "scratch":
        return []
    if wildcards.pretraining != "films":
        return [f"resources/weights/{config['networks']['backbone']}-{wildcards.pretraining}.safetensors"]
    seen = [f"fold{fold}" for fold in experiments.folds_of(wildcards.chunk)]
    return expand(
        "results/pretraining/{protocol}/{seen}.safetensors",
        protocol=protocols.at("splits", wildcards.protocol),
        seen=["all"] if "all_rows" in protocols.read(wildcards.protocol).leaks else seen,
    )


def weights_before_pretraining():
    """The weights that the pretraining `films` starts from."""
    start = config["pretraining"]["self_supervised"]["start"]
    return [] if start == "scratch" else [f"resources/weights/{config['networks']['backbone']}-{start}.safetensors"]


def copies_of_policy(wildcards):
    """The tables of a policy's pictures, shard by shard, where it makes any: aug1 and aug2."""
    made = schema.POLICIES[wildcards.policy].multiplies
    return expand("results/policies/{policy}/{shard}.tsv", policy=wildcards.policy, shard=shards()) if made else []


def pictures_of_policy(wildcards):
    """The folders of pictures that networks of a policy see."""
    return pictures_of(wildcards.policy)


def pictures_of_production(wildcards):
    """The folders of pictures that the production network sees."""
    return pictures_of(PRODUCTION["policy"])


def pictures_of(policy):
    """The folders of a policy's pictures: of all micrographs, and of those that the policy makes."""
    made = [f"policies/{policy}"] if schema.POLICIES[policy].multiplies else []
    return expand("results/{folder}/{shard}", folder=["micrographs", *made], shard=shards())


def settings_of_training(settings):
    """Settings under the names that training knows them by."""
    names = {"batch_size": "batch", "hidden_layer_sizes": "widths"}
    return {names.get(name, name): value for name, value in settings.items()}


def settings_of_head(head, pretraining):
    """The training settings of one head: a change of another head's reruns nothing here."""
    names = ("pixels", "precision", "epochs", "patience", "batch_norm_momentum")
    own = config["training"]["feature_extractor" if head == "tuned" else head]
    settings = {name: config["training"][name] for name in names} | settings_of_training(own)
    if isinstance(settings["dropout"], dict):
        settings["dropout"] = settings["dropout"][pretraining]
    return settings


def settings_of_mlp(scheme):
    """The training settings of the MLP under one scheme."""
    mlp = config["training"]["mlp"]
    return {"epochs": mlp["epochs"], "patience": mlp["patience"], **settings_of_training(mlp[scheme])}


def networks_of_fold(wildcards):
    """The folder that holds the network of one fold, and those of its chunk."""
    held = [
        chunk
        for chunk in chunks(wildcards.protocol, wildcards.scheme)
        if int(wildcards.fold) in experiments.folds_of(chunk)
    ]
    return expand("results/networks/{protocol}/{pretraining}/{policy}/{scheme}/folds{chunk}", **wildcards, chunk=held)


def explained(name):
    """One file of every fold beside the maps: explained("fold{fold}.npz"), of the networks that production names."""
    path = f"results/attribution/{{protocol}}/{{pretraining}}/{{policy}}/{{scheme}}/{name}"
    return expand(path, **EXPLAINED, fold=range(config["splits"]["folds"]))


def weights_of_production():
    """The weights that the production network starts from; `films` has seen all films, for here none is held back."""
    if PRODUCTION["pretraining"] == "films":
        return ["results/pretraining/published/all.safetensors"]
    known = f"resources/weights/{config['networks']['backbone']}-{PRODUCTION['pretraining']}.safetensors"
    return [] if PRODUCTION["pretraining"] == "scratch" else [known]


def weights_of_rehearsal():
    """The weights of each fold's rehearsal where these have seen films: those that have not seen the fold's own."""
    paths = expand("results/pretraining/strict/fold{fold}.safetensors", fold=range(config["splits"]["folds"]))
    return paths if PRODUCTION["pretraining"] == "films" else []


def new_scans(wildcards):
    """The scans to predict, with their sizes and times: new or changed ones are predicted anew."""
    return told(folders.scans_in, config["new_scans"])
