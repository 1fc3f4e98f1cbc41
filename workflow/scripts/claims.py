"""Rule claims."""

from pathlib import Path

from micrograph import io, log
from micrograph.trust import claims

with log.redirect_output(snakemake.log[0]):
    output = snakemake.output
    tables = {Path(path).stem: io.read_table(path) for path in snakemake.input.tables}
    table = claims.table(tables, data=snakemake.params.data, network=snakemake.params.network)
    caption = claims.caption(table)
    io.write_table(output.tsv, table)
    io.write_text(output.md, claims.markdown(table, caption))
    io.write_text(output.html, claims.html(table, caption))
