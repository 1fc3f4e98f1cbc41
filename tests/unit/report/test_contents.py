"""What the page contains: captions valid and safe, settings in their order, tables and figures by their files."""

import re
from types import SimpleNamespace

import pandas as pd
import pytest
from docutils.core import publish_parts
from jinja2 import Environment

from micrograph import outputs
from micrograph.errors import UserError
from micrograph.evaluation import captions, tableS1
from micrograph.report import contents
from project import PROJECT
from tables_of_films import TARGET

FOLDER = PROJECT / "workflow" / "report"
HOSTILE = "<script>alert('x')</script>&\"'"
SETTINGS = {
    "column": "growth_celsius",
    "name": "growth temperature",
    "unit": "°C",
    "classes": [900, 1000],
    "bins": None,
}
CONFIG = {"target": SETTINGS, "material": None, "scans": {"source": "simulated"}, "splits": {"folds": 10}, "seed": 7}
PARAMS = {"data": "simulated films", "coverage": 0.9, "target_name": "growth time", "ordered": True, "with_paper": True}
FIGURE_CAPTIONS = sorted(path.name for path in FOLDER.glob("*.rst") if path.name != "workflow.rst")


@pytest.mark.parametrize("name", FIGURE_CAPTIONS)
def test_captions_need_only_params_of_the_page_and_name_the_data(name):
    html = contents.caption(FOLDER / name, PARAMS)
    assert html.startswith("<p><strong>") and "simulated films" in html
    assert "system-message" not in html and "{" not in html


@pytest.mark.parametrize("name", FIGURE_CAPTIONS)
def test_captions_have_at_most_four_sentences(name):
    text = captions.read(FOLDER / name, PARAMS)
    assert 1 <= len(re.findall(r"[.?!](?=\s|$)", text)) <= 4


def rendered(name, config):
    """The HTML of a caption as Snakemake's report renders it: writer html, its own Jinja settings, report_level 2."""
    run = SimpleNamespace(params=SimpleNamespace(**PARAMS), config=config)
    text = Environment(trim_blocks=True).from_string((FOLDER / name).read_text(encoding="utf-8"))
    return publish_parts(text.render(snakemake=run), writer="html", settings_overrides={"halt_level": 2})["body"]


@pytest.mark.parametrize(("source", "text"), [("simulated", "not real films"), ("folder", "real films")])
def test_the_front_page_follows_the_config(source, text):
    html = rendered("workflow.rst", CONFIG | {"scans": {"source": source}})
    assert text in html and "900, 1000 °C" in html and "10 folds" in html


@pytest.mark.parametrize("name", FIGURE_CAPTIONS)
def test_captions_are_valid_where_snakemake_renders_them(name):
    assert "<p>" in rendered(name, CONFIG)


def test_a_caption_that_needs_an_unknown_name_raises(tmp_path):
    (tmp_path / "fig77.rst").write_text("{{ snakemake.params.phase_of_the_moon }}")
    with pytest.raises(UserError, match=r"fig77\.rst.*phase_of_the_moon"):
        contents.caption(tmp_path / "fig77.rst", {"data": "films"})


def test_html_in_params_is_escaped(tmp_path):
    (tmp_path / "fig77.rst").write_text("Data: {{ snakemake.params.data }}")
    assert "<script" not in contents.caption(tmp_path / "fig77.rst", {"data": HOSTILE})
    (tmp_path / "raw.rst").write_text(".. raw:: html\n\n   <script>alert(1)</script>\n")
    with pytest.raises(Exception, match="raw"):
        contents.caption(tmp_path / "raw.rst", {})


def test_settings_are_flattened_in_their_order():
    assert contents.flatten({"b": {"c": [1, 2], "a": None}, "a": 1.5}) == [
        ("b.c", "1, 2"),
        ("b.a", "null"),
        ("a", "1.5"),
    ]


def test_a_panel_of_a_frame_has_text_before_numbers():
    frame = pd.DataFrame({"share": [0.123456, None], "name": ["a", None], "count": [3, 4]})
    panel = contents.panel("t", frame)
    assert (panel.headings, panel.text_columns) == (["name", "share", "count"], 1)
    assert panel.rows == [["a", "0.1235", "3"], ["", "", "4"]]


def test_a_table_is_shown_by_the_module_that_the_registry_names():
    table = contents.table(outputs.get("tableS1"), pd.DataFrame(columns=tableS1.COLUMNS), TARGET, "<p>Caption.</p>")
    assert (table.name, table.file, table.caption) == ("Table S1", "results/tables/tableS1.tsv", "<p>Caption.</p>")


def test_a_figure_is_shown_with_its_image_and_caption():
    figure = contents.figure(outputs.get("fig2"), "<p>Caption.</p>")
    assert (figure.name, figure.caption) == ("Figure 2", "<p>Caption.</p>")
    assert figure.image == "results/figures/fig2.svg"


def test_captions_of_another_target_have_no_values_of_the_paper_and_without_order_no_ordinal_schemes():
    for name in FIGURE_CAPTIONS:
        text = contents.caption(FOLDER / name, PARAMS | {"with_paper": False, "ordered": False})
        assert not re.search(r"\b262\b|\b27 (of|real)|paper's (values|settings|counts)", text), name
        if name in ("table4.rst", "baselines.rst"):
            assert not re.search("ordinal|RMSE|kappa", text), name
