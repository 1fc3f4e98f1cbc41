"""Rule train_production."""

from micrograph import files, job
from micrograph.prediction import card, production, rehearsal, storage

with job.logged(snakemake.log[0]):
    given, params = snakemake.input, snakemake.params
    study = production.Study(
        films=files.read_table(given.samples),
        copies=files.read_table(given.copies),
        levelled=[files.read_table(path) for path in given.levelled],
        splits=files.read_table(given.splits),
        choices=files.read_table(given.choices),
        curves=[files.read_table(path) for path in given.curves],
        predictions=files.read_table(given.predictions),
        weights=next(iter(given.weights or []), None),
        rehearsal_weights=list(given.rehearsal_weights or []),
    )
    model = production.make(production.Recipe(**params.recipe), study, params.device)
    storage.write(snakemake.output.model, model)
    files.write_text(snakemake.output.card, card.card(model.facts))
    files.write_table(snakemake.output.rehearsal, rehearsal.table(model.facts))
