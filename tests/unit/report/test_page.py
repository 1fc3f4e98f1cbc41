"""The page as text: self-contained, escaped, with the headline selected on validation samples."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from made_up import fit, samples
from micrograph.evaluation import by_time, tables
from micrograph.evaluation.by_time import Beside
from micrograph.report import contents, page
from micrograph.target import Target
from project import PROJECT
from tables_of_films import TARGET

TEMPLATE = PROJECT / "workflow" / "report" / "page" / "index.html.j2"
PUBLISHED = pd.read_csv(PROJECT / "resources" / "published" / "values.tsv", sep="\t")
HOSTILE = "<script>alert('x')</script>&\"'"
TARGET_SETTINGS = {"column": "growth_celsius", "name": None, "unit": "°C", "classes": [900, 1000], "bins": None}
CONFIG = {"target": TARGET_SETTINGS, "scans": {"source": "simulated"}, "splits": {"folds": 10}, "seed": 7}


@pytest.fixture
def table2():
    """Two strict models, what is chosen of them fold by fold, a published one, and the baselines."""
    rows = [
        ("strict", "block2_cev85", "SVC", 70.0, 61.0, 55.0, 68.0),
        ("strict", "pool_cev99", "KRC", 74.0, 58.0, 52.0, 66.0),
        ("strict", "any", "selected", 77.0, 57.0, 51.0, 65.0),
        ("strict", "none", "majority", 99.0, 50.0, 45.0, 55.0),
        ("published", "pool_cev99", "SVC", 90.0, 80.0, 75.0, 85.0),
        ("published", "none", "majority", 50.0, 48.0, 40.0, 50.0),
    ]
    columns = ["protocol", "features", "model", "validation_pct", "pooled_pct", "pooled_pct_low", "pooled_pct_high"]
    return pd.DataFrame(rows, columns=columns).assign(
        n_samples=118,
        folds=10,
        repeats=1,
        n_batches=44,
        n_discordant=30,
        balanced_pct=41.0,
        balanced_pct_low=36.0,
        balanced_pct_high=46.0,
    )


def a_figure(name="Figure 2", title="samples", caption="<p>how to read it</p>", pages=1, **more):
    sources = tuple(f"parts/figures/{name}{page}.svg".replace(" ", "") for page in range(pages))
    return contents.Figure(name, title, "", caption, sources=sources, sizes=((691.7, 234.3),) * pages, **more)


def a_page(table2, data="simulated films", rejected=(), **changes):
    samples = pd.DataFrame({"sample": ["a", "b", "c"], "batch": ["x", "x", "y"], "y_true": [900, 900, 1000]})
    given = {
        "target": TARGET,
        "data": data,
        "headline": page.headline(table2, PUBLISHED, TARGET),
        "samples": samples,
        "rejected": pd.DataFrame(rejected, columns=["sample", "scan", "reason"]),
        "settings": CONFIG,
        "versions": contents.versions(["numpy", "no-such-package"]),
        "tables": [contents.Table("Table 2", "by block", [tables.Panel("all", ["model"], [["SVC"]])], "<p>T</p>")],
        "figures": [a_figure()],
    }
    return page.html(TEMPLATE, page.Report(**(given | changes)))


def test_the_headline_is_selected_in_each_fold_not_the_best_row(table2):
    found = page.headline(table2, PUBLISHED, TARGET)
    assert (found.balanced, found.low, found.high, found.chance) == (41.0, 36.0, 46.0, 100 / 3)
    assert (found.accuracy, found.majority) == ((57.0, 51.0, 65.0), 50.0)
    for part in ("of 2 combinations", "10 folds", "77 %", "118 samples"):
        assert part in found.description


def test_too_few_growth_days_are_said_beside_the_headline(table2):
    assert page.headline(table2, PUBLISHED, TARGET).caution == "" and "Too few films" not in a_page(table2)
    assert "8 growth days" in a_page(table2.assign(n_batches=8))
    assert "5 samples differ" in a_page(table2.assign(n_discordant=5))


def test_the_papers_best_is_shown_beside_the_headline(table2):
    found = page.headline(table2, PUBLISHED, TARGET)
    assert found.paper == 71.0
    text = found.paper_description.replace("\u00a0", " ")
    assert "71 ± 4 % (MLP, NNRank) on 27 test films" in text
    assert "86 ± 6 % (MLP, nominal) on validation films" in text
    assert html_of_number(a_page(table2), "71 ± 4")


def test_numbers_that_are_missing_are_not_shown(table2):
    found = page.headline(table2, PUBLISHED[PUBLISHED["split"] != "test"], TARGET)
    assert np.isnan(found.paper) and found.paper_description == ""
    html = a_page(table2, headline=found)
    assert "nan" not in html and "The paper" not in html
    html = a_page(
        table2.assign(**{f"{name}_pct_{end}": np.nan for name in ("pooled", "balanced") for end in ("low", "high")})
    )
    assert html_of_number(html, "57&nbsp;%")
    assert "95&nbsp;% confidence interval" not in html and "nan" not in html
    assert "no interval: too few growth days" in html


def html_of_number(html, number):
    """Whether a number stands in the section of the result."""
    return number.replace(" ", "\u00a0") in section(html, "result").replace(" ", "\u00a0")


def section(html, name):
    """The HTML of a section of the page."""
    return html[html.index(f'<section id="{name}"') :].partition("</section>")[0]


def test_the_confusion_matrix_counts_correct_wrong_and_missing_predictions():
    predictions = fit(samples(60), unanswered=0.1, model="CNN").predictions
    test = predictions[predictions["split"] == "test"]
    found = page.confusion(predictions, TARGET, "CNN, nominal")
    assert len(test) == found.counts.sum()
    assert (test["y_pred"] == test["y_true"]).sum() == np.trace(found.counts)
    assert found.counts[:, 3].sum() == test["y_pred"].isna().sum() > 0
    assert found.counts.sum(axis=1).tolist() == [(test["y_true"] == name).sum() for name in (900, 950, 1000)]


def test_the_accuracy_of_the_explained_network_counts_every_tested_class_alike(table2):
    counts = np.array([[3, 1, 0, 0], [0, 5, 0, 5], [0, 0, 0, 0]])  # 75 % and, with five missing, 50 %
    confusion = page.Confusion("CNN", ["900 °C", "950 °C", "1000 °C"], counts)
    assert confusion.balanced == 62.5
    shown = re.findall(r"<dd[^>]*>(\d+)&nbsp;%", section(a_page(table2, confusion=confusion), "result"))
    assert shown == ["41", "62", "33"]  # the best model, the network, any constant
    assert re.findall(r"<dd[^>]*>(\d+)&nbsp;%", section(a_page(table2), "result")) == ["41", "33"]


@pytest.mark.parametrize(("days", "discordant"), [(7, 6), (13, 5)])
def test_14_films_have_a_banner_on_the_first_screen(table2, days, discordant):
    few = table2.assign(n_batches=days, n_samples=14, n_discordant=discordant)
    first_screen = a_page(few).split("<h2", 1)[0]
    assert "Too few films to conclude" in first_screen and f"{days if days < 12 else discordant} " in first_screen


def test_without_a_headline_the_growth_days_alone_call_for_the_banner(table2):
    films = pd.DataFrame(
        {"sample": list(map(str, range(14))), "batch": list(map(str, range(14))), "y_true": [900] * 14}
    )
    assert "Too few films to conclude: 2 growth days" in a_page(table2, headline=None)
    assert "Too few films" not in a_page(table2, headline=None, samples=films)


def test_two_numbers_stand_beside_the_headline_and_cautions_above_it(table2):
    numbers = [("Sheet", "41.2 % [30.1, 52.3]", "OLR <&>"), ("Later days", "not tested", "no dates")]
    html = a_page(table2, beside=Beside(numbers, ["Time <is> suspect."]))
    result = section(html, "result")
    assert result.index("Time &lt;is&gt; suspect.") < result.index('class="headline"')
    for part in ("41.2\u00a0%", "OLR &lt;&amp;&gt;", "not tested", "no dates", by_time.RULE):
        assert part in result
    calm = a_page(table2, beside=Beside(numbers, []))
    assert "<strong>Caution" not in calm and "41.2\u00a0%" in calm


def test_the_headline_names_folds_that_are_blocks_of_days(table2):
    blocks = {**CONFIG, "splits": {"folds": 10, "primary": "by_date"}}
    assert "block of successive growth days" in a_page(table2, settings=blocks)
    assert "block of successive growth days" not in a_page(table2)


def test_without_the_strict_protocol_there_is_no_headline(table2):
    published = table2[table2["protocol"] == "published"]
    assert page.headline(published, PUBLISHED, TARGET) is None
    assert "no model under the strict protocol" in a_page(published)


def test_the_best_is_bold_and_notes_are_below_their_panel(table2):
    panel = tables.Panel("all", ["model", "%"], [["SVC", tables.Bold("<66>")], ["RNN", "–†"]], notes=("† no <answer>",))
    html = a_page(table2, tables=[contents.Table("Table 4", "schemes", [panel], "")])
    assert "<b>&lt;66&gt;</b>" in html and '<td class="number">–†</td>' in html
    assert html.index("–†</td>") < html.index('<p class="note">† no &lt;answer&gt;</p>')


def test_a_folded_table_and_all_panels_but_the_first_are_folded(table2):
    pair = [tables.Panel(title, ["model"], [["SVC"]]) for title in ("first panel", "second panel")]
    shown = [contents.Table(name, "t", pair, "", folded) for name, folded in (("Table 2", False), ("Table S1", True))]
    html = a_page(table2, tables=shown)
    assert html.count("<summary>first panel</summary>") == 1 and html.count("<summary>second panel</summary>") == 2
    assert html.count('<p class="panel">first panel</p>') == 1


def test_numbered_ones_stand_in_their_order_and_others_by_group_behind_them(table2):
    names = ["Figure 10", "Figure 2", "Figure S2", "Figure 6", "Leakage", "Time", "Fidelity"]
    groups = ["Films", "Study", "Study", "Films", "Validity", "Validity", "Study"]
    figures = [a_figure(name, "t", "", group=group) for name, group in zip(names, groups, strict=True)]
    shown = [contents.Table(name, "t", [], "") for name in ("Table S1", "Table 10", "Table 2")]
    html = a_page(table2, figures=figures, tables=shown)
    order = ["Table 2", "Table 10", "Table S1", "Figure 2", "Figure 6", "Figure 10", "Figure S2", "Leakage", "Time"]
    assert re.findall(r'-title">([^<]+?) <span>t', html) == [*order, "Fidelity"]
    assert re.findall(r'<h3 class="group">(.*)</h3>', html) == ["Validity", "Study"]
    places = [html.index(f'<section id="{name}"') for name in ("result", "samples", "tables", "figures", "further")]
    assert places == sorted(places)


def test_a_table_and_a_figure_of_one_topic_share_one_caption(table2):
    panel = tables.Panel("all", ["model"], [["SVC"]])
    both = {"tables": [contents.Table("Leakage", "t", [panel], "<p>read so</p>")], "figures": [a_figure("Leakage")]}
    both["figures"] = [replace(both["figures"][0], caption="<p>read so</p>")]
    html = a_page(table2, **both)
    assert html.count("read so") == html.count("</article>") == 1 and html.count("<img ") == 1


def test_further_pages_of_a_figure_are_folded(table2):
    html = a_page(table2, figures=[a_figure("Figure 6", "t", "", 3)])
    assert html.count("<img ") == 3 and "<summary>2 more pages</summary>" in html and "Figure 6: t, page 3" in html


def test_every_section_exists_and_every_link_has_its_target(table2):
    html = a_page(table2)
    targets = set(re.findall(r'href="#([^"]+)"', html))
    assert targets >= {"result", "samples", "table-2", "figure-2", "scans", "made"}
    for target in targets:
        assert html.count(f'id="{target}"') == 1
    for part in ("57&nbsp;%", "Table 2", "how to read it", "seed", "splits.folds", "not installed", "3 of 3 scans"):
        assert part in html


def test_simulated_films_are_named_before_any_number_and_measured_ones_are_not(table2):
    html = a_page(table2)
    assert html.index("Simulated films") < html.index('<section id="result"')
    assert "imulated films" not in a_page(table2, data="real films")


def test_texts_from_files_are_escaped_everywhere(table2):
    hostile = {
        "target": replace(TARGET, name=HOSTILE),
        "rejected": [(HOSTILE, HOSTILE, HOSTILE)],
        "settings": {HOSTILE: {"key": HOSTILE}},
        "versions": {HOSTILE: HOSTILE},
        "tables": [contents.Table(HOSTILE, HOSTILE, [tables.Panel(HOSTILE, [HOSTILE], [[HOSTILE]])], "")],
        "figures": [a_figure(HOSTILE, HOSTILE, "")],
    }
    html = a_page(table2, **hostile)
    assert "<script>" not in html
    assert html.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&#34;&#39;") >= 12


def test_the_page_loads_its_own_files_and_nothing_else(table2):
    table = contents.Table("Table 2", "t", [], "", file="parts/tables/table2.tsv")
    html = a_page(table2, figures=[a_figure(pages=2)], tables=[table])
    images = re.findall(r"<img [^>]*>", html)
    assert all('width="1210"' in tag and 'height="410"' in tag and 'loading="lazy"' in tag for tag in images)
    assert 'href="parts/tables/table2.tsv"' in html
    paths = re.findall(r'(?:src|href|srcset|action)="(?!#)([^"]*)"', html)
    assert paths and all(re.fullmatch(r"parts/[\w.-]+(/[\w.-]+)?", path) for path in paths)
    assert "url(" not in html and "@import" not in html and not re.search(r"<script(?![^>]* src=)|<style", html)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)[1]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "*" not in policy
    assert "http:" not in policy and "https:" not in policy and "data:" not in policy


def test_the_confusion_matrix_needs_no_scripts(table2):
    counts = np.array([[31, 2, 3, 0], [4, 52, 6, 7], [8, 9, 73, 0]])
    confusion = page.Confusion("CNN, nominal", ["900 °C", "950 °C", "1000 °C"], counts)
    html = a_page(table2, confusion=confusion)
    assert "CNN, nominal" in html
    for count in (31, 52, 73):
        assert html_of_number(html, f">{count}<")


def test_a_page_of_a_target_without_order_or_unit_has_its_names(table2):
    target = Target.from_config({"column": "substrate", "classes": ["A-plane", "c-plane sapphire"]})
    samples = pd.DataFrame({"sample": ["a", "b", "c"], "batch": ["x", "x", "y"], "y_true": [0, 0, 1]})
    confusion = page.Confusion("CNN", list(target.labels), np.array([[3, 1, 0], [2, 4, 0]]))
    html = a_page(table2, target=target, samples=samples, confusion=confusion, data="real films")
    html = html[html.index("<body>") : html.index('<section id="made"')]
    assert "<h1>Substrate from micrographs</h1>" in html and "classes of substrate" in html
    assert "<dt>A-plane</dt><dd>2</dd>" in html and '<th scope="row">c-plane sapphire</th>' in html
    assert "°C" not in html and "temperature" not in html
    assert "<h1>Substrate of WS2 from micrographs</h1>" in a_page(
        table2, target=target, samples=samples, settings=CONFIG | {"material": "WS2"}
    )


def test_rejected_scans_are_listed_with_their_reasons(table2):
    html = a_page(table2, rejected=[("d", "d.spm", "d.spm: is empty; copy it again.")])
    assert "3 of 4 scans were accepted" in html and "d.spm: is empty; copy it again." in html


def test_the_terminal_has_the_cautions_below_the_headline(table2):
    found = page.headline(table2, PUBLISHED, TARGET)
    alone = page.in_one_sentence(found)
    beside = Beside([("a", "1 %", ""), ("b", "2 %", "")], ["Time is suspect."])
    assert page.in_one_sentence(found, beside) == f"{alone}Caution: Time is suspect.\n" and alone.count("\n") == 1
    assert page.in_one_sentence(None, beside) == ""
