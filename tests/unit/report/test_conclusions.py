"""The conclusions on the page: question by question, each with its verdict and a link to its table."""

import re

import pytest

import made_up_conclusions
from made_up_page import CONFIG, samples
from micrograph import outputs
from micrograph.evaluation.conclusions import make_table
from micrograph.report import conclusions, contents, page
from project import PROJECT
from tables_of_films import TARGET

TEMPLATE = PROJECT / "workflow" / "report" / "page" / "index.html.j2"
HOSTILE = "<script>alert('x')</script>"


@pytest.fixture
def table():
    return make_table(made_up_conclusions.tables(), "simulated films")


def a_page(concluded, tables=()):
    accepted = samples(12)
    rejected = accepted.head(0)[["sample"]].assign(reason="")
    contents = {"conclusions": concluded, "tables": list(tables)}
    return page.html(TEMPLATE, page.Report(TARGET, "simulated films", None, accepted, rejected, CONFIG, {}, **contents))


def rows_of(concluded):
    return [row for question in concluded.questions for row in question.shown + question.folded]


def test_without_a_table_the_page_has_no_conclusions():
    html = a_page(None)
    assert 'id="conclusions"' not in html and 'href="#conclusions"' not in html


def test_every_row_is_shown_once_under_its_question_in_the_order_of_the_table(table):
    concluded = conclusions.from_table(table)
    assert [question.question for question in concluded.questions] == list(dict.fromkeys(table["question"]))
    assert [row["comparison"] for row in rows_of(concluded)] == table["comparison"].tolist()


def test_verdicts_are_counted_those_that_occur(table):
    counts = conclusions.from_table(table).counts
    assert {verdict: count for count, verdict, *_ in counts} == table["verdict"].value_counts().to_dict()
    assert [verdict for _, verdict, *_ in conclusions.from_table(make_table({}, "films")).counts] == ["not tested"]


def test_long_lists_are_folded_with_their_verdicts_counted_and_never_a_single_row(table):
    questions = conclusions.from_table(table).questions
    for question in questions:
        assert len(question.folded) != 1
        limit = conclusions.N_SHOWN
        assert len(question.shown) == limit if question.folded else len(question.shown) <= limit + 1
    folded = next(question for question in questions if question.folded)
    counted = {word: int(count) for count, word in re.findall(r"(\d+) ([a-z ]+)", folded.folded_verdicts)}
    assert counted == {word: [row["verdict"] for row in folded.folded].count(word) for word in counted}
    assert sum(counted.values()) == len(folded.folded)


def test_verdicts_differ_in_text_and_mark_not_in_colour_alone(table):
    rows = rows_of(conclusions.from_table(table))
    assert {row["verdict"] for row in rows} == set(conclusions.MARKS)
    assert len({row["mark"] for row in rows}) == len({row["kind"] for row in rows}) == len(conclusions.MARKS)
    html = a_page(conclusions.from_table(table))
    for verdict, mark in conclusions.MARKS.items():
        assert re.search(rf'<span aria-hidden="true">{re.escape(mark)}</span> {verdict}</span>', html)


def test_conclusions_are_between_result_and_samples(table):
    html = a_page(conclusions.from_table(table))
    places = [html.index(f'<section id="{name}"') for name in ("result", "conclusions", "samples")]
    assert places == sorted(places)
    assert '<a href="#conclusions">Conclusions</a>' in html
    assert "78.0 [68.9, 87.1]" in html and "no conclusion is about real films" in html


def test_a_row_links_its_table_where_the_page_has_it_and_nowhere_else(table):
    shown = [contents.Table("Table 2", "by block", [], "", file="parts/tables/table2.tsv")]
    shown.append(contents.table(outputs.get("conclusions"), table, TARGET))
    html = a_page(conclusions.from_table(table), shown)
    assert re.search(r'<a class="sources" href="#table-1">Table 2</a>', html)
    assert '<a href="#table-2">conclusions</a>' in html
    for target in set(re.findall(r'href="#([^"]+)"', html)):
        assert html.count(f'id="{target}"') == 1


def test_texts_of_tables_are_escaped(table):
    html = a_page(conclusions.from_table(table.assign(comparison=HOSTILE, question=HOSTILE)))
    assert HOSTILE not in html and html.count("&lt;script&gt;") >= len(table)
