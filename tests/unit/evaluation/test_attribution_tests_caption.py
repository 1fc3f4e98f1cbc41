"""Sentences say no more than their intervals: more, less, or that it cannot be told."""

import pytest

from made_up_explanations import MAPS, WORDS, tests
from micrograph.evaluation import attribution_tests, attribution_tests_caption

tests.__test__ = False


def table(**settings):
    return attribution_tests.table(tests(**settings), resamples=400, seed=3, data="simulated films", words=WORDS)


def sentence(said, *words):
    (found,) = [line for line in said if all(word in line for word in words)]
    return found


def changed(rows, **changes):
    """The table with columns of the rows that match the words replaced: (words, columns)."""
    rows = rows.copy()
    here = rows["map"].isin(MAPS)
    for name, word in changes["where"].items():
        here &= rows[name] == word
    rows.loc[here, list(changes["to"])] = list(changes["to"].values())
    return rows


def test_what_a_map_finds_is_named_and_the_rest_cannot_be_told():
    said = attribution_tests_caption.verdict(table(looks=("islands",)))
    line = sentence(said, "The class-weighted CAM lies")
    assert "lies more on islands (1" in line and "than another film's map does; of domain boundaries" in line
    assert "bare substrate" in line and "domains" not in line  # of domains and what they leave one is told
    assert "pits" not in sentence(said, "The occlusion map lies").split("; of ")[0]


def test_a_map_that_finds_nothing_is_said_to():
    rows = changed(table(), where={"measure": "mass"}, to={"gain_low": -0.1, "gain_high": 0.1})
    assert "cannot be told" in sentence(
        attribution_tests_caption.verdict(rows), "Whether the occlusion map finds anything"
    )


@pytest.mark.parametrize(
    ("ratio", "gain", "words", "seen"),
    [
        ((1.4, 1.2, 1.6), (0.01, 0.02), attribution_tests_caption.SEEN, True),
        ((1.4, 1.2, 1.6), (-0.01, 0.02), "more than on the rest, but", False),
        ((1.4, 1.2, 1.6), (0.00004, 0.02), "more than on the rest, but", False),  # written: 0.00 points
        ((1.1, 0.8, 1.6), (0.01, 0.02), "cannot be told", False),
        ((0.5, 0.2, 0.9), (-0.02, -0.01), ": less than on the rest.", False),
        ((0.5, 0.2, 0.9), (-0.02, 0.01), "less than on the rest, but", False),
        ((0.5, 0.2, 0.9), (0.01, 0.02), "less than on the rest, but", False),
        ((1.4, float("nan"), float("nan")), (float("nan"), float("nan")), "cannot be told", False),
    ],
)
def test_scars_are_looked_at_more_or_less_only_where_interval_and_control_say_so(ratio, gain, words, seen):
    to = dict(zip(("ratio", "ratio_low", "ratio_high"), ratio, strict=True))
    to |= dict(zip(("gain_low", "gain_high"), gain, strict=True))
    rows = changed(table(), where={"measure": "mass", "feature": "artefacts", "map": "occlusion"}, to=to)
    line = sentence(attribution_tests_caption.verdict(rows), "On scars", "of the occlusion map")
    assert words in line and f"{ratio[0]:.2f}" in line
    assert (line in attribution_tests_caption.looked_elsewhere(rows)) == seen


@pytest.mark.parametrize(
    ("measure", "low", "high", "words"),
    [
        ("deletion", -0.2, -0.1, "takes the prediction away sooner"),
        ("deletion", 0.1, 0.2, "takes the prediction away later"),
        ("deletion", -0.1, 0.2, "cannot be told"),
        ("insertion", 0.1, 0.2, "brings the prediction back sooner"),
        ("insertion", -0.2, -0.1, "brings the prediction back later"),
    ],
)
def test_hiding_and_showing_are_better_in_opposite_directions(measure, low, high, words):
    rows = changed(
        table(), where={"measure": measure}, to={"gain": (low + high) / 2, "gain_low": low, "gain_high": high}
    )
    verb = {"deletion": "iding", "insertion": "howing"}[measure]
    assert words in sentence(attribution_tests_caption.verdict(rows), verb, "the class-weighted CAM marks")


