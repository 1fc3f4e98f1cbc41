"""Needs the sample sheet and the raw scans it names.
Gives results/heights (levelled height maps, .gwy), results/micrographs (8-bit PNG), and the table of accepted samples
that everything downstream reads. Scans are handled in shards: one job for many.
"""


rule level_scans:
    """Read the raw scans of one shard and level their height maps; a bad scan becomes a row of the table of rejected scans."""
    input:
        sheet=config["scans"]["sheet"] if SIMULATED else ancient(config["scans"]["sheet"]),
        scans=scans_of_shard,
        code=code_of("level_scans"),
    output:
        heights=directory("results/heights/{shard}"),
        levelled="results/heights/{shard}.tsv",
        rejected="results/heights/{shard}_rejected.tsv",
    log:
        "logs/level_scans/{shard}.log",
    benchmark:
        "logs/level_scans/{shard}.tsv"
    conda:
        "../../envs/afm.yaml"
    params:
        classes=config["classes"],
        scans_per_shard=config["scans"]["scans_per_shard"],
        rows=rows_of_shard,
        settings={
            "channels": config["scans"]["channels"],
            "direction": config["scans"]["direction"],
            "gwyddion_timeout_seconds": config["scans"]["gwyddion_timeout_seconds"],
            "levelling": config["heights"]["levelling"],
        },
    script:
        "../scripts/level_scans.py"


rule render_micrographs:
    """Height maps of one shard, and ready-made images, as 8-bit micrographs."""
    input:
        heights="results/heights/{shard}",
        levelled="results/heights/{shard}.tsv",
        code=code_of("render_micrographs"),
    output:
        micrographs=directory("results/micrographs/{shard}"),
        drawn="results/micrographs/{shard}.tsv",
        rejected="results/micrographs/{shard}_rejected.tsv",
    log:
        "logs/render_micrographs/{shard}.log",
    benchmark:
        "logs/render_micrographs/{shard}.tsv"
    conda:
        "../../envs/afm.yaml"
    params:
        settings={
            "pixels": config["micrographs"]["pixels"],
            "clip_percentiles": config["micrographs"]["clip_percentiles"],
            "aspect": config["micrographs"]["aspect"],
        },
    script:
        "../scripts/render_micrographs.py"


rule collect_micrographs:
    """All shards together: the accepted samples with their growth conditions, the rejected with their reasons."""
    input:
        sheet=config["scans"]["sheet"],
        drawn=of_all_shards("results/micrographs/{shard}.tsv"),
        rejected=of_all_shards("results/heights/{shard}_rejected.tsv", "results/micrographs/{shard}_rejected.tsv"),
        code=code_of("collect_micrographs"),
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
        "logs/collect_micrographs.log",
    benchmark:
        "logs/collect_micrographs.tsv"
    conda:
        "../../envs/afm.yaml"
    params:
        classes=config["classes"],
        on_bad_scan=config["scans"]["on_bad_scan"],
        data="simulated" if SIMULATED else "real",
    script:
        "../scripts/collect_micrographs.py"
