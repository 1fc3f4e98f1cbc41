include: "workflow/Snakefile"


rule default:
    """The whole study: what `snakemake` makes when nothing is named."""
    default_target: True
    input:
        rules.all.input,
