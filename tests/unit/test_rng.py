"""Random streams are named by literals that renaming must not change."""

from hypothesis import given
from hypothesis import strategies as st

from micrograph.rng import random_stream
from project import PROJECT

# Names that scripts, rules and the package give their streams. Another name gives other numbers.
STREAMS = {
    *("plan_samples", "day", "film", "simulate_pictures", "draw_copies", "relabel", "deal_folds", "thin"),
    *("randomised_pca", "pretrain_films", "train_networks", "score_networks", "fit_models", "fit_mlp"),
    *("test_explanations", "train_production", "checked", "card", "figure"),
}


def test_streams_keep_their_names():
    files = [path for kind in ("*.py", "*.smk") for path in (PROJECT / "workflow").rglob(kind)]
    source = "\n".join(text for path in files if "stream" in (text := path.read_text(encoding="utf-8")))
    assert [name for name in sorted(STREAMS) if f'"{name}"' not in source] == []


def test_the_same_name_gives_the_same_stream_and_other_names_or_seeds_others():
    assert random_stream(7, "fit_models", "SVC", 0).integers(10**6, size=3).tolist() == [924101, 19760, 758798]
    for other in ((8, "fit_models", "SVC", 0), (7, "fit_models", "SVC", 1), (7, "fit_models", "RNN", 0)):
        assert random_stream(*other).integers(10**6, size=3).tolist() != [924101, 19760, 758798]


@given(st.integers(min_value=0, max_value=2**40), st.text(max_size=9))
def test_any_seed_and_name_serve(seed, name):
    assert 0 <= random_stream(seed, name).random() < 1
