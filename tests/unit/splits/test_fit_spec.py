"""Paths name fits and networks, and are read back."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograph.errors import UserError
from micrograph.splits.fit_spec import EVERY_FOLD, FitSpec, NetworkSpec, fold_of, folds_of, vary

CNN = FitSpec("strict+selection_on_reported_split", "imagenet", "aug1", "image", "corn", "CNN")


@given(
    st.sampled_from(
        ["strict", "published-selection_on_reported_split", "strict.share25", "strict.repeat1.shuffled_films2"]
    ),
    st.sampled_from(["image", "block2_cev85", "tuned"]),
    st.sampled_from(["SVC", "CNN"]),
)
def test_a_fit_is_read_back_from_its_paths(protocol, features, model):
    spec = FitSpec(protocol, "imagenet", "aug1", features, "nominal", model)
    assert FitSpec.from_path(spec.predictions_path) == FitSpec.from_path(f"/study/{spec.search_path}") == spec


def test_a_network_is_read_back_from_its_paths():
    assert CNN.network == NetworkSpec("strict", "imagenet", "aug1", "corn")
    assert NetworkSpec.from_path(f"/study/{CNN.network.outputs_path('0-1')}") == CNN.network
    assert NetworkSpec.from_path(CNN.network.curves_path("2")) == CNN.network


@pytest.mark.parametrize("spec", [FitSpec, NetworkSpec])
def test_a_path_with_too_few_parts_raises(spec):
    with pytest.raises(UserError, match=f"too few.*{fields(spec)[0].name}"):
        spec.from_path("strict/CNN.tsv")


@pytest.mark.parametrize(
    ("features", "path", "head"),
    [
        ("tuned", "results/features/strict/imagenet/aug1/tuned.npz", "tuned"),
        ("block2_cev85", "results/pca/strict/imagenet/block2_cev85.npz", None),
        ("metadata", "results/features/metadata.npz", None),
    ],
)
def test_features_come_from_their_stage(features, path, head):
    spec = FitSpec("strict+selection_on_reported_split", "imagenet", "aug1", features, "nominal", "SVC")
    assert spec.features_path == path
    assert (spec.network and spec.network.head) == head


def test_chunks_of_networks_are_those_whose_networks_are_used():
    network = CNN.network
    assert network.chunks(5, 2) == ["0-1", "2-3", "4"]
    tuned = NetworkSpec("published", "imagenet", "aug1", "tuned")
    assert tuned.chunks(5, 2, one_fold=True) == ["4"]
    assert NetworkSpec("strict", "imagenet", "aug1", "tuned").chunks(6, 2, one_fold=True) == ["4-5"]
    assert NetworkSpec("by_operator", "imagenet", "aug1", "tuned").chunks(5, 2) == [EVERY_FOLD]
    assert folds_of(EVERY_FOLD, 3) == [0, 1, 2] and folds_of("2-4") == [2, 3, 4]
    assert fold_of("fold3") == 3 and fold_of("all") == 0


def test_a_run_keeps_the_other_variations():
    share = FitSpec("strict.share25", *["x"] * 5)
    assert [vary(share, *run).protocol for run in ((0, 0), (1, 0), (0, 2), (1, 2))] == [
        "strict.share25", "strict.repeat1.share25", "strict.seed2.share25", "strict.repeat1.seed2.share25",
    ]  # fmt: skip
