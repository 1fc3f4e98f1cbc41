"""Rule tableS1."""

from micrograph import io, log
from micrograph.evaluation import captions, tableS1

with log.redirect_output(snakemake.log[0]):
    output = snakemake.output
    table = tableS1.table(
        tableS1.gather(snakemake.input.choices),
        io.read_table(snakemake.input.published),
        data=snakemake.params.data,
    )
    caption = captions.read(snakemake.input.caption, dict(snakemake.params.items()), table)
    io.write_table(output.tsv, table)
    io.write_text(output.md, tableS1.markdown(table, caption))
    io.write_text(output.html, tableS1.html(table, caption))
