"""Rule test_explanations."""

from micrograph import files, job
from micrograph.attribution import faithfulness, films
from micrograph.networks import headed, pictures

with job.logged(snakemake.log[0]):
    given, params, words = snakemake.input, snakemake.params, snakemake.wildcards
    network, facts = headed.read(f"{given.networks}/fold{words.fold}.safetensors")
    shown = films.tested(files.read_table(given.copies), files.read_table(given.splits), int(words.fold))
    tests = faithfulness.tested(
        network,
        facts,
        pictures.read(shown["micrograph"], facts["pixels"]).numpy(),
        files.read_arrays(given.maps),
        films.shown(given.truth, shown["sample"], facts["pixels"], **params.drawn),
        dict(zip(shown["sample"], shown["batch"], strict=True)),
        params.settings,
        job.rng(params.seed, "test_explanations", *words),
        params.device,
    )
    files.write_table(snakemake.output.tests, tests)
