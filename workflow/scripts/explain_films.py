"""Rule explain_films."""

from micrograph import files, job
from micrograph.attribution import explain, films
from micrograph.networks import headed, pictures

with job.logged(snakemake.log[0]):
    given, params, fold = snakemake.input, snakemake.params, int(snakemake.wildcards.fold)
    network, facts = headed.read(f"{given.networks}/fold{fold}.safetensors")
    shown = films.tested(files.read_table(given.copies), files.read_table(given.splits), fold)
    maps = explain.of_fold(
        network,
        facts,
        pictures.read(shown["micrograph"], facts["pixels"]),
        shown["sample"],
        shown["growth_celsius"],
        params.classes,
        params.settings,
        params.device,
    )
    files.write_arrays(snakemake.output.maps, **maps)
