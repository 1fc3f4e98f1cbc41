"""One table or figure of the registry (`micrograph/outputs.py`), or both of one topic."""

import inspect
from importlib import import_module

from micrograph import io, log, outputs
from micrograph.evaluation import captions, summaries, tables, tableS1
from micrograph.rng import random_stream


def read(reader, paths, keys):
    """One argument, read as its row of the registry says."""
    if reader == "paths":
        return list(paths)
    if reader == "fits":
        return summaries.read_predictions(paths)
    if reader == "fit":
        return summaries.read_predictions(paths)[0]
    if reader == "permuted":
        return summaries.read_permuted(paths)
    if reader == "searches":
        return tableS1.gather(paths)
    one = {"table": io.read_table, "arrays": io.read_arrays}[reader]
    if keys:
        return dict(zip(keys, map(one, paths), strict=True))
    return one(paths) if isinstance(paths, str) else [one(path) for path in paths]


def call(function, arguments):
    """Call a function with those of the arguments that it takes."""
    wanted = inspect.signature(function).parameters
    return function(**{name: value for name, value in arguments.items() if name in wanted})


with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    row = outputs.get(params.output)
    readers = {name: read(kind, snakemake.input[name], keys) for name, (kind, keys) in params.readers.items()}
    arguments = dict(params.arguments) | readers
    stream = (arguments["seed"], row.name) if "seed" in arguments else None
    if row.table:
        module = import_module(f"micrograph.evaluation.{row.table}")
        panels = import_module(f"micrograph.evaluation.{row.panels or row.table}").panels
        table = call(module.make_table, arguments | ({"rng": random_stream(*stream)} if stream else {}))
        arguments["table"] = table
        caption = captions.read(snakemake.input.caption, dict(params.items()), table)
        io.write_table(output.tsv, table)
        io.write_text(output.md, tables.markdown(panels(table), caption))
        io.write_text(output.html, tables.html(panels(table), caption, row.label, wrap=row.sentences))
        stream = (*stream, "figure") if stream else None
    if row.figure:
        from micrograph.figures import style

        name, function = row.figure.split(":")
        draw = getattr(import_module(f"micrograph.figures.{name}"), function)
        figure = call(draw, arguments | ({"rng": random_stream(*stream)} if stream else {}))
        if row.pages:
            style.save_pages(figure, output.pdf, output.pages)
        else:
            style.save(figure, output.pdf, output.svg, output.png)
