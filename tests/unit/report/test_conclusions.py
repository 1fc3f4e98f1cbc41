"""The conclusions on the page: by verdict, each with its estimate and a link to its table."""

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


def test_without_a_table_the_page_has_no_conclusions():
    html = a_page(None)
    assert 'id="conclusions"' not in html and 'href="#conclusions"' not in html


def test_every_row_is_shown_once_under_its_verdict_in_the_order_of_the_table(table):
    concluded = conclusions.from_table(table)
    assert [having.name for having in concluded] == ["supported", "contradicted", "inconclusive", "not tested"]
    for having in concluded:
        expected = table.loc[table["verdict"] == having.name, "comparison"].tolist()
        assert [row["comparison"] for row in having.rows] == expected


def test_verdicts_that_do_not_occur_are_left_out():
    assert [having.name for having in conclusions.from_table(make_table({}, "films"))] == ["not tested"]


def test_what_is_not_decided_is_folded(table):
    folded = {having.name: having.folded for having in conclusions.from_table(table)}
    assert folded == {"supported": False, "contradicted": False, "inconclusive": True, "not tested": True}
    html = a_page(conclusions.from_table(table))
    counts = table["verdict"].value_counts()
    folds = re.findall(r"<summary>(\d+) ([a-z ]+)</summary>", html)
    assert folds == [(str(counts[name]), name) for name in ("inconclusive", "not tested")]


def test_verdicts_differ_in_text_and_mark_not_in_colour_alone(table):
    concluded = conclusions.from_table(table)
    assert len({having.mark for having in concluded}) == len({having.kind for having in concluded}) == 4
    html = a_page(concluded)
    for having in concluded:
        assert re.search(rf'<span aria-hidden="true">{re.escape(having.mark)}</span> {having.name}</span>', html)


def test_conclusions_stand_behind_the_samples_and_are_counted_in_the_result(table):
    html = a_page(conclusions.from_table(table))
    places = [html.index(f'<section id="{name}"') for name in ("result", "samples", "conclusions", "scans")]
    assert places == sorted(places)
    assert '<a href="#conclusions">Conclusions</a>' in html
    assert "78.0 [68.9, 87.1]" in html and "no conclusion is about real films" in html


def test_a_row_links_its_table_where_the_page_has_it_and_nowhere_else(table):
    shown = [contents.Table("Table 2", "by block", [], "", file="parts/tables/table2.tsv")]
    shown.append(contents.table(outputs.get("conclusions"), table, TARGET))
    html = a_page(conclusions.from_table(table), shown)
    assert re.search(r'<a class="sources" href="#table-2">Table 2</a>', html)
    assert html.index('id="conclusions"') < html.index('id="analysis-conclusions"') < html.index('id="scans"')
    for target in set(re.findall(r'href="#([^"]+)"', html)):
        assert html.count(f'id="{target}"') == 1


def test_texts_of_tables_are_escaped(table):
    html = a_page(conclusions.from_table(table.assign(comparison=HOSTILE, question=HOSTILE)))
    assert HOSTILE not in html and html.count("&lt;script&gt;") >= len(table)
