"""The claims on the page: question by question, each with its verdict in words, and links to what they rest on."""

import re

import pytest

import made_up_claims
from made_up_page import CONFIG, samples
from micrograph import io
from micrograph.page import claimed
from micrograph.report import contents, page
from micrograph.trust import claims
from project import PROJECT

TEMPLATE = PROJECT / "workflow" / "report" / "page" / "index.html.j2"
CAPTION = PROJECT / "workflow" / "report" / "claims.rst"
HOSTILE = "<script>alert('x')</script>"


@pytest.fixture
def table():
    return claims.table(made_up_claims.tables(), data="simulated films")


def a_page(told, tables=(), verdicts=()):
    films = samples(12)
    rejected = films.head(0)[["sample"]].assign(reason="")
    story = page.Story("Films", "simulated films", None, films, rejected, CONFIG, {}, claims=told)
    return page.html(TEMPLATE, page.Story(**vars(story) | {"tables": list(tables), "verdicts": list(verdicts)}))


def lines_of(told):
    return [line for question in told.questions for line in question.first + question.others]


def test_without_a_table_there_are_no_claims_and_the_page_has_no_such_part():
    assert claimed.told(None) is None
    html = a_page(None, verdicts=["Maps lie."])
    assert 'id="claims"' not in html and 'href="#claims"' not in html and "Maps lie." in html


def test_every_claim_is_told_once_under_its_question_in_the_order_of_the_table(table):
    told = claimed.told(table)
    assert [question.question for question in told.questions] == claims.ORDER
    assert [line.claim for line in lines_of(told)] == table["claim"].tolist()
    assert [line.verdict for line in lines_of(told)] == table["verdict"].tolist()


def test_verdicts_are_counted_those_that_occur(table):
    told = claimed.told(table)
    assert sum(count for count, *_ in told.counts) == len(table)
    for count, verdict, *_ in told.counts:
        assert count == (table["verdict"] == verdict).sum() > 0
    empty = claimed.told(claims.table({}, data="simulated films"))
    assert [verdict for _, verdict, *_ in empty.counts] == ["not tested"]


def test_long_answers_are_folded_with_their_verdicts_counted_and_never_a_single_claim(table):
    told = claimed.told(table)
    for question in told.questions:
        assert len(question.others) != 1
        assert len(question.first) == claimed.FIRST if question.others else len(question.first) <= claimed.FIRST + 1
    leaks = next(question for question in told.questions if question.others)
    counted = {word: int(count) for count, word in re.findall(r"(\d+) ([a-z ]+)", leaks.others_words)}
    assert counted == {word: [line.verdict for line in leaks.others].count(word) for word in counted}
    assert sum(counted.values()) == len(leaks.others)


def test_verdicts_differ_in_word_and_mark_not_in_colour_alone(table):
    lines = lines_of(claimed.told(table))
    assert {line.verdict for line in lines} == set(claimed.MARKS)
    assert len({line.mark for line in lines}) == len({line.kind for line in lines}) == len(claimed.MARKS)
    html = a_page(claimed.told(table))
    for verdict, mark in claimed.MARKS.items():
        assert re.search(rf'<span aria-hidden="true">{re.escape(mark)}</span> {verdict}</span>', html)


def test_claims_stand_after_the_result_and_before_the_films_and_replace_the_short_verdicts(table):
    html = a_page(claimed.told(table), verdicts=["Maps lie."])
    places = [html.index(f'<section id="{name}"') for name in ("result", "claims", "films")]
    assert places == sorted(places)
    assert "Maps lie." not in html and '<a href="#claims">Claims</a>' in html
    for part in ("What can be claimed", "not tested", "no claim here is one about real MoS2"):
        assert part in html


def test_a_claim_leads_to_its_table_where_the_page_has_it_and_nowhere_else(table, tmp_path):
    io.write_table(tmp_path / "claims.tsv", table)
    shown = [contents.Table("Table 2", "by block", [], "", file="parts/tables/table2.tsv")]
    shown += contents.tables([tmp_path / "claims.tsv"], [("What can be claimed", True)], [CAPTION], {"data": "films"})
    html = a_page(claimed.told(table), shown)
    assert re.search(r'<a class="sources" href="#table-1">Table 2</a>', html)
    assert 'below the <a href="#table-2">table of claims</a>' in html
    for target in set(re.findall(r'href="#([^"]+)"', html)):
        assert html.count(f'id="{target}"') == 1


def test_the_table_of_claims_wraps_its_sentences_and_says_its_rules(table, tmp_path):
    io.write_table(tmp_path / "claims.tsv", table)
    (shown,) = contents.tables([tmp_path / "claims.tsv"], [("t", True, "Trust")], [CAPTION], {"data": "films"})
    assert shown.wraps and shown.group == "Trust" and "written rules" in shown.caption.replace("\n", " ")
    html = a_page(None, [shown])
    assert '<div class="scroll free"' in html[html.index('id="table-1"') :]


def test_words_in_claims_are_escaped(table):
    html = a_page(claimed.told(table.assign(claim=HOSTILE, topic=HOSTILE)))
    assert HOSTILE not in html and html.count("&lt;script&gt;") >= len(table)


def test_tables_of_a_group_share_its_heading(table):
    groups = ("Performance", "Performance", "Can it be trusted?")
    shown = [contents.Table(f"T{place}", "t", [], "", group=group) for place, group in enumerate(groups)]
    html = a_page(None, shown)
    assert html.count(">Performance</h3>") == html.count(">Can it be trusted?</h3>") == 1
    assert html.index(">T1 <") < html.index(">Can it be trusted?<") < html.index(">T2 <")
    assert '<h4 id="table-1">' in html
    assert '<h3 id="table-1">' in a_page(None, [contents.Table("T", "t", [], "")])
