"""Which fits an experiment asks for."""

import pytest
import yaml

from micrograph import experiments
from micrograph.config import validate
from micrograph.errors import UserError
from micrograph.experiments import Study, expand
from micrograph.splits import fit_spec, protocols
from micrograph.splits.fit_spec import FitSpec
from project import PROJECT

TABLE = {
    "protocols": ["strict"],
    "pretraining": ["imagenet"],
    "policies": ["aug3"],
    "schemes": ["nominal", "nnrank", "regression"],
    "models": ["SVC", "MLP", "CNN"],
}


def study(**tables):
    """A Study with these experiments alone."""
    target = {"column": "growth_celsius", "classes": [900, 950]}
    return Study({"experiments": tables, "models": {"param_grid": "default"}, "target": target})


def test_models_without_an_ordinal_scheme_are_left_out_of_it():
    asked = [(fit.scheme, fit.model) for fit in expand(TABLE)]
    assert asked == [
        *(("nominal", model) for model in ("SVC", "MLP", "CNN")),
        *(("nnrank", model) for model in ("MLP", "CNN")),
        *(("regression", model) for model in ("SVC", "MLP", "CNN")),
    ]


def test_the_cnn_sees_pictures_and_the_others_tuned_features_where_no_blocks_are_named():
    features = {fit.model: fit.features for fit in expand(TABLE)}
    assert features == {"SVC": "tuned", "MLP": "tuned", "CNN": "image"}


def test_tuned_features_have_no_components_and_stand_once():
    words = {
        **TABLE,
        "schemes": ["nominal"],
        "models": ["SVC"],
        "blocks": ["pool", "tuned"],
        "explained_variance": [85, 99],
    }
    assert [fit.features for fit in expand(words)] == ["pool_cev85", "pool_cev99", "tuned"]


def test_fits_are_kept_by_their_words():
    kept = experiments.select(expand(TABLE), scheme=["nnrank"], model=["SVC", "CNN"])
    assert [(fit.scheme, fit.model) for fit in kept] == [("nnrank", "CNN")]


def test_chunks_hold_every_fold_once_whatever_their_size():
    assert fit_spec.chunks(5, 2) == ["0-1", "2-3", "4"]
    assert fit_spec.chunks(5, 9) == ["0-4"]
    for size in range(1, 12):
        folds = [fold for chunk in fit_spec.chunks(10, size) for fold in fit_spec.folds_of(chunk)]
        assert folds == list(range(10))


def test_what_a_pre_training_sees_names_its_fold():
    assert [fit_spec.fold_of(seen) for seen in ("fold0", "fold12", "all")] == [0, 12, 0]


def test_a_leak_is_requested_where_it_can_change_an_answer():
    words = {**TABLE, "schemes": ["nominal"], "blocks": ["pool", "tuned"], "explained_variance": [85]}
    protocols = ["strict+features_from_one_fold", "strict+pca_on_all", "strict+validation_in_train_mode"]
    asked = {(fit.protocol, fit.features) for fit in expand({**words, "protocols": protocols})}
    assert asked == {
        ("strict+features_from_one_fold", "tuned"), ("strict+pca_on_all", "pool_cev85"),
        ("strict+validation_in_train_mode", "tuned"), ("strict+validation_in_train_mode", "image"),
    }  # fmt: skip


def test_an_error_is_requested_under_the_policy_and_the_scheme_that_it_affects():
    words = {
        **TABLE,
        "schemes": ["nominal"],
        "models": ["SVC", "CNN"],
        "blocks": ["tuned"],
        "networks": "network_leaks",
    }
    named = ["as_run", "as_run-aug1_one_crop", "as_run-aug2_range", "as_run-target_not_scaled"]
    asked = {}
    for policy in ("aug1", "aug2"):
        fits = expand({**words, "policies": [policy], "protocols": named})
        asked[policy] = {(fit.protocol, fit.model) for fit in fits if fit.protocol != "as_run"}
    assert asked["aug1"] == {("as_run-aug1_one_crop", "SVC"), ("as_run-aug1_one_crop", "CNN")}
    assert asked["aug2"] == {("as_run-aug2_range", "SVC")}


