"""Rule report."""

from pathlib import Path

from micrograph import io, log, outputs
from micrograph.attribution import maps
from micrograph.evaluation import by_time, calibration, summaries
from micrograph.evaluation.films import FilmScore
from micrograph.figures import training_curves
from micrograph.report import conclusions, contents, folder, page, similar_samples
from micrograph.report import samples as explorer
from micrograph.scans import hazards
from micrograph.target import PAPER_TARGET, Target

with log.redirect_output(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    target = Target.from_config(params.target)
    samples = target.add_to(io.read_table(given.samples))
    tables = {Path(path).stem: io.read_table(path) for path in given.tables}
    study, pictures, confusion = None, None, None
    if hasattr(given, "predictions"):
        (fit,) = summaries.read_predictions([given.predictions])
        (films,) = summaries.read_predictions([given.predictions], FilmScore(target, params.film_score))
        attributions, (curves,) = maps.read(given.maps), training_curves.read(given.curves).values()
        calibrated = calibration.calibrated(fit, target)
        rows = explorer.tested(calibrated, samples, films.predictions)
        neighbours = similar_samples.nearest(
            rows["sample"], io.FeatureSet.read(given.features), io.read_table(given.splits)
        )
        feature_map = explorer.feature_map(io.read_arrays(given.components), samples, rows["sample"], params.components)
        study = explorer.study(
            rows,
            attributions,
            neighbours,
            feature_map,
            curves,
            fit.spec,
            target,
            params.extra_columns,
            tables.get("attribution_tests"),
            params.settings["micrographs"]["pixels"],
        )
        pictures = explorer.pictures(rows, attributions)
        confusion = page.confusion(films.predictions, target, explorer.model_name(fit.spec))
    published = io.read_table(given.published).iloc[: None if target.column == PAPER_TARGET else 0]
    made = [outputs.get(row["name"]) for row in params.rows]
    captions = {Path(path).stem: contents.caption(path, dict(params.items())) for path in given.captions}
    report = page.Report(
        target,
        params.data,
        page.headline(tables["table2"], published, target) if "table2" in tables else None,
        samples,
        io.read_table(given.rejected),
        params.settings,
        contents.versions(["snakemake", "numpy", "scikit-learn", "torch", "timm"]),
        [contents.table(output, tables[output.name], target, captions[output.name]) for output in made if output.table],
        [contents.figure(output, captions[output.name]) for output in made if output.figure],
        confusion,
        conclusions.from_table(tables["conclusions"]) if "conclusions" in tables else None,
        by_time.beside(tables["by_time"], "headline") if "by_time" in tables else None,
        () if params.settings["scans"]["source"] == "simulated" else hazards.find(samples, target),
        params.left_out,
    )
    folder.write(Path(snakemake.output.page).parent, given.page, report, study, pictures)
    io.write_text(snakemake.output.headline, page.in_one_sentence(report.headline, report.beside))
