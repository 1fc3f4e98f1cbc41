"""The report: one file that reads nothing from elsewhere, escapes what files say, and picks its number fairly."""

import re

import pandas as pd
import pytest

from micrograph.faults import Fault
from micrograph.results import panels, report
from project import PROJECT

FOLDER = PROJECT / "workflow" / "report"
TEMPLATE = FOLDER / "page.html.j2"
HOSTILE = "<script>alert('x')</script>&\"'"
CONFIG = {"classes": [900, 1000], "scans": {"source": "simulated"}, "splits": {"folds": 10}, "seed": 7}
FIGURE_CAPTIONS = sorted(path.name for path in FOLDER.glob("*.rst") if path.name != "workflow.rst")


@pytest.fixture
def table2():
    """Two strict models, what is chosen of them fold by fold, a published one, and the baselines."""
    rows = [
        ("strict", "block2_cev85", "SVC", 70.0, 61.0, 55.0, 68.0),
        ("strict", "pool_cev99", "KRC", 74.0, 58.0, 52.0, 66.0),
        ("strict", "any", "chosen", 77.0, 57.0, 51.0, 65.0),
        ("strict", "none", "majority", 99.0, 50.0, 45.0, 55.0),
        ("published", "pool_cev99", "SVC", 90.0, 80.0, 75.0, 85.0),
        ("published", "none", "majority", 50.0, 48.0, 40.0, 50.0),
    ]
    columns = ["protocol", "features", "model", "validation_pct", "pooled_pct", "pooled_pct_low", "pooled_pct_high"]
    return pd.DataFrame(rows, columns=columns).assign(tested_samples=118, folds=10)


@pytest.fixture
def with_tuned(table2):
    """The same, and what is chosen of block features and of fine-tuned ones."""
    pair = pd.DataFrame(
        {
            "protocol": "strict",
            "features": ["blocks", "tuned"],
            "model": "chosen",
            "pooled_pct": [57.0, 63.0],
            "gain_points": [None, 6.0],
            "gain_points_low": [None, 1.5],
            "gain_points_high": [None, 11.0],
            "data": "simulated films",
        }
    )
    return pd.concat([table2, pair], ignore_index=True)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "figure.svg"
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>')
    return path


def a_page(picture, table2, data="simulated films", rejected=(), **changes):
    samples = pd.DataFrame({"sample": ["a", "b", "c"], "batch": ["x", "x", "y"], "growth_celsius": [900, 900, 1000]})
    given = {
        "title": "Films from micrographs",
        "data_label": data,
        "main_number": report.headline(table2),
        "shown_tables": [report.Table("Table 2", "by block", [panels.Panel("all", ["model"], [["SVC"]])], "<p>T</p>")],
        "figures": [report.Figure("Figure 2", "samples", picture, "<p>how to read it</p>")],
        "samples": samples,
        "rejected": pd.DataFrame(rejected, columns=["sample", "scan", "reason"]),
        "settings": CONFIG,
        "made_with": report.versions(["numpy", "no-such-package"]),
    }
    return report.page(TEMPLATE, **(given | changes))


def test_the_headline_is_no_best_row_but_what_every_fold_chose_for_itself(table2):
    found = report.headline(table2)
    assert (found.accuracy, found.low, found.high, found.majority) == (57.0, 51.0, 65.0, 50.0)
    for part in ("of 2 combinations", "10 folds", "77 %", "118 samples"):
        assert part in found.words


def test_without_the_strict_protocol_there_is_no_headline_and_the_page_says_so(table2, picture):
    published = table2[table2["protocol"] == "published"]
    assert report.headline(published) is None
    assert "no model of the strict protocol" in a_page(picture, published)


def test_a_headline_without_interval_shows_none(table2, picture):
    alone = table2.assign(pooled_pct_low=float("nan"), pooled_pct_high=float("nan"))
    html = a_page(picture, alone)
    assert "57.0" in html and "95 % interval" not in html and "nan" not in html


