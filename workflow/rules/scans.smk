"""Conversion of raw scans, in shards of many scans per job.

Input: the sample sheet and its raw scans.
Output: results/heights (levelled height maps, .gwy), results/micrographs (8-bit PNG, tables of accepted samples and of
rejected scans).
"""


rule level_scans:
    """Read the raw scans of one shard and level their height maps; bad scans are listed as rejected."""
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
        scans_per_shard=config["scans"]["scans_per_shard"],
        rows=rows_of_shard,
        simulated_columns=SIMULATED_COLUMNS,
        settings={
            "channels": config["scans"]["channels"],
            "direction": config["scans"]["direction"],
            "gwyddion_timeout_seconds": config["scans"]["gwyddion_timeout_seconds"],
            "levelling": config["heights"]["levelling"],
        },
    script:
        "../scripts/level_scans.py"


rule render_micrographs:
    """Render the height maps and exported images of one shard as 8-bit micrographs."""
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
    """Collect all shards: accepted samples with their growth conditions, rejected scans with reasons."""
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
        target=config["target"],
        extra_columns=config["scans"]["extra_columns"],
        on_bad_scan=config["scans"]["on_bad_scan"],
        quality=config["heights"]["quality"],
        data=STUDY.data.removesuffix(" films"),
    script:
        "../scripts/collect_micrographs.py"
