"""Rule tableS1."""

from micrograph import files, job
from micrograph.results import tableS1

with job.logged(snakemake.log[0]):
    output = snakemake.output
    table = tableS1.table(
        tableS1.gather(snakemake.input.choices),
        files.read_table(snakemake.input.published),
        data=snakemake.params.data,
    )
    caption = tableS1.caption(table)
    files.write_table(output.tsv, table)
    files.write_text(output.md, tableS1.markdown(table, caption))
    files.write_text(output.html, tableS1.html(table, caption))