@pytest.mark.parametrize(
    ("low", "gain", "words"),
    [
        (0.1, (-0.1, 0.09), "is no more like what it was than another film's map is, to within 0.1 ("),
        (0.1, (-0.3, -0.2), "is no more like what it was"),
        (0.1, (-0.0005, 0.2), "cannot be told"),
        (0.2, (0.1, 0.3), "stays more like what it was than another film's map is ("),
        (0.2, (0.01, 0.05), "stays more like what it was than another film's map is, but by no more than 0.05 ("),
        (0.6, (0.1, 0.3), "as it should not"),
        (0.6, (-0.1, 0.3), "cannot be told"),  # another film's map may be as like it
        (0.1, (float("nan"), float("nan")), "cannot be told"),
    ],
)
def test_maps_of_drawn_weights_should_be_no_more_alike_than_those_of_two_films(low, gain, words):
    to = {"low": low, "gain_low": gain[0], "gain_high": gain[1]}
    rows = changed(table(), where={"measure": "randomised_all"}, to=to)
    assert words in sentence(attribution_tests_caption.verdict(rows), "all weights", "the occlusion map")


def test_what_intervals_cannot_know_stands_with_its_question():
    rows = table()
    found, elsewhere, used, learned, _ = attribution_tests_caption.answers(rows).values()
    assert found[-1].startswith("These are 12 comparisons")  # six features of two maps: domains are not told
    assert elsewhere[-1] == attribution_tests_caption.LEVELLED and used[-1] == attribution_tests_caption.CIRCULAR
    assert "all 60 films, and one network" in learned[-1] and "not in the intervals" in learned[-1]
    fewer = rows.assign(films=rows["films"].where(~rows["measure"].str.startswith("randomised"), 48))
    sentence(
        attribution_tests_caption.verdict(fewer), "This rests on 48 of the films, drawn by chance, and one network"
    )


def test_what_does_not_apply_is_not_said():
    said = attribution_tests_caption.verdict(table(features=("padding",)))
    assert attribution_tests_caption.LEVELLED not in said
    rows = table()
    said = attribution_tests_caption.verdict(rows[~rows["map"].str.startswith("occlusion")])
    assert attribution_tests_caption.CIRCULAR not in said
    rows = rows[~rows["measure"].str.startswith("randomised")]
    assert attribution_tests_caption.redrawn(rows) == "" and "drawn anew" not in " ".join(
        attribution_tests_caption.verdict(rows)
    )


@pytest.mark.parametrize(
    ("gain_low", "high", "words"),
    [(0.1, 0.4, "agree better"), (-0.3, -0.1, "contradict each other"), (-0.1, 0.4, "cannot be told")],
)
def test_maps_agree_contradict_or_cannot_be_told(gain_low, high, words):
    rows = changed(table(), where={"measure": "agreement"}, to={"gain_low": gain_low, "high": high})
    assert words in sentence(attribution_tests_caption.verdict(rows), "CAM and occlusion")


def test_every_question_has_its_sentences_and_the_verdict_is_all_of_them():
    rows = table()
    answers = attribution_tests_caption.answers(rows)
    assert [len(lines) for lines in answers.values()] == [3, 5, 5, 5, 1]
    assert attribution_tests_caption.verdict(rows) == [line for lines in answers.values() for line in lines]
    assert all(line.endswith(".") and line[0].isupper() for line in attribution_tests_caption.verdict(rows))


def test_questions_that_were_not_asked_have_no_sentence():
    said = " ".join(attribution_tests_caption.verdict(table(features=())))
    assert "scars" not in said and "lies" not in said and "drawn anew" in said
    assert attribution_tests_caption.looked_elsewhere(table(features=())) == []