LEAKAGE = {
    **TABLE, "schemes": ["nominal"], "blocks": ["pool", "tuned"], "explained_variance": [85], "models": ["SVC", "CNN"],
    "protocols": ["strict", "strict+selection_on_reported_split", "strict+validation_in_train_mode"],
    "networks": "all", "permuted_labels": ["strict"],
    "n_permutations": {"films": 100, "batches": 100}, "n_network_permutations": {"films": 2, "batches": 1},
}  # fmt: skip


def test_networks_are_shuffled_as_often_as_asked_and_under_the_protocols_named():
    asked = [fit.protocol for fit in study(leakage={**LEAKAGE, "models": ["CNN"]}).fits("leakage")]
    assert asked == [
        "strict", "strict+selection_on_reported_split", "strict+validation_in_train_mode",
        "strict.shuffled_films1", "strict.shuffled_films2", "strict.shuffled_batches1",
    ]  # fmt: skip


def test_models_on_block_features_are_permuted_apart_and_all_others_draw_by_draw():
    ((permuted,),) = study(leakage=LEAKAGE).permuted().values()
    assert (permuted.protocol, permuted.features, permuted.model) == ("strict", "pool_cev85", "SVC")
    shuffled = [fit for fit in study(leakage=LEAKAGE).fits("leakage") if "shuffled" in fit.protocol]
    assert {fit.features for fit in shuffled} == {"tuned", "image"}
    assert study(leakage=LEAKAGE | {"n_permutations": {"films": 0, "batches": 0}}).permuted() == {}


def test_networks_can_be_kept_to_the_leaks_that_are_about_networks():
    asked = study(leakage=LEAKAGE | {"networks": "network_leaks", "n_network_permutations": {}}).fits("leakage")
    assert {fit.protocol for fit in asked if fit.features == "image"} == {"strict", "strict+validation_in_train_mode"}
    assert {fit.protocol for fit in asked if fit.features == "tuned"} == {"strict"}
    assert {fit.protocol for fit in asked if fit.features == "pool_cev85"} == {
        "strict",
        "strict+selection_on_reported_split",
    }


def test_fits_on_features_of_one_kind_share_a_job_each_once():
    none = {**TABLE, "models": [], "shares": [], "features": [], "repeats": 1}
    tables = dict.fromkeys(("table2", "fig3", "table3", "table4", "confounders", "baselines", "learning_curve"), none)
    one = study(**tables | {"table2": {**LEAKAGE, "protocols": ["strict"], "repeats": 1}, "leakage": LEAKAGE})
    jobs = one.shared_jobs(["SVC"])
    assert [fit.features for fit in jobs["strict_imagenet_aug3_components"]] == ["pool_cev85"]
    assert [fit.features for fit in jobs["strict_imagenet_aug3_tuned"]] == ["tuned"]
    one.config["models"]["param_grid"] = "published"
    assert one.shared_jobs(["SVC"]) == {}, "with the paper's grids every fit has a job of its own"


@pytest.mark.parametrize(
    ("spec", "features", "network"),
    [
        (FitSpec("strict+features_from_one_fold", "imagenet", "aug3", "tuned", "nominal", "SVC"),
         "results/features/strict+features_from_one_fold/imagenet/aug3/tuned.npz",
         "results/networks/strict/imagenet/aug3/tuned"),
        (FitSpec("published", "none", "aug4", "metadata", "ordinal", "OLR"), "results/features/metadata.npz", None),
        (FitSpec("strict+pca_on_all", "imagenet", "aug3", "pool_cev85", "nominal", "SVC"),
         "results/pca/strict+pca_on_all/imagenet/pool_cev85.npz", None),
    ],
)  # fmt: skip
def test_paths_hold_what_a_stage_can_tell_apart_and_no_more(spec, features, network):
    assert spec.features_path == features
    assert (spec.network and spec.network.folder) == network
    assert spec.predictions_path == f"results/predictions/{'/'.join(spec.columns().values())}.tsv"


def test_a_learning_curve_ends_with_all_films():
    words = {**TABLE, "schemes": ["nominal"], "models": ["SVC"], "shares": [25, 50], "repeats": 1}
    asked = [fit.protocol for fit in study(learning_curve=words).fits("learning_curve")]
    assert asked == ["strict.share25", "strict.share50", "strict"]


