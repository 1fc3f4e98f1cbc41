"""Learning curves: chunks joined, one setting a fold, rings where weights are kept, means while all folds train."""

import numpy as np
import pandas as pd
import pytest

import made_up
from made_up import laid_out_well, words_in
from micrograph import io
from micrograph.errors import UserError
from micrograph.evaluation.labels import SCHEMES
from micrograph.figures import training_curves
from micrograph.splits.fit_spec import NetworkSpec


def spec(head="nominal", protocol="strict", pretraining="imagenet", policy="aug3"):
    return NetworkSpec(protocol, pretraining, policy, head)


def rows(*lines):
    names = ["fold", "point", "epoch", "train_loss", "validation_loss", "validation_accuracy", "kept"]
    return pd.DataFrame(lines, columns=names)


def test_the_files_of_one_network_are_joined(tmp_path):
    paths = []
    for head, chunk in (("nominal", "0-1"), ("tuned", "0-1"), ("nominal", "2")):
        paths.append(tmp_path / "strict" / "imagenet" / "aug3" / head / f"curves{chunk}.tsv")
        fold = 2 if chunk == "2" else 0
        io.write_table(paths[-1], rows((fold, 0, 0, 1.0, 1.0, 0.5, 1)))
    tables = training_curves.read(paths)
    assert list(tables) == [spec("nominal"), spec("tuned")]
    assert [rows["fold"].tolist() for rows in tables.values()] == [[0, 2], [0]]
    with pytest.raises(UserError, match="protocol/pretraining/policy/head"):
        training_curves.read(["curves0.tsv"])


def test_each_fold_shows_the_setting_with_the_best_accuracy_at_the_epoch_kept():
    table = rows(
        *((0, 0, 0, 1.0, 0.9, 0.9, 0), (0, 0, 1, 0.8, 0.8, 0.5, 1)),  # better at first, but not kept
        *((0, 1, 0, 1.0, 0.9, 0.6, 1), (0, 1, 1, 0.8, 1.0, 0.4, 0)),
        *((1, 0, 0, 1.0, 0.9, 0.7, 1), (1, 1, 0, 1.0, 0.8, 0.7, 1)),  # equal: the lower loss
    )
    kept = training_curves.selected_points(table)
    assert kept[["fold", "point"]].drop_duplicates().to_numpy().tolist() == [[0, 1], [1, 1]]
    blind = table.assign(validation_accuracy=np.nan)
    assert training_curves.selected_points(blind).drop_duplicates("fold")["point"].tolist() == [0, 1]


@pytest.fixture
def drawn(tmp_path):
    def draw(*curves):
        paths = []
        for network, table in curves:
            paths.append(tmp_path / network.curves_path("0"))
            io.write_table(paths[-1], table)
        return training_curves.draw(paths)

    return draw


def test_the_mean_ends_with_the_first_fold_and_rings_stand_at_the_selected_epochs(drawn):
    table = rows(
        *((0, 0, 0, 1.0, 1.2, 0.5, 0), (0, 0, 1, 0.6, 0.9, 0.6, 1)),
        *((1, 0, 0, 2.0, 1.4, 0.5, 0), (1, 0, 1, 1.0, 1.0, 0.6, 0), (1, 0, 2, 0.5, 0.8, 0.6, 1)),
    )
    lines = drawn((spec(), table)).axes[0].get_lines()
    strong = [line.get_ydata().tolist() for line in lines if line.get_linewidth() > 1 and line.get_marker() == "None"]
    assert strong == [[1.5, 0.8], [pytest.approx(1.3), pytest.approx(0.95)]]
    (rings,) = [line.get_xydata().tolist() for line in lines if line.get_marker() == "o"]
    assert sorted(rings) == [[1, 0.9], [2, 0.8]]


def test_panels_of_one_head_share_their_axes(drawn):
    low = made_up.curve(seed=1)
    high = low.assign(train_loss=3 * low["train_loss"])
    first, second, third = drawn((spec(), low), (spec("tuned"), low), (spec(pretraining="films"), high)).axes
    assert first.get_ylim() == third.get_ylim() != second.get_ylim()


@pytest.mark.parametrize("count", [1, 2, 5, 11])
def test_curves_are_laid_out_well_with_strict_before_published(drawn, count):
    heads, policies = [*SCHEMES, "tuned"], ["aug1", "aug2", "aug3"]
    figure = drawn(
        *(
            (
                spec(heads[n % 5], ["published", "strict"][n % 2], "micronet", policies[n // 5]),
                made_up.curve(10, seed=n),
            )
            for n in range(count)
        )
    )
    laid_out_well(figure)
    words = words_in(figure)
    assert words.count("micronet, aug") == count and words.rfind("strict,") < words.find("published,")


def test_a_study_without_networks_is_refused():
    with pytest.raises(UserError, match="no network"):
        training_curves.draw([])
