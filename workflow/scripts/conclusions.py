"""Rule conclusions."""

from pathlib import Path

from micrograph import io, log
from micrograph.evaluation import captions, conclusions

with log.redirect_output(snakemake.log[0]):
    output, params = snakemake.output, snakemake.params
    caption = captions.read(snakemake.input.caption, dict(params.items()))
    tables = {Path(path).stem: io.read_table(path) for path in snakemake.input.tables}
    table = conclusions.make_table(tables, params.data, params.network)
    io.write_table(output.tsv, table)
    io.write_text(output.md, conclusions.markdown(table, caption))
    io.write_text(output.html, conclusions.html(table, caption))
