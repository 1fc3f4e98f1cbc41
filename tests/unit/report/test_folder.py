"""The folder of the report: complete, self-contained, the same bytes for the same run."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import made_up_page
from micrograph.errors import UserError
from micrograph.report import contents, folder
from project import PROJECT

ASSETS = [path for path in (PROJECT / "workflow" / "report" / "page").rglob("*") if path.suffix != ".md"]
ASSETS = [path for path in ASSETS if path.is_file()]
SVG = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt" viewBox="0 0 1 1"/>'


@pytest.fixture
def figures(tmp_path):
    """A figure of one file and one of a folder of pages."""
    (tmp_path / "fig2.svg").write_text(SVG)
    (tmp_path / "fig6").mkdir()
    for page in (2, 1):
        Image.fromarray(np.zeros((10 * page, 30), np.uint8)).save(tmp_path / "fig6" / f"page0{page}.png")
    return [
        contents.Figure("Figure 2", "samples", str(tmp_path / "fig2.svg"), ""),
        contents.Figure("Figure 6", "samples", str(tmp_path / "fig6"), ""),
    ]


def write(path, figures=(), tables=(), assets=ASSETS, count=12):
    report, study, pictures = made_up_page.study(count)
    folder.write(path, assets, replace(report, figures=list(figures), tables=list(tables)), study, pictures)
    return path


def test_all_files_of_the_page_are_written(tmp_path, figures):
    made = write(tmp_path / "report", figures)
    html = (made / "index.html").read_text(encoding="utf-8")
    named = re.findall(r'(?:src|href)="(parts/[^"]+)"', html)
    assert "parts/samples.js" in named and "parts/figures/fig2.svg" in named
    for name in named:
        assert (made / name).stat().st_size > 0, name
    for path in ASSETS:
        if path.name != folder.TEMPLATE:
            assert (made / "parts" / path.name).read_bytes() == path.read_bytes()
    study = json.loads((made / "parts" / "samples.js").read_text()[len("window.STUDY = ") : -2])
    sheets = [*study["sheets"]["micrograph"], *study["sheets"]["cam"], *study["sheets"]["occlusion"]]
    for name in [*sheets, *study["large"]["micrograph"]]:
        with Image.open(made / name) as image:
            image.load()
    assert sorted(path.name for path in made.iterdir()) == ["index.html", "parts"]


def test_the_page_is_written_without_torch_or_scikit_learn():
    code = "import sys\nfrom micrograph.report import folder, similar_samples\n"
    code += "print({'torch', 'sklearn'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=PROJECT / "workflow", capture_output=True, text=True)
    assert ran.stdout == "set()\n", ran.stderr


def test_tables_are_copied_and_pages_of_a_figure_stand_in_order_with_their_sizes(tmp_path, figures):
    (tmp_path / "table2.tsv").write_text("a\tb\n")
    tables = [contents.Table("Table 2", "t", [], "", file=str(tmp_path / "table2.tsv"))]
    made = write(tmp_path / "report", figures, tables)
    assert (made / "parts" / "tables" / "table2.tsv").read_text() == "a\tb\n"
    html = (made / "index.html").read_text(encoding="utf-8")
    pages = ["parts/figures/fig2.svg", "parts/figures/fig6/page01.png", "parts/figures/fig6/page02.png"]
    assert re.findall(r'<img src="([^"]+)"', html) == pages
    assert re.findall(r'<source srcset="([^"]+)"', html) == ["parts/figures/fig2_dark.svg"]
    assert 'width="168" height="84"' in html and 'width="52" height="18"' in html  # 1.75 times as large as printed
    assert (made / pages[0]).read_text() == SVG


def test_the_same_run_gives_the_same_bytes_and_replaces_an_earlier_report(tmp_path, figures):
    one, two = write(tmp_path / "one", figures, count=30), write(tmp_path / "two", figures, count=101)
    assert len(list((two / "parts" / "sheets").glob("cam_*"))) == 2
    write(two, figures, count=30)
    first = {path.relative_to(one): path.read_bytes() for path in one.rglob("*") if path.is_file()}
    again = {path.relative_to(two): path.read_bytes() for path in two.rglob("*") if path.is_file()}
    assert first == again


def test_a_failure_keeps_the_old_report(tmp_path, figures):
    made = write(tmp_path / "report", figures)
    before = (made / "parts" / "samples.js").read_bytes()
    with pytest.raises(FileNotFoundError):
        write(made, [contents.Figure("Figure 3", "t", str(tmp_path / "gone.svg"), "")], count=20)
    assert (made / "parts" / "samples.js").read_bytes() == before
    assert sorted(path.name for path in made.iterdir()) == ["index.html", "parts"]


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('width="72pt" height="36pt"', (96.0, 48.0)),
        ('viewBox="0 0 9 9"', None),
        ('stroke-width="3pt" height="1pt"', None),
    ],
)
def test_the_size_of_an_svg_is_read_from_its_first_element(tmp_path, attributes, size):
    (tmp_path / "a.svg").write_text(f'<?xml version="1.0"?>\n<svg {attributes}><rect width="5pt" height="5pt"/></svg>')
    assert folder.svg_size(tmp_path / "a.svg") == size
    made = write(tmp_path / "report", [contents.Figure("Figure 2", "t", str(tmp_path / "a.svg"), "")])
    (tag,) = re.findall(r"<img [^>]*>", (made / "index.html").read_text(encoding="utf-8"))
    assert ("width=" in tag) == bool(size)


def test_images_of_an_unknown_format_are_rejected(tmp_path):
    (tmp_path / "figure.bmp").write_bytes(b"BM")
    with pytest.raises(UserError, match=r"\.svg, \.png"):
        write(tmp_path / "report", [contents.Figure("Figure 2", "t", str(tmp_path / "figure.bmp"), "")])


def test_two_files_of_one_name_are_rejected(tmp_path, figures):
    with pytest.raises(UserError, match=r"another file of the page is called fig2\.svg"):
        write(tmp_path / "report", [figures[0], figures[0]])
    with pytest.raises(UserError, match=r"include 0 index\.html\.j2"):
        write(tmp_path / "report", assets=ASSETS[:0])
