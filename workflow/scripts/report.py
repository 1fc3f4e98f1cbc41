"""Rule report."""

from pathlib import Path

from micrograph import io, log
from micrograph.attribution import maps
from micrograph.evaluation import fits
from micrograph.figures import training_curves
from micrograph.report import conclusions, contents, folder, page, similar_samples
from micrograph.report import samples as explorer

with log.redirect_output(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    samples, (fit,) = io.read_table(given.samples), fits.read_predictions(given.predictions)
    explained, (curves,) = maps.gather(given.explanations), training_curves.gather(given.curves)
    rows = explorer.tested(fit.predictions, samples)
    near = similar_samples.nearest(rows["sample"], io.read_scores(given.features), io.read_table(given.splits))
    place = explorer.feature_map(io.read_arrays(given.components), samples, rows["sample"], params.components)
    study = explorer.study(rows, explained, near, place, curves.rows, fit.words, params.classes, params.data)
    tables = {Path(path).stem: io.read_table(path) for path in given.tables}
    story = page.Story(
        "Growth temperature from micrographs",
        params.data,
        page.headline(tables["table2"], io.read_table(given.published)),
        samples,
        io.read_table(given.rejected),
        params.settings,
        contents.versions(["snakemake", "numpy", "scikit-learn", "torch", "timm"]),
        contents.tables(given.tables, params.tables, given.table_captions, params.words),
        contents.figures(params.figures, given.figures, given.figure_captions, params.words),
        page.glance(fit.predictions, params.classes, explorer.named(fit.words)),
        conclusions.conclude(tables.get("conclusions")),
    )
    folder.write(Path(snakemake.output.page).parent, given.face, story, study, explorer.drawn(rows, explained))
