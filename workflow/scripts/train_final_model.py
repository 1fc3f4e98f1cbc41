"""Rule train_final_model."""

from micrograph import io, log
from micrograph.prediction import final_model, model_card, storage
from micrograph.target import Target

with log.redirect_output(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    target = Target.from_config(params.settings["target"])
    study = final_model.StudyData(
        samples=target.add_to(io.read_table(given.samples)),
        images=io.read_table(given.images),
        levelled=[io.read_table(path) for path in given.levelled],
        splits=io.read_table(given.splits),
        search_results=io.read_table(given.search),
        curves=[io.read_table(path) for path in given.curves],
        predictions=io.read_table(given.predictions),
        scan_weights=params.scan_weights,
        film_score=params.film_score,
        weights=next(iter(given.weights or []), None),
        fold_weights=list(given.fold_weights or []),
        by_time=io.read_table(given.by_time),
    )
    model = final_model.train(final_model.FinalModelSettings(**params.settings), study, params.device)
    storage.write(snakemake.output.model, model)
    io.write_text(snakemake.output.card, model_card.card(model.facts))
    io.write_table(snakemake.output.performance, model_card.table(model.facts))
