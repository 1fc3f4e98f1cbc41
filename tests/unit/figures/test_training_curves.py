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
from micrograph.figures.training_curves import Curves
from micrograph.splits.fit_spec import NetworkSpec

SIMULATED = "simulated films"


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
    first, second = training_curves.read(paths)
    assert first.spec == spec("nominal") and first.rows["fold"].tolist() == [0, 2]
    assert second.spec == spec("tuned") and len(second.rows) == 1
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


def test_the_mean_ends_with_the_first_fold_and_rings_stand_at_the_kept_epochs():
    table = rows(
        *((0, 0, 0, 1.0, 1.2, 0.5, 0), (0, 0, 1, 0.6, 0.9, 0.6, 1)),
        *((1, 0, 0, 2.0, 1.4, 0.5, 0), (1, 0, 1, 1.0, 1.0, 0.6, 0), (1, 0, 2, 0.5, 0.8, 0.6, 1)),
    )
    axes = training_curves.draw([Curves(spec(), table)], SIMULATED).axes[0]
    strong = [line for line in axes.get_lines() if line.get_linewidth() > 1]
    assert [line.get_ydata().tolist() for line in strong] == [[1.5, 0.8], [pytest.approx(1.3), pytest.approx(0.95)]]
    rings = axes.collections[0].get_offsets()
    assert sorted(map(tuple, rings)) == [(1, 0.9), (2, 0.8)]


def test_panels_of_one_head_share_their_axes():
    low = made_up.curve(seed=1)
    high = low.assign(train_loss=3 * low["train_loss"])
    given = [Curves(spec(), low), Curves(spec("tuned"), low), Curves(spec(pretraining="films"), high)]
    first, second, third = training_curves.draw(given, SIMULATED).axes[:3]
    assert first.get_ylim() == third.get_ylim() != second.get_ylim()


@pytest.mark.parametrize("count", [1, 2, 5, 11])
def test_curves_are_laid_out_well(count):
    heads = [*SCHEMES, "tuned"]
    given = [
        Curves(spec(heads[place % 5], ["strict", "published"][place % 2], "micronet"), made_up.curve(10, seed=place))
        for place in range(count)
    ]
    figure = training_curves.draw(given, SIMULATED)
    laid_out_well(figure)
    assert words_in(figure).count("micronet, aug3") == count and SIMULATED in words_in(figure)


def test_strict_stands_before_published_and_inputs_are_left_alone():
    table = made_up.curve(points=3)
    kept = table.copy(deep=True)
    given = [Curves(spec(protocol="published"), table), Curves(spec(), table)]
    said = words_in(training_curves.draw(given, "real films"))
    assert said.index("strict") < said.index("published")
    pd.testing.assert_frame_equal(table, kept)
    with pytest.raises(UserError, match="no network"):
        training_curves.draw([], SIMULATED)
