"""Needs the settings under `simulation`; used when scans.source is `simulated`.
Gives the sample sheet, and resources/scans: films grown in the computer, written as genuine NanoScope files, with
resources/truth: what they show, pixel by pixel.
"""

if SIMULATED:

    rule plan_samples:
        """The growth runs of the simulated study: days, temperatures, times, substrates, as a sample sheet."""
        input:
            code=modules("plan_samples"),
        output:
            sheet=config["scans"]["sheet"],
        log:
            "logs/plan_samples.log",
        benchmark:
            "logs/plan_samples.tsv"
        conda:
            "../../envs/afm.yaml"
        params:
            seed=config["seed"],
            samples=config["simulation"]["samples"],
            days=config["simulation"]["days"],
            shares=config["simulation"]["shares"],
            operators=config["simulation"]["operators"],
            folder="resources/scans",
            scans_per_shard=config["scans"]["scans_per_shard"],
        script:
            "../scripts/plan_samples.py"

    rule simulate_scans:
        """Grow and scan the films of one shard; keep the truth about each beside."""
        input:
            sheet=config["scans"]["sheet"],
            code=modules("simulate_scans"),
        output:
            scans=directory("resources/scans/{shard}"),
            truth=directory("resources/truth/{shard}"),
        log:
            "logs/simulate_scans/{shard}.log",
        benchmark:
            "logs/simulate_scans/{shard}.tsv"
        conda:
            "../../envs/afm.yaml"
        params:
            seed=config["seed"],
            classes=config["classes"],
            pixels=config["simulation"]["pixels"],
            scans_per_shard=config["scans"]["scans_per_shard"],
        script:
            "../scripts/simulate_scans.py"
