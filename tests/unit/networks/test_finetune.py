"""Fine-tuning on one fold: it learns, sees what its protocol lets it see, and repeats itself to the byte."""

import json
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from micrograph.errors import UserError
from micrograph.networks import cnn_predictions, finetune, replace_head, transforms
from micrograph.splits import prediction_table, splitters
from project import PROJECT

BACKBONE, CLASSES = "timm:mobilenetv3_small_050", [900, 950, 1000]
SETTINGS = {"learning_rate": 2e-3, "batch": 8, "dropout": 0.0, "epochs": 1, "patience": 5, "precision": "fp32"}
SETTINGS |= {"batch_norm_momentum": 0.4}
SIDE = 32


@pytest.fixture(scope="module")
def films():
    """24 films of 12 days, their splits (strict), and pictures whose grey tells the class."""
    rng = np.random.default_rng(0)
    labels = np.array([CLASSES[i % 3] for i in range(24)])
    batches = [f"b{i // 6 * 3 + i % 3:02d}" for i in range(24)]
    samples = pd.DataFrame({"sample": [f"s{i:02d}" for i in range(24)], "batch": batches, "growth_celsius": labels})
    noise = rng.integers(-20, 20, (24, SIDE, SIDE))
    images = (noise + (60 + (labels - 900))[:, None, None]).astype(np.uint8)
    return samples, splitters.split(samples, "strict", 3, rng), images


def tune(films, seed=1, images=None, fold=0, copies=None, **how):
    samples, table, own = films
    words = {"head": "nominal", "policy": "aug3", "protocol": "strict", "classes": CLASSES}
    words |= {"backbone": BACKBONE, "weights": None, "pretraining": "scratch", "device": "cpu"}
    settings = SETTINGS | {name: how.pop(name) for name in list(how) if name in SETTINGS}
    rng = np.random.default_rng(seed)
    names = samples["sample"] if copies is None else np.repeat(samples["sample"], len(copies))
    copies = np.zeros(len(names), int) if copies is None else np.tile(copies, len(samples))
    return finetune.fine_tune(
        table, fold, own if images is None else images, names, copies, settings=settings, rng=rng, **(words | how)
    )


def state(tuned):
    return tuned.network.state_dict()


def rows_of(films, part):
    return splitters.rows(films[1], 0, part, films[0]["sample"])


def changed(films, part):
    """The pictures, those of one part replaced by noise."""
    images = films[2].copy()
    rows = rows_of(films, part)
    images[rows] = np.random.default_rng(9).integers(0, 256, images[rows].shape)
    return images


@pytest.mark.parametrize("head", ["nominal", "nnrank", "corn", "regression"])
def test_a_network_learns_what_the_pictures_tell(films, head):
    """Judged by batch statistics, as in the paper: the running ones need more steps than a test has time for."""
    curve = tune(films, head=head, protocol="published", epochs=25, patience=25).curve
    assert curve["train_loss"].iloc[-5:].mean() < 0.75 * curve["train_loss"].iloc[0]
    assert curve["validation_accuracy"].iloc[-5:].mean() > 0.6


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads(films, tmp_path):
    before, paths = torch.get_num_threads(), [tmp_path / f"{i}.safetensors" for i in range(3)]
    try:
        for path, seed, threads in zip(paths, (1, 1, 2), (1, 2, 1), strict=True):
            torch.set_num_threads(threads)
            torch.rand(threads)
            tune(films, seed=seed, dropout=0.3, head="tuned").write(path, data="simulated films")
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert paths[0].read_bytes() == paths[1].read_bytes() != paths[2].read_bytes()


def test_a_written_network_says_what_made_it_and_answers_as_it_did(films, tmp_path):
    tuned = tune(films, head="tuned", fold=2)
    tuned.write(tmp_path / "fold2.safetensors", data="simulated films")
    network, facts = replace_head.read(tmp_path / "fold2.safetensors")
    assert facts["settings"] == SETTINGS and facts["data"] == "simulated films"
    known = ("backbone", "pretraining", "head", "classes", "policy", "protocol", "fold", "pixels")
    assert [facts[name] for name in known] == [BACKBONE, "scratch", "tuned", CLASSES, "aug3", "strict", 2, SIDE]
    shown = transforms.to_input(torch.from_numpy(films[2]), range(24), facts["mean"], facts["std"])
    again = replace_head.forward(network, BACKBONE, "tuned", [shown])
    assert again.shape == (24, 100)
    np.testing.assert_allclose(again, tuned.outputs[0], rtol=1e-3, atol=1e-4)


