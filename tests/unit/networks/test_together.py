"""Fits side by side: the same as one after another, faults and words included."""

import os
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from micrograph.errors import UserError
from micrograph.networks import finetune
from micrograph.splits import splitters

CLASSES = [900, 950, 1000]
SETTINGS = {
    "learning_rate": 2e-3,
    "batch": 8,
    "dropout": 0.2,
    "epochs": 2,
    "patience": 5,
    "precision": "fp32",
    "batch_norm_momentum": 0.4,
}


def fits(**changed):
    """Fine-tuning of the three folds of 12 films whose grey tells the temperature."""
    labels = np.array([CLASSES[row % 3] for row in range(12)])
    samples = pd.DataFrame(
        {
            "sample": [f"s{row:02d}" for row in range(12)],
            "batch": [f"b{row:02d}" for row in range(12)],
            "growth_celsius": labels,
        }
    )
    images = np.broadcast_to((labels - 850).astype(np.uint8)[:, None, None], (12, 32, 32)).copy()
    table = splitters.split(samples, "strict", 3, np.random.default_rng(0))
    words = {"head": "nominal", "policy": "aug3", "protocol": "strict", "classes": CLASSES, "settings": SETTINGS}
    words |= {"backbone": "timm:mobilenetv3_small_050", "weights": None, "pretraining": "scratch", "device": "cpu"}
    names, copies = samples["sample"], np.zeros(12, int)
    return {
        fold: partial(
            finetune.fine_tune,
            *(table, fold, images, names, copies),
            rng=np.random.default_rng(fold),
            **(words | changed),
        )
        for fold in range(3)
    }


def test_folds_trained_at_once_are_those_trained_one_after_another_to_the_byte(capfd):
    alone, beside = finetune.run(fits(), 1), finetune.run(fits(), 2)
    assert list(alone) == list(beside) == [0, 1, 2]
    for fold, one in alone.items():
        other = beside[fold]
        pd.testing.assert_frame_equal(one.curve, other.curve, check_exact=True)
        assert one.outputs[0].tobytes() == other.outputs[0].tobytes()
        assert one.facts == other.facts
        ours, theirs = one.network.state_dict(), other.network.state_dict()
        assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert alone[0].outputs[0].tobytes() != alone[1].outputs[0].tobytes()
    assert capfd.readouterr().out.count("network of fold 2") == 4, "two epochs, twice, all in one log"


def test_a_fault_of_one_fit_arrives_in_its_own_words():
    with pytest.raises(UserError, match="^policy 'aug9' is not known; choose one of"):
        finetune.run(fits(policy="aug9"), 2)


def test_each_runs_in_a_process_of_its_own_and_one_alone_runs_here():
    processes = finetune.run(dict.fromkeys("ab", os.getpid), 2)
    assert os.getpid() not in processes.values()
    assert finetune.run({"a": os.getpid}, 4) == {"a": os.getpid()}
