"""Departures from the pattern of the paper's values, by hand."""

import pandas as pd

from micrograph.evaluation import paper_pattern

FIELDS = {"pretraining": "imagenet", "policy": "aug3", "scheme": "nominal"}
PAPER = {("tuned", "SVC"): 80, ("pool_cev85", "SVC"): 78, ("tuned", "KRC"): 71, ("pool_cev85", "KRC"): 71}


def noted(ours, protocol="published"):
    rows = [
        (name, *key, value) for name, values in ((protocol, ours), ("paper", PAPER)) for key, value in values.items()
    ]
    table = pd.DataFrame(rows, columns=["protocol", "features", "model", "validation_pct"]).assign(**FIELDS)
    return paper_pattern.note(table, [("model", "features")], "validation_pct")


def test_nothing_is_noted_where_the_best_features_are_those_of_the_paper():
    """Of KRC both are best in the paper; of SVC the fine-tuned ones."""
    assert (
        noted({("tuned", "SVC"): 60, ("pool_cev85", "SVC"): 50, ("tuned", "KRC"): 40, ("pool_cev85", "KRC"): 60}) == ()
    )


def test_other_best_features_are_named_of_each_protocol_that_follows_the_paper():
    ours = {("tuned", "SVC"): 60, ("pool_cev85", "SVC"): 70, ("tuned", "KRC"): 40}
    sentence = (
        "Where {} does not follow the paper: best features of SVC: pool, 85 % of variance (paper: fine-tuned features)."
    )
    assert noted(ours) == (sentence.format("published"),)
    assert noted(ours, "as_run") == (sentence.format("as_run"),)
    assert noted(ours, "strict") == ()


def test_what_the_paper_lacks_is_not_compared():
    assert noted({("block2_cev85", "SVC"): 90, ("tuned", "SVC"): 60, ("pool_cev85", "SVC"): 50}) == ()
    assert noted({("tuned", "SVC"): float("nan"), ("pool_cev85", "SVC"): float("nan")}) == ()
