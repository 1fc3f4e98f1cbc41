"""Figures of two to eight classes, with and without order: every class has its mark, nothing overlaps."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import made_up_fits
from made_up import laid_out_well, words_in
from micrograph import io
from micrograph.evaluation.bootstrap import Resampling
from micrograph.figures import fig2, fig3_fig4, fig5_fig7, fig6, fig8_fig9, fig10, style
from micrograph.target import Target
from project import PROJECT

EMPTY = io.read_table(PROJECT / "resources" / "published" / "values.tsv").iloc[:0]
CONFUSION = io.read_table(PROJECT / "resources" / "published" / "confusion.tsv").iloc[:0]
NAMES = ["c-plane sapphire", "a-plane sapphire", "silicon", "silica", "mica", "glass", "graphene", "hBN"]


def of(count, ordered):
    if ordered:
        return Target.from_config({"column": "growth_seconds", "bins": [0, *(60 * 2**step for step in range(count))]})
    return Target.from_config({"column": "substrate", "classes": NAMES[:count]})


TARGETS = pytest.mark.parametrize(
    "target", [of(count, ordered) for ordered in (True, False) for count in (2, 5, 8)],
    ids=[f"{kind}{count}" for kind in ("bins", "names") for count in (2, 5, 8)],
)  # fmt: skip


@pytest.fixture
def samples(tmp_path):
    """Make a table of samples with micrographs, ten of each class."""

    def make(target):
        count = 10 * len(target.classes)
        paths = [str(tmp_path / f"{place}.png") for place in range(count)]
        for place, path in enumerate(paths):
            Image.fromarray(np.full((32, 32), 3 * place, np.uint8)).save(path)
        return pd.DataFrame(
            {
                "sample": [f"s{place:02d}" for place in range(count)], "micrograph": paths, "pixel_nm": 4.46,
                "batch": [f"day{place // 2}" for place in range(count)], "y_true": list(target.classes) * 10,
                "substrate": "silicon", "growth_seconds": 600.0, "tested": np.arange(count) // 2 % 4, "hard": 0.5,
            }
        )  # fmt: skip

    return make


def fit(samples, target, model="CNN", scheme="nominal"):
    fields = {"model": model, "scheme": scheme, "features": "image", "policy": "aug3", "pretraining": "imagenet"}
    return made_up_fits.fit(samples, 0.6, classes=list(target.classes), values=scheme == "regression", **fields)


@TARGETS
def test_classes_have_marks_of_their_own(target):
    marks = style.class_marks(target.classes, target.ordered)
    assert list(marks) == list(target.classes) and len(set(marks.values())) == len(target.classes)
    lightness = [np.dot(colour, (0.2126, 0.7152, 0.0722)) for colour, _ in marks.values()]
    assert (np.diff(lightness) > 0).all() or not target.ordered


@TARGETS
def test_figures_of_samples_are_laid_out_well(samples, target):
    table = samples(target)
    drawn = fig2.draw(table, target)
    laid_out_well(drawn)
    texts = words_in(drawn)
    assert all(target.with_unit(one) in texts for one in target.classes)
    panels = [axes.get_title(loc="left") for axes in drawn.axes if not axes.get_images()]
    assert len(panels) == 2 and ("Substrate" in panels) == target.ordered  # not of the target itself
    (page, *_) = fig6.draw_pages([fit(table, target)], table, target)
    laid_out_well(page)
    scores = np.random.default_rng(0).normal(size=(len(table), 2))
    arrays = {"samples": table["sample"].to_numpy(str), "scores_0": scores, "explained_0": np.array([0.4, 0.2])}
    arrays["rows_0"] = np.arange(4)
    for draw in (fig8_fig9.draw_fig8, fig8_fig9.draw_fig9):
        laid_out_well(draw({"pool features": arrays}, table, target))
    chosen = fig10.select(fit(table, target).predictions.assign(y_pred_value=0.0), target, 2)
    assert [one.name for one in chosen] == list(target.classes)


@TARGETS
def test_figures_of_models_are_laid_out_well(samples, target):
    table, resampling = samples(target), Resampling(target.classes, 50, 1, target.ordered)
    fits = [fit(table, target, model) for model in ("GBC", "MLP", "CNN")]
    laid_out_well(fig3_fig4.draw_by_model(fits, EMPTY, resampling))
    laid_out_well(fig3_fig4.draw_by_policy(fits, EMPTY, "macro_f1", target.classes))
    drawn = fig5_fig7.draw_beside_paper(fits, CONFUSION, "fig5", target, "Nominal models")
    laid_out_well(drawn)
    assert ("True (s)" in words_in(drawn)) == target.ordered and "°C" not in words_in(drawn)
