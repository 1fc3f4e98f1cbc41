"""Needs the sample sheet and the raw scans it names.
Gives results/heights (levelled height maps, .gwy), results/micrographs (8-bit PNG), and the table of accepted samples
that everything downstream reads. Scans are handled in shards: one job for many.
"""


rule level_scans:
    """Read the raw scans of one shard and level their height maps; a bad scan becomes a row, never a crash."""
    input:
        sheet=config["scans"]["sheet"],
        scans=scans_of_shard,
        code=modules("nanoscope", "formats", "heightmap", "heights", "conversion", "sheets"),
    output:
        heights=directory("results/heights/{shard}"),
        table="results/heights/{shard}.tsv",
    log:
        "logs/level_scans/{shard}.log",
    conda:
        "../../envs/afm.yaml"
    params:
        classes=config["classes"],
        scans_per_shard=config["scans"]["scans_per_shard"],
        channels=config["scans"]["channels"],
        direction=config["scans"]["direction"],
        gwyddion_timeout_seconds=config["scans"]["gwyddion_timeout_seconds"],
        levelling=config["heights"]["levelling"],
    script:
        "../scripts/level_scans.py"


rule draw_micrographs:
    """Height maps of one shard, and finished pictures, as 8-bit micrographs."""
    input:
        heights="results/heights/{shard}",
        table="results/heights/{shard}.tsv",
        code=modules("heightmap", "images", "conversion"),
    output:
        micrographs=directory("results/micrographs/{shard}"),
        table="results/micrographs/{shard}.tsv",
    log:
        "logs/draw_micrographs/{shard}.log",
    conda:
        "../../envs/afm.yaml"
    params:
        pixels=config["micrographs"]["pixels"],
        clip_percentiles=config["micrographs"]["clip_percentiles"],
        aspect=config["micrographs"]["aspect"],
    script:
        "../scripts/draw_micrographs.py"


rule gather_micrographs:
    """All shards together: the accepted samples with their growth conditions, the rejected with their reasons."""
    input:
        sheet=config["scans"]["sheet"],
        tables=expand("results/micrographs/{shard}.tsv", shard=shards()),
        code=modules("conversion", "sheets"),
    output:
        samples="results/micrographs/samples.tsv",
        rejected=report(
            "results/micrographs/rejected.tsv",
            caption="../report/rejected.rst",
            category="Scans",
            labels={"table": "rejected scans"},
        ),
        summary="results/micrographs/summary.txt",
    log:
        "logs/gather_micrographs.log",
    conda:
        "../../envs/afm.yaml"
    params:
        classes=config["classes"],
        on_bad_scan=config["scans"]["on_bad_scan"],
        data=DATA,
    script:
        "../scripts/gather_micrographs.py"
