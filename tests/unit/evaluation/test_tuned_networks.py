"""Accuracies of the networks behind the fine-tuned features, by hand."""

import numpy as np
import pandas as pd

from micrograph.evaluation import tables, tuned_networks

PUBLISHED = pd.DataFrame({"pretraining": ["imagenet"], "train_pct": [88], "validation_pct": [73]})
PATH = "results/networks/{}/{}/aug3/tuned/outputs0-1.npz"


def outputs(*predicted, folds=(0, 1)):
    """Samples a to d, and a second image of a that counts for nothing; the same predictions in every fold."""
    arrays = {"samples": np.array([*"abcda"]), "augmentation": np.array([0, 0, 0, 0, 1])}
    return arrays | {f"class_outputs_{fold}": np.eye(3)[[*predicted, 2]] for fold in folds}


def splits(*rows):
    names = {"t": "train", "v": "validation", "e": "test"}
    return pd.DataFrame(
        [
            (fold, names[split], sample, celsius)
            for fold, row in enumerate(rows)
            for split, sample, celsius in zip(row, "abcd", (900, 950, 950, 1000), strict=True)
        ],
        columns=["fold", "split", "sample", "y_true"],
    )


def test_accuracies_by_hand():
    """Predicted are 900, 950, 900, 1000 of 900, 950, 950, 1000: c alone is wrong."""
    given = {PATH.format("published", "scratch"): outputs(0, 1, 0, 2, folds=(1,))}
    given |= {PATH.format("strict", "imagenet"): outputs(0, 1, 0, 2)}
    both = splits("ttve", "ttev")
    made = tuned_networks.make_table(given, {"strict": both, "published": both}, PUBLISHED, [900, 950, 1000], "films")
    assert made["protocol"].tolist() == ["strict", "published"]
    strict, published = made.to_dict("records")
    assert (strict["train_pct"], strict["validation_pct"], strict["test_pct"]) == (100, 50, 50)
    assert strict["validation_pct_std"] == 50 and strict["paper_train_pct"] == 88
    assert (published["validation_pct"], published["test_pct"], published["folds"]) == (100, 0, 1)
    assert np.isnan(published["validation_pct_std"]) and np.isnan(published["paper_train_pct"])
    text = tables.markdown(tuned_networks.panels(made), "caption")
    assert "| strict | imagenet | aug3 | 2 | 100 ± 0 | 50 ± 50 | 50 ± 50 | 88 | 73 |" in text


def test_a_missing_prediction_is_wrong():
    given = {PATH.format("strict", "imagenet"): outputs(0, 1, 1, 2)}
    lacking = {name: {key: values[:2] for key, values in arrays.items()} for name, arrays in given.items()}
    made = tuned_networks.make_table(lacking, {"strict": splits("ttev", "etvt")}, PUBLISHED, [900, 950, 1000], "films")
    assert made["validation_pct"].item() == 0 and made["train_pct"].item() == 75
