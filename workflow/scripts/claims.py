"""Rule claims."""

from pathlib import Path

from micrograph import files, job
from micrograph.trust import claims

with job.logged(snakemake.log[0]):
    output = snakemake.output
    tables = {Path(path).stem: files.read_table(path) for path in snakemake.input.tables}
    table = claims.table(tables, data=snakemake.params.data, network=snakemake.params.network)
    caption = claims.caption(table)
    files.write_table(output.tsv, table)
    files.write_text(output.md, claims.markdown(table, caption))
    files.write_text(output.html, claims.html(table, caption))
