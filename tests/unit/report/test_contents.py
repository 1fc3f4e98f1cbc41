"""What the page contains: captions valid and safe, settings in their order, tables and figures by their files."""

import re

import pandas as pd
import pytest

from micrograph import outputs
from micrograph.errors import UserError
from micrograph.evaluation import captions, tableS1
from micrograph.report import contents
from project import PROJECT

FOLDER = PROJECT / "workflow" / "report"
HOSTILE = "<script>alert('x')</script>&\"'"
CONFIG = {"classes": [900, 1000], "scans": {"source": "simulated"}, "splits": {"folds": 10}, "seed": 7}
SAID = {"data": "simulated films"}
WORDS = {"data": "simulated films", "said": SAID, "films_a_class": 4, "coverage": 0.9}
FIGURE_CAPTIONS = sorted(path.name for path in FOLDER.glob("*.rst") if path.name != "workflow.rst")


@pytest.mark.parametrize("name", FIGURE_CAPTIONS)
def test_captions_need_only_words_that_the_page_has_and_say_what_they_are_of(name):
    html = contents.caption(FOLDER / name, WORDS)
    assert html.startswith("<p><strong>") and "simulated films" in html
    assert "system-message" not in html and "{" not in html


@pytest.mark.parametrize("name", FIGURE_CAPTIONS)
def test_captions_have_at_most_four_sentences(name):
    text = captions.read(FOLDER / name, WORDS)
    assert 1 <= len(re.findall(r"[.?!](?=\s|$)", text)) <= 4


@pytest.mark.parametrize(("source", "words"), [("simulated", "nothing about real MoS"), ("folder", "real films")])
def test_the_front_page_follows_the_config(source, words):
    config = CONFIG | {"scans": {"source": source}}
    html = contents.caption(FOLDER / "workflow.rst", {}, config)
    assert words in html and "900, 1000 °C" in html and "10 folds" in html


@pytest.mark.parametrize("name", [*FIGURE_CAPTIONS, "workflow.rst"])
def test_captions_are_valid_where_snakemake_renders_them(name):
    """Snakemake's report renders a caption with writer html and its own Jinja settings, and a report_level of 2."""
    from types import SimpleNamespace

    from docutils.core import publish_parts
    from jinja2 import Environment

    given = SimpleNamespace(params=SimpleNamespace(**WORDS), config=CONFIG)
    text = Environment(trim_blocks=True).from_string((FOLDER / name).read_text(encoding="utf-8"))
    html = publish_parts(text.render(snakemake=given), writer="html", settings_overrides={"halt_level": 2})["body"]
    assert "<p>" in html


def test_a_caption_that_asks_for_more_than_is_given_is_named(tmp_path):
    (tmp_path / "fig77.rst").write_text("{{ snakemake.params.phase_of_the_moon }}")
    with pytest.raises(UserError, match=r"fig77\.rst.*phase_of_the_moon"):
        contents.caption(tmp_path / "fig77.rst", {"data": "films"})


def test_html_in_what_a_caption_is_given_stays_text(tmp_path):
    (tmp_path / "fig77.rst").write_text("Data: {{ snakemake.params.data }}")
    assert "<script" not in contents.caption(tmp_path / "fig77.rst", {"data": HOSTILE})
    (tmp_path / "raw.rst").write_text(".. raw:: html\n\n   <script>alert(1)</script>\n")
    with pytest.raises(Exception, match="raw"):
        contents.caption(tmp_path / "raw.rst", {})


def test_settings_are_flattened_in_their_order():
    assert contents.flat({"b": {"c": [1, 2], "a": None}, "a": 1.5}) == [("b.c", "1, 2"), ("b.a", "None"), ("a", "1.5")]


def test_a_frame_becomes_a_panel_with_words_before_numbers():
    frame = pd.DataFrame({"share": [0.123456, None], "name": ["a", None], "count": [3, 4]})
    panel = contents.panel("t", frame)
    assert (panel.headings, panel.text_columns) == (["name", "share", "count"], 1)
    assert panel.rows == [["a", "0.1235", "3"], ["", "", "4"]]


def test_a_table_is_shown_by_the_module_that_the_registry_names():
    table = contents.table(outputs.get("tableS1"), pd.DataFrame(columns=tableS1.COLUMNS), "<p>Caption.</p>")
    assert (table.name, table.file, table.caption) == ("Table S1", "results/tables/tableS1.tsv", "<p>Caption.</p>")


def test_a_figure_is_shown_with_its_image_and_caption():
    figure = contents.figure(outputs.get("fig2"), "<p>Caption.</p>")
    assert (figure.name, figure.caption) == ("Figure 2", "<p>Caption.</p>")
    assert figure.images == "results/figures/fig2.svg"


def test_versions_say_what_is_not_there():
    found = contents.versions(["numpy", "no-such-package"])
    assert found["numpy"][0].isdigit() and found["no-such-package"] == "not installed"
