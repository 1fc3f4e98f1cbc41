"""Pages on disk for the browser: of 262 samples, with tables and figures, and of 5,000."""

import functools
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import made_up_conclusions
import made_up_page
from micrograph.evaluation import conclusions, tables
from micrograph.report import conclusions as page_conclusions
from micrograph.report import contents, folder, samples, sprites
from project import PROJECT

FEW, MANY = 262, 5000
ASSETS = [path for path in (PROJECT / "workflow/report/page").rglob("*") if path.is_file() and path.suffix != ".md"]
HOSTILE = "<img src=x onerror=alert(1)>&\"' = 7%#sample"
# As matplotlib writes them: styles inside the picture, which the page's own policy must not forbid.
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="518pt" height="259pt" viewBox="0 0 2 1">'
    '<style type="text/css">*{stroke-linejoin: round}</style><path d="M0 0h2v1h-2z" style="fill: #2a5796"/></svg>'
)


@dataclass
class Site:
    """A page on disk: its folder, window.STUDY, and its address."""

    folder: Path
    study: dict
    address: str

    @property
    def samples(self):
        return self.study["samples"]


def few(home):
    """The Site of 262 samples, one of them with a hostile name, with tables and figures."""
    report, study, pictures = made_up_page.study(FEW)
    study["samples"]["name"][100] = HOSTILE
    names = study["samples"]["name"]
    study["samples"]["film"] = ["pair" if place in (20, 21) else name for place, name in enumerate(names)]
    study["samples"]["film_predicted"] = study["samples"]["predicted"]
    picture = functools.cache(made_up_page.picture)
    pictures = replace(pictures, micrograph=lambda i: picture(i % 60))
    report = replace(report, tables=_tables(), figures=_figures(home), conclusions=_conclusions())
    folder.write(home / "report", ASSETS, report, study, pictures)
    return Site(home / "report", study | _pictures(FEW), (home / "report" / "index.html").as_uri())


def many(few, home):
    """The Site of 5,000 samples; its sheets are copies of those of the 262 samples, each a file of its own."""
    shutil.copytree(few.folder, home)
    _, study, _ = made_up_page.study(MANY)
    study |= _pictures(MANY)
    for part in ("sheets", "large"):
        for names in (value for value in study[part].values() if isinstance(value, list)):
            own = [home / name for name in names if (home / name).exists()]
            for place, name in enumerate(names[len(own) :]):
                shutil.copyfile(own[place % len(own)], home / name)
    (home / "parts" / "samples.js").write_text(samples.javascript(study), encoding="ascii")
    return Site(home, study, (home / "index.html").as_uri())


def _pictures(count):
    """What sprites.write returns for so many samples."""
    stems = {
        "sheets": (sprites.SMALL, ("micrograph", "cam", "occlusion")),
        "large": (sprites.LARGE, ("micrograph",)),
    }
    made = {}
    for size, (grid, kinds) in stems.items():
        numbers = range(-(-count // grid.capacity))
        stem = "" if size == "sheets" else f"{size}_"
        made[size] = dict(vars(grid)) | {
            kind: [f"parts/sheets/{stem}{kind}_{number:03d}.webp" for number in numbers] for kind in kinds
        }
    return made


def _tables():
    """A table with groups, numbers in all formats and rows of the paper; and one that is folded."""
    rows = [
        ["strict: test", "SVC", "66 ± 17", "−0.5 [−0.9, 0.1]"],
        ["", "KRC", "9 ± 3", "0.62 [0.49, 0.73]"],
        ["", "RNN", tables.DASH, "1,024"],
        ["the paper, real films", "SVC", tables.Bold("71 ± 4"), tables.DASH],
        ["", "KRC", "45 ± 5", "2"],
    ]
    panel = tables.Panel(
        "At a glance", ["Accuracy in %", "Model", "Test %", "Gain"], rows, text_columns=2, notes=("A note.",)
    )
    numbers = [f"{number / 7:.1f} [{-number}.0, {number}.0]" for number in range(1, 13)]
    headings = ["Accuracy in %", "Model", *(f"Balanced accuracy {number}" for number in range(1, 13))]
    many = tables.Panel("Many columns", headings, [["strict: test", "SVC", *numbers]], text_columns=2)
    return [
        contents.Table("Table 2", "Blocks by models", [panel, many], "<p>How to read.</p>"),
        contents.Table("Leakage", "Both", [replace(panel, notes=())], "<p>How to read.</p>", group="Validity"),
        contents.Table("Table 3", HOSTILE, [replace(panel, title=HOSTILE)], "<p>How to read.</p>", folded=True),
    ]


def _conclusions():
    """The conclusions of a whole study, one of them with a hostile reason."""
    tables = made_up_conclusions.tables()
    tables["confounders"].loc[tables["confounders"]["kind"] == "batch_size", "reason"] = HOSTILE
    return page_conclusions.from_table(conclusions.make_table(tables, "simulated films"))


def _figures(home):
    """A figure of one SVG, and one of a folder of pages."""
    from PIL import Image

    (home / "fig2.svg").write_text(SVG)
    (home / "leakage.svg").write_text(SVG)
    (home / "fig6").mkdir()
    for page in (1, 2):
        Image.new("RGB", (300, 200 * page), "#88aacc").save(home / "fig6" / f"page0{page}.png")
    return [
        contents.Figure("Figure 2", "samples", str(home / "fig2.svg"), "<p>A caption.</p>", "The study"),
        contents.Figure("Leakage", "Both", str(home / "leakage.svg"), "<p>How to read.</p>", "Validity"),
        contents.Figure("Figure 6", "samples", str(home / "fig6"), "<p>A caption.</p>", "The samples"),
    ]