def test_below_the_headline_stands_whether_fine_tuning_pays(with_tuned, table2, picture):
    html = a_page(picture, with_tuned)
    assert report.headline(with_tuned).accuracy == 57.0
    assert html.index("57.0") < html.index("Fine-tuned features beat") < html.index('id="tables-title"')
    assert "+6.0 [+1.5, +11.0] points" in html
    assert 'class="verdict"' not in a_page(picture, table2)


def test_the_best_is_bold_and_notes_stand_below_their_panel(table2, picture):
    panel = panels.Panel("all", ["model", "%"], [["SVC", panels.Bold("<66>")], ["RNN", "–†"]], notes=("† no <answer>",))
    html = a_page(picture, table2, shown_tables=[report.Table("Table 4", "schemes", [panel], "")])
    assert "<b>&lt;66&gt;</b>" in html and '<td class="number">–†</td>' in html
    assert html.index("–†</td>") < html.index('<p class="note">† no &lt;answer&gt;</p>')


def test_a_folded_table_and_all_panels_but_the_first_are_folded(table2, picture):
    pair = [panels.Panel(title, ["model"], [["SVC"]]) for title in ("first panel", "second panel")]
    shown = [report.Table(name, "t", pair, "", folded) for name, folded in (("Table 2", False), ("Table S1", True))]
    html = a_page(picture, table2, shown_tables=shown)
    assert html.count("<summary>first panel</summary>") == 1 and html.count("<summary>second panel</summary>") == 2
    assert html.count('<p class="panel">first panel</p>') == 1


def test_figures_of_a_group_share_its_heading_and_further_pages_are_folded(table2, picture):
    def figure(name, group, images=picture):
        return report.Figure(name, "t", images, "", group=group)

    figures = [figure("Figure 3", "Performance"), figure("Figure 4", "Performance"), figure("Figure 8", "Features")]
    figures.append(figure("Figure 6", "Features", [picture] * 3))
    html = a_page(picture, table2, figures=figures)
    assert html.count(">Performance</h3>") == html.count(">Features</h3>") == 1
    assert (
        html.index(">Performance<") < html.index(">Figure 4 <") < html.index(">Features<") < html.index(">Figure 8 <")
    )
    assert html.count("<img ") == 6 and "<summary>2 more pages</summary>" in html and "Figure 6: t, page 3" in html
    assert 'class="group"' not in a_page(picture, table2)


def test_every_section_stands_in_the_page_and_every_link_has_its_target(picture, table2):
    html = a_page(picture, table2)
    targets = re.findall(r'href="#([^"]+)"', html)
    assert targets == ["result", "table-1", "figure-1", "scans", "made"]
    for target in targets:
        assert html.count(f'id="{target}"') == 1
    for part in ("57.0", "Table 2", "how to read it", "seed", "splits.folds", "not installed", "3 of 3 scans"):
        assert part in html


def test_simulated_films_are_called_so_before_any_number_and_measured_ones_are_not(picture, table2):
    html = a_page(picture, table2)
    assert html.index("Simulated films.") < html.index('<section id="result"')
    assert "imulated films" not in a_page(picture, table2, data="real films")


def test_words_from_files_are_escaped_everywhere(picture, table2):
    hostile = {
        "title": HOSTILE,
        "rejected": [(HOSTILE, HOSTILE, HOSTILE)],
        "settings": {HOSTILE: {"key": HOSTILE}},
        "made_with": {HOSTILE: HOSTILE},
        "shown_tables": [report.Table(HOSTILE, HOSTILE, [panels.Panel(HOSTILE, [HOSTILE], [[HOSTILE]])], "")],
        "figures": [report.Figure(HOSTILE, HOSTILE, picture, "")],
    }
    html = a_page(picture, table2, **hostile)
    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&#34;&#39;") >= 12