def test_every_deal_has_a_learning_curve_of_its_own_under_names_that_read_as_protocols():
    words = {**TABLE, "schemes": ["nominal"], "models": ["SVC"], "shares": [25], "repeats": 3}
    asked = [fit.protocol for fit in study(learning_curve=words).fits("learning_curve")]
    assert asked == [
        "strict.share25", "strict",
        "strict.repeat1.share25", "strict.repeat1",
        "strict.repeat2.share25", "strict.repeat2",
    ]  # fmt: skip
    assert [protocols.parse(name).repeat for name in asked] == [0, 0, 1, 1, 2, 2]


def test_repeats_deal_the_folds_anew_and_keep_the_first_deal():
    words = {**TABLE, "schemes": ["nominal"], "models": ["SVC"]}
    asked = experiments.repeated(expand(words), 3)
    assert [fit.protocol for fit in asked] == ["strict", "strict.repeat1", "strict.repeat2"]
    assert experiments.repeated(expand(words), 1) == expand(words)


def test_seeds_train_every_network_of_tables_3_and_4_anew_on_the_same_splits():
    """Table 3: 2 pre-trainings x 2 heads x 4 folds. Table 4: strict 5 heads x 4 folds, 2 heads of which Table 3 has;
    published 4 heads x 4 folds, and for fine-tuned features one network for all folds."""
    config = validate(yaml.safe_load((PROJECT / "config.yaml").read_text(encoding="utf-8")))
    once = networks(Study(config))
    for table in ("table3", "table4"):
        config["experiments"][table]["seeds"] = 2
    twice = networks(Study(config))
    more = twice - once
    assert once < twice and len(more) == 16 + 12 + 17
    assert {path.split("/")[2] for path, _ in more} == {"strict.seed1", "published.seed1"}
    seeded = [fit for fit in Study(config).all_fits if protocols.parse(fit.protocol).seed]
    assert {fit.features for fit in seeded} == {"tuned", "image"}
    assert {fit.splits_path for fit in seeded} == {"results/splits/strict.tsv", "results/splits/published.tsv"}


def networks(one):
    """(folder, fold) of every network that a study needs."""
    found = {(fit.network, fit.protocol) for fit in one.all_fits if fit.network}
    return {
        (network.folder, fold)
        for network, protocol in found
        for chunk in one.chunks(network, protocol)
        for fold in fit_spec.folds_of(chunk, one.config["splits"]["folds"])
    }


def test_baselines_know_no_network():
    words = {"protocols": ["strict"], "policies": ["aug3"], "features": ["metadata"], "models": ["OLR", "GBC"]}
    made = [(fit.pretraining, fit.features, fit.scheme, fit.model) for fit in study(baselines=words).fits("baselines")]
    assert made == [("none", "metadata", "ordinal", "OLR"), ("none", "metadata", "nominal", "GBC")]


TRANSFER = {**TABLE, "schemes": ["nominal"], "shares": [25], "repeats": 1, "pretraining": ["imagenet", "simulated"]}


def test_transfer_fits_the_cnn_on_every_share_and_what_learned_the_target_on_none():
    fits = study(transfer=TRANSFER).fits("transfer")
    assert {(fit.pretraining, fit.protocol) for fit in fits} == {
        ("simulated", "strict.share0"),
        *((name, protocol) for name in ("imagenet", "simulated") for protocol in ("strict.share25", "strict")),
    }
    assert {(fit.features, fit.model) for fit in fits} == {("image", "CNN")}


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ({"column": "pressure_torr", "bins": [0, 50, 100]}, "does not know pressure"),
        ({"column": "growth_celsius", "classes": [600, 700]}, "between 850 °C and 1050 °C"),
    ],
)
def test_targets_that_the_simulator_does_not_know_are_left_out_with_a_sentence(target, why):
    one = study(transfer=TRANSFER)
    one.config["target"] = target
    with pytest.raises(experiments.Unavailable, match=why):
        one.fits("transfer")
    assert one.all_fits == []
    with pytest.raises(UserError, match=f"pretraining simulated: the simulator.*{why}"):
        validate({"target": target, "experiments": {"table3": {"pretraining": ["imagenet", "simulated"]}}})
    validate({"target": target})


@pytest.mark.parametrize(
    ("scans", "data"),
    [
        ({}, "real films"),
        ({"films": "simulated"}, "simulated films"),
        ({"source": "simulated", "sheet": "resources/samples.tsv"}, "simulated films"),
    ],
)
def test_films_are_called_simulated_where_they_are_grown_here_or_said_to_be(scans, data):
    assert Study(validate({"scans": scans})).data == data