def test_test_pictures_are_never_looked_at(films):
    plain, other = tune(films), tune(films, images=changed(films, "test"))
    assert all(torch.equal(part, state(other)[name]) for name, part in state(plain).items())
    pd.testing.assert_frame_equal(plain.curve, other.curve)
    rest = np.setdiff1d(np.arange(24), rows_of(films, "test"))
    np.testing.assert_allclose(plain.outputs[0][rest], other.outputs[0][rest], rtol=1e-4, atol=1e-5)


def test_strict_validation_leaves_the_network_alone_and_the_papers_moves_its_statistics(films):
    for protocol, moved in (("strict", False), ("published", True)):
        plain = tune(films, protocol=protocol)
        other = tune(films, protocol=protocol, images=changed(films, "validation"))
        assert plain.curve["train_loss"].equals(other.curve["train_loss"])
        assert not plain.curve["validation_loss"].equals(other.curve["validation_loss"])
        same = {name: torch.equal(part, state(other)[name]) for name, part in state(plain).items()}
        assert all(same[name] for name, _ in plain.network.named_parameters())
        assert any(not same[name] for name in same if name.endswith("running_mean")) == moved


def test_strict_keeps_the_best_weights_and_the_papers_way_the_last(films):
    for protocol, place in (("strict", "validation_loss"), ("published", "epoch")):
        curve = tune(films, protocol=protocol, epochs=5, patience=9, learning_rate=0.02).curve
        best = curve["epoch"].max() if place == "epoch" else curve[place].idxmin()
        assert curve.index[curve["kept"] == 1].tolist() == [best]


@pytest.mark.parametrize("policy", ["aug1", "aug2"])
def test_policies_with_copies_train_on_copies_and_answer_for_all_rows(films, policy):
    samples, _, own = films
    images = np.repeat(own, 3, axis=0)
    plain = tune(films, images=images, copies=[0, 1, 2], policy=policy)
    spoilt = images.copy()
    spoilt[0::3][rows_of(films, "train")] = 0
    other = tune(films, images=spoilt, copies=[0, 1, 2], policy=policy)
    assert plain.outputs[0].shape == (72, 3)
    assert all(torch.equal(part, state(other)[name]) for name, part in state(plain).items())


def test_the_grids_are_the_papers_in_its_order():
    own = {"learning_rate": 3e-4, "batch": 16, "dropout": 0.35}
    assert finetune.points("nnrank", SETTINGS | own) == [own]
    sizes = {head: len(finetune.points(head, SETTINGS | own, "published")) for head in finetune.GRIDS}
    assert sizes == {"nominal": 21, "nnrank": 105, "corn": 105, "regression": 21, "tuned": 1}
    first, second, *_ = finetune.points("nominal", SETTINGS | own, "published")
    assert first == {"learning_rate": 1e-2, "batch": 24, "dropout": 0.35} and second["batch"] == 32


