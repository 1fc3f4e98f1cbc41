"""Rule report."""

from pathlib import Path

from micrograph import feature_files, files, job
from micrograph.attribution import maps
from micrograph.page import claimed, contents, films, folder, neighbours, report
from micrograph.results import curve_figures, explanations, fits

with job.logged(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    samples, (fit,) = files.read_table(given.samples), fits.gather(given.predictions)
    explained, (curves,) = maps.gather(given.explanations), curve_figures.gather(given.curves)
    rows = films.tested(fit.predictions, samples)
    near = neighbours.nearest(rows["sample"], feature_files.read_scores(given.features), files.read_table(given.splits))
    place = films.feature_map(files.read_arrays(given.components), samples, rows["sample"], params.components)
    study = films.study(rows, explained, near, place, curves.rows, fit.words, params.classes, params.data)
    tables = {Path(path).stem: files.read_table(path) for path in given.tables}
    story = report.Story(
        "Growth temperature from micrographs",
        params.data,
        report.headline(tables["table2"], files.read_table(given.published)),
        samples,
        files.read_table(given.rejected),
        params.settings,
        contents.versions(["snakemake", "numpy", "scikit-learn", "torch", "timm"]),
        contents.tables(given.tables, params.tables, given.table_captions, params.words),
        contents.figures(params.figures, given.figures, given.figure_captions, params.words),
        explanations.verdict(tables["explanations"]),
        report.glance(fit.predictions, params.classes, films.named(fit.words)),
        claimed.told(tables.get("claims")),
    )
    folder.write(Path(snakemake.output.page).parent, given.face, story, study, films.drawn(rows, explained))