def test_the_page_asks_the_network_for_nothing(picture, table2):
    html = a_page(picture, table2)
    assert re.findall(r'(?:src|href|srcset|action)="(?!#|data:)', html) == []
    assert "url(" not in html and "@import" not in html and "<link" not in html
    assert "default-src 'none'" in html


def test_rejected_scans_stand_with_their_reasons(picture, table2):
    html = a_page(picture, table2, rejected=[("d", "d.spm", "d.spm: is empty; copy it again.")])
    assert "3 of 4 scans were read" in html and "d.spm: is empty; copy it again." in html


def test_the_same_run_gives_the_same_page(picture, table2):
    assert a_page(picture, table2) == a_page(picture, table2)


@pytest.mark.parametrize("name", FIGURE_CAPTIONS)
def test_captions_need_only_the_data_and_say_what_they_are_of(name):
    html = report.caption(FOLDER / name, {"data": "simulated films"})
    assert html.startswith("<p><strong>") and "simulated films" in html
    assert "system-message" not in html and "{" not in html


@pytest.mark.parametrize(("source", "words"), [("simulated", "nothing about real MoS"), ("folder", "real films")])
def test_the_front_page_follows_the_config(source, words):
    config = CONFIG | {"scans": {"source": source}}
    html = report.caption(FOLDER / "workflow.rst", {}, config)
    assert words in html and "900, 1000 °C" in html and "10 folds" in html


@pytest.mark.parametrize("name", [*FIGURE_CAPTIONS, "workflow.rst"])
def test_captions_are_valid_where_snakemake_renders_them(name):
    """Snakemake's report renders a caption with writer html and its own Jinja settings, and a report_level of 2."""
    from types import SimpleNamespace

    from docutils.core import publish_parts
    from jinja2 import Environment

    given = SimpleNamespace(params=SimpleNamespace(data="simulated films"), config=CONFIG)
    text = Environment(trim_blocks=True).from_string((FOLDER / name).read_text(encoding="utf-8"))
    html = publish_parts(text.render(snakemake=given), writer="html", settings_overrides={"halt_level": 2})["body"]
    assert "<p>" in html


def test_a_caption_that_asks_for_more_than_is_given_is_named(tmp_path):
    (tmp_path / "fig77.rst").write_text("{{ snakemake.params.phase_of_the_moon }}")
    with pytest.raises(Fault, match=r"fig77\.rst.*phase_of_the_moon"):
        report.caption(tmp_path / "fig77.rst", {"data": "films"})


def test_html_in_what_a_caption_is_given_stays_text(tmp_path):
    (tmp_path / "fig77.rst").write_text("Data: {{ snakemake.params.data }}")
    assert "<script" not in report.caption(tmp_path / "fig77.rst", {"data": HOSTILE})
    (tmp_path / "raw.rst").write_text(".. raw:: html\n\n   <script>alert(1)</script>\n")
    with pytest.raises(Exception, match="raw"):
        report.caption(tmp_path / "raw.rst", {})


def test_settings_are_flattened_in_their_order():
    assert report.flat({"b": {"c": [1, 2], "a": None}, "a": 1.5}) == [("b.c", "1, 2"), ("b.a", "None"), ("a", "1.5")]


def test_a_frame_becomes_a_panel_with_words_before_numbers():
    frame = pd.DataFrame({"share": [0.123456, None], "name": ["a", None], "count": [3, 4]})
    panel = report.panel("t", frame)
    assert (panel.headings, panel.words) == (["name", "share", "count"], 1)
    assert panel.rows == [["a", "0.1235", "3"], ["", "", "4"]]


def test_pictures_of_an_unknown_format_are_refused(tmp_path):
    (tmp_path / "figure.bmp").write_bytes(b"BM")
    with pytest.raises(Fault, match=r"\.svg, \.png"):
        report.embedded(tmp_path / "figure.bmp")
