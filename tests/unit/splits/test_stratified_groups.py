"""Groups are assigned to folds whole."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from micrograph.splits import stratified_groups


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), folds=st.integers(2, 6))
def test_groups_stay_together_and_the_rarest_class_reaches_every_fold(seed, folds):
    rng = np.random.default_rng(seed)
    name = rng.integers(0, 25, 90)
    label = np.where(name < folds + 1, 900, rng.choice([950, 1000], 90))
    label[: folds + 1], name[: folds + 1] = 900, np.arange(folds + 1)
    home = stratified_groups.assign_folds(label, name, folds, rng)
    assert all(len(set(home[name == one])) == 1 for one in set(name))
    assert set(home[label == 900]) == set(range(folds))
