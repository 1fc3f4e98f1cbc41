"""Scans without a study, and a check of the levelling by eye.

Input: a folder of scans (scans_folder), or the scans of the study.
Output: results/scans (height maps, pictures, measures, levelling check), results/levelling_check (of the study).
"""


rule scans:
    """Convert, level, draw and measure a folder of scans without a sheet: --config scans_folder=FOLDER."""
    input:
        code=code_of("measure_folder"),
    output:
        out=directory("results/scans"),
    log:
        "logs/scans.log",
    benchmark:
        "logs/scans.tsv"
    conda:
        "../../envs/afm.yaml"
    params:
        scans=lambda wildcards, output: exit_with_message(
            sample_sheet.list_scans, config["scans_folder"], "scans_folder", output.out
        ),
        folder=config["scans_folder"],
        settings=PREPROCESSING,
        topography=config["topography"],
        quality=config["heights"]["quality"],
    script:
        "../scripts/measure_folder.py"


rule check_levelling:
    """Draw every scan of the study before and after levelling, with its method and quality flags."""
    input:
        levelled=of_all_shards("results/heights/{shard}.tsv"),
        scans=lambda wildcards: all_scans(),
        code=code_of("check_levelling"),
    output:
        out=directory("results/levelling_check"),
    log:
        "logs/check_levelling.log",
    benchmark:
        "logs/check_levelling.tsv"
    conda:
        "../../envs/afm.yaml"
    params:
        settings=PREPROCESSING,
        quality=config["heights"]["quality"],
        data=STUDY.data,
    script:
        "../scripts/check_levelling.py"


rule levelling_check:
    """The check of the levelling, of scans_folder if that is set, otherwise of the study."""
    input:
        rules.scans.output.out if config["scans_folder"] else rules.check_levelling.output.out,
