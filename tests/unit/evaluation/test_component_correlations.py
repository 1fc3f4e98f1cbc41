"""Rank correlations of components with topography: scipy is the oracle, resamples count samples more than once."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from made_up import resampling
from micrograph.evaluation import component_correlations, tables, value_scores

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("decimals", [0, 6])  # with ties, and without
def test_weights_count_a_sample_more_than_once(decimals):
    first, second = np.round(RNG.normal(size=(2, 30)), decimals)
    weights = np.vstack([np.ones(30), RNG.integers(0, 4, (5, 30))]).astype(float)
    found = value_scores.rank_correlation(first, second + first, weights)
    for each, counts in zip(found, weights, strict=True):
        rows = np.repeat(np.arange(30), counts.astype(int))
        assert each == pytest.approx(stats.spearmanr(first[rows], (second + first)[rows]).statistic)


def test_a_constant_has_no_correlation():
    assert np.isnan(value_scores.rank_correlation([1, 1, 1], [1, 2, 3], np.ones((1, 3)))).all()


def test_components_that_are_size_and_density_are_found_as_such():
    names = np.array([f"s{place:02d}" for place in range(60)])
    size, density = RNG.normal(size=(2, 60))
    samples = pd.DataFrame({"sample": names, "batch": [f"day{place // 2}" for place in range(60)]})
    topography = pd.DataFrame({"sample": names, "Sal_nm": np.exp(size), "coverage_pct": density})
    topography.loc[0, "Sal_nm"] = np.nan
    truth = pd.DataFrame({"sample": names, "domain_diameter_nm": size})
    arrays = {"samples": names[::-1], "scores_0": np.stack([-size, density], axis=1)[::-1]}
    given = {"pool features": arrays}
    made = component_correlations.make_table(
        given, samples, topography, [truth[:20], truth[20:]], resampling=resampling(200), data="simulated films"
    )
    rows = made.set_index("measure")
    assert list(rows.index) == ["Sal_nm", "domain_diameter_nm", "coverage_pct"]
    assert rows["pc1"].iloc[0] == pytest.approx(-1) and rows["pc2"].iloc[2] == pytest.approx(1)
    assert rows["n_samples"].tolist() == [59, 60, 60] and set(rows["n_batches"]) == {30}
    assert (rows["contrast_low"] > 0).tolist() == [True, True, False]
    assert (rows["contrast_high"] < 0).tolist() == [False, False, True]
    assert "**−1.00 [−1.00, −1.00]**" in tables.markdown(component_correlations.panels(made), "caption")
    real = component_correlations.make_table(given, samples, topography, resampling=resampling(200), data="films")
    assert list(real["measure"]) == ["Sal_nm", "coverage_pct"]
