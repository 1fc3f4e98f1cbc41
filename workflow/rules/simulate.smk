"""Simulated films, for scans.source `simulated`.

Output: the sample sheet, resources/scans (NanoScope files), resources/truth (ground truth of every pixel,
and the domains measured on it).
"""

if SIMULATED:

    rule plan_samples:
        """Draw the growth conditions of all simulated films and write the sample sheet."""
        input:
            code=code_of("plan_samples"),
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
            extra={
                **{name: config["simulation"][name] for name in ("operators", "scanned_twice", "between_classes")},
                "minutes": bool(SIMULATED_COLUMNS),
            },
            folder="resources/scans",
            scans_per_shard=config["scans"]["scans_per_shard"],
        script:
            "../scripts/plan_samples.py"

    rule simulate_scans:
        """Simulate and scan the films of one shard, and write their ground truth."""
        input:
            sheet=config["scans"]["sheet"],
            code=code_of("simulate_scans"),
        output:
            scans=directory("resources/scans/{shard}"),
            truth=directory("resources/truth/{shard}"),
            measured="resources/truth/{shard}.tsv",
        log:
            "logs/simulate_scans/{shard}.log",
        benchmark:
            "logs/simulate_scans/{shard}.tsv"
        conda:
            "../../envs/afm.yaml"
        params:
            seed=config["seed"],
            simulated_columns=SIMULATED_COLUMNS,
            pixels=config["simulation"]["pixels"],
            scans_per_shard=config["scans"]["scans_per_shard"],
        script:
            "../scripts/simulate_scans.py"
