"""Protocol names: one name a protocol, leaks added or taken away one by one, stages that share files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograph.errors import UserError
from micrograph.splits import protocols

PROTOCOLS = st.builds(
    protocols.Protocol,
    base=st.sampled_from(sorted(protocols.PROTOCOLS)),
    leaks=st.frozensets(st.sampled_from(sorted(protocols.SWITCHES))),
    repeat=st.integers(0, 12),
    seed=st.integers(0, 12),
    shuffled=st.sampled_from([None, "films", "batches"]),
    permutation=st.just(0),
    share=st.integers(0, 100),
).map(lambda made: made if made.shuffled is None else protocols.replace(made, permutation=made.repeat + 1))


@given(PROTOCOLS)
def test_every_protocol_has_one_name_that_reads_as_it(protocol):
    assert protocols.parse(protocol.name) == protocol


def test_as_run_has_faults_besides_and_is_published_wherever_none_is_felt():
    assert protocols.parse("as_run").leaks == protocols.SWITCHES.keys()
    assert protocols.as_seen_by("splits", "as_run") == "published"
    assert protocols.as_seen_by("components", "as_run-aug2_range") == "as_run"
    assert protocols.as_seen_by("components", "as_run-ungrouped-one_component_fewer") == "published-ungrouped"
    assert protocols.as_seen_by("networks", "as_run", "aug3", "nominal") == "published"
    assert protocols.as_seen_by("networks", "as_run", "aug3", "nnrank") == "as_run"
    assert protocols.as_seen_by("networks", "as_run", "aug3", "regression") == "as_run"
    assert protocols.as_seen_by("networks", "as_run-target_not_scaled.repeat1", "aug3", "regression") == (
        "published.repeat1"
    )
    assert protocols.as_seen_by("networks", "as_run", "aug1", "nominal") == "as_run"
    assert protocols.as_seen_by("tuned", "as_run", "aug3", "tuned") == "as_run"
    assert protocols.as_seen_by("tuned", "published+aug2_range", "aug3", "tuned") == "published"
    assert protocols.stream_name("as_run-aug2_range.share50") == "published.share50"
    assert not protocols.can_change_predictions("as_run-aug1_one_crop", "tuned", "aug3", "nominal")
    assert protocols.can_change_predictions("as_run-aug1_one_crop", "tuned", "aug1", "nominal")
    assert not protocols.can_change_predictions("as_run-features_not_normalised", "pool_cev85", "aug3", "nominal")


def test_strict_has_no_leak_and_published_all():
    assert protocols.parse("strict").leaks == frozenset()
    assert protocols.parse("published").leaks == frozenset(protocols.LEAKS)
    assert protocols.parse("strict+selection_on_reported_split").leaks == {"selection_on_reported_split"}
    assert protocols.parse("published-selection_on_reported_split").leaks == frozenset(protocols.LEAKS) - {
        "selection_on_reported_split"
    }


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("strict-selection_on_reported_split", "write strict+selection_on_reported_split"),
        ("published+selection_on_reported_split", "write published-selection_on_reported_split"),
        (
            "strict+selection_on_reported_split+features_from_one_fold",
            "strict+features_from_one_fold+selection_on_reported_split",
        ),
        ("strict.share50.repeat1", "strict.repeat1.share50"),
        ("strict.repeat01", "strict.repeat1"),
        ("strict.repeat0", "counts from 1"),
        ("strict.seed1.repeat1", "strict.repeat1.seed1"),
        ("strict.share100", "from 1 to 99"),
        ("lenient", "name one of strict, published"),
        ("strict/../x", "name one of"),
    ],
)
def test_a_name_that_is_none_or_has_a_better_one_raise(name, match):
    with pytest.raises(UserError, match=match.replace("+", r"\+").replace(".", r"\.")):
        protocols.parse(name)


def test_a_part_is_chosen_on_where_it_is_reported_only_with_the_leak():
    choosers = {
        name: protocols.parse(name).selection_split
        for name in (
            "strict",
            "strict+selection_on_reported_split",
            "published",
            "published-selection_on_reported_split",
        )
    }
    assert choosers == {
        "strict": "validation", "strict+selection_on_reported_split": "test",
        "published": "validation", "published-selection_on_reported_split": "validation",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stage", "name", "seen"),
    [
        ("splits", "strict+features_from_one_fold", "strict"),
        ("splits", "strict+ungrouped", "strict+ungrouped"),
        ("splits", "published-features_from_one_fold-ungrouped", "published-ungrouped"),
        ("components", "strict+pca_on_all+last_checkpoint.share50", "strict+pca_on_all.share50"),
        ("splits", "strict.repeat1.seed2", "strict.repeat1"),
        ("components", "strict.seed2.share50", "strict.share50"),
        ("tuned", "published.seed2", "published.seed2"),
        ("networks", "strict+pca_on_all.seed1", "strict.seed1"),
        ("networks", "strict+pca_on_all", "strict"),
        ("networks", "published-features_from_one_fold.shuffled_films2", "published.shuffled_films2"),
        ("tuned", "published-features_from_one_fold-selection_on_reported_split", "published-features_from_one_fold"),
    ],
)
def test_a_stage_sees_only_the_leaks_that_touch_it(stage, name, seen):
    assert protocols.as_seen_by(stage, name) == seen


def test_leaks_are_felt_where_they_can_change_an_answer():
    assert not protocols.can_change_predictions("strict+features_from_one_fold", "image")
    assert not protocols.can_change_predictions("strict+pca_on_all", "tuned")
    assert not protocols.can_change_predictions("published-validation_in_train_mode", "pool_cev85")
    assert protocols.can_change_predictions("strict+pca_on_all", "pool_cev85")
    assert protocols.can_change_predictions("strict+validation_in_train_mode.shuffled_films1", "image")
    assert protocols.can_change_predictions("strict.shuffled_films1", "image")


def test_names_without_leaks_and_without_variations():
    name = "published-selection_on_reported_split.repeat2.seed1.shuffled_batches1.share50"
    assert protocols.without_variations(name) == "published-selection_on_reported_split"
    assert protocols.without_leaks(name) == "published.repeat2.seed1.shuffled_batches1.share50"
    assert protocols.split_stream_name("strict.repeat2.seed1.share50") == "strict.repeat2"
    assert protocols.split_stream_name(name) == "published.repeat2.shuffled_batches1"