def test_a_point_that_diverges_is_passed_over_and_the_network_is_that_of_the_chosen_one(films, monkeypatch, capsys):
    monkeypatch.setitem(finetune.GRIDS, "nominal", {"learning_rate": [1e-3, 1e30, 5e-3]})
    tuned = tune(films, search="published", epochs=3)
    assert [len(tuned.points), len(tuned.outputs)] == [3, 3]
    assert np.isnan(tuned.outputs[1]).all() and "lower training.nominal.learning_rate" in capsys.readouterr().out
    curves, arrays = finetune.gathered(films[0]["sample"], np.zeros(24, int), dict.fromkeys(range(3), tuned))
    assert list(curves) == ["fold", *finetune.CURVE] and sorted(set(curves["point"])) == [0, 2]
    choices, predictions = cnn_predictions.predict_cnn(
        [arrays], films[1], protocol="strict", policy="aug3", scheme="nominal", classes=CLASSES,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert json.loads(choices["used"][0]) == {name: tuned.facts["settings"][name] for name in tuned.points[0]}
    assert len(predictions) == 3 * 24


def test_the_chosen_point_is_the_most_accurate_on_the_validation_rows(films):
    rows = prediction_table.known_rows(films[0]["sample"], np.zeros(24, int), films[1])
    held = rows_of(films, "validation")
    album = finetune.Album(None, None, (), (), rows, None, held)
    right = np.eye(3)[np.searchsorted(CLASSES, rows.labels)]
    half, wrong = right.copy(), right[:, [1, 2, 0]]
    half[held[: len(held) // 2]] = wrong[held[: len(held) // 2]]
    cases = {(0, 1, 2): [wrong, half, right], (0, 0, 0): [half, half, wrong], (0, 1, 1): [wrong * np.nan, half, half]}
    for wanted, outputs in cases.items():
        for count, place in enumerate(wanted, start=1):
            assert finetune.best(outputs[:count], album, "nominal", CLASSES, "strict") == place


def test_a_single_point_that_diverges_is_a_fault(films):
    with pytest.raises(UserError, match="fold 0: the loss is no longer a number; lower training.nominal.learning_rate"):
        tune(films, learning_rate=1e30, epochs=3)


def test_a_search_whose_points_all_diverge_is_a_fault(films, monkeypatch):
    monkeypatch.setitem(finetune.GRIDS, "nominal", {"learning_rate": [1e30, 1e35]})
    with pytest.raises(
        UserError, match="network of fold 0: .*lower training.nominal.learning_rate with models.param_grid def"
    ):
        tune(films, search="published", epochs=3)


def test_too_little_memory_for_answers_says_what_to_lower(films, monkeypatch):
    def greedy(*given):
        return torch.empty(2**47)

    monkeypatch.setattr(replace_head, "forward", greedy)
    with pytest.raises(UserError, match=r"nominal network of fold 0: not enough memory; lower training.pixels\.$"):
        tune(films)


@pytest.mark.parametrize(("rows", "size", "sizes"), [(7, 3, [3, 4]), (6, 3, [3, 3]), (8, 3, [3, 3, 2]), (2, 5, [2]),
                                                     (3, 1, [1, 1, 1]), (1, 4, [1]), (6, 5, [6])])  # fmt: skip
def test_batches_hold_all_rows_in_order_and_none_is_single(rows, size, sizes):
    parts = finetune.cut(np.arange(rows) * 2, size)
    assert [len(part) for part in parts] == sizes
    assert np.concatenate(parts).tolist() == (np.arange(rows) * 2).tolist()


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"head": "ordinal"}, "head 'ordinal' is not known; choose one of: nominal, nnrank, corn, regression, tuned"),
        ({"protocol": "loose"}, "protocol 'loose' is not known"),
        ({"policy": "aug5"}, "policy 'aug5' is not known"),
        ({"search": "all"}, "search 'all' is not known; choose one of: default, published"),
        ({"precision": "fp64"}, "precision 'fp64' is not known"),
        ({"classes": [900, 950]}, "1000 C is none of the classes"),
        ({"pretraining": "imagenet"}, "pretraining imagenet of .* needs a file of weights"),
        ({"images": np.zeros((23, 8, 8), np.uint8)}, r"pictures must be \(24, rows, cols\) of 8 bits"),
    ],
)
def test_what_is_not_known_or_does_not_fit_is_refused(films, how, sentence):
    with pytest.raises(UserError, match=sentence):
        tune(films, **how)


KILLED = """
import sys
sys.path[:0] = ["workflow", "tests", "tests/unit/networks"]
import test_finetune as here
tuned = here.tune(here.films.__wrapped__(), epochs=10000, patience=10000)
tuned.write(sys.argv[1])
"""


def test_a_killed_fit_leaves_nothing(films, tmp_path):
    path = tmp_path / "networks" / "fold0.safetensors"
    command = [sys.executable, "-u", "-c", KILLED, str(path)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as running:
        assert "epoch 1 of" in running.stdout.readline()
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert not path.parent.exists()
