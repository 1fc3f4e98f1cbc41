"""One table or figure of the registry (`micrograph/outputs.py`), or both of one topic."""

import dataclasses
import inspect
from importlib import import_module

from micrograph import io, log, outputs
from micrograph.evaluation import captions, summaries, tables, tableS1
from micrograph.evaluation.bootstrap import Resampling
from micrograph.evaluation.films import FilmScore
from micrograph.evaluation.summaries import RunInfo
from micrograph.rng import random_stream
from micrograph.target import PAPER_TARGET, Target


def read(reader, paths, keys, film_score):
    """One argument, read as its row of the registry says."""
    if reader == "paths":
        return list(paths)
    if reader == "fits":
        return summaries.read_predictions(paths, film_score)
    if reader == "scans":
        return summaries.read_predictions(paths)
    if reader == "fit":
        return summaries.read_predictions(paths, film_score)[0]
    if reader == "permuted":
        return summaries.read_permuted(paths, film_score)
    if reader == "searches":
        return tableS1.read_searches(paths)
    one = {"table": io.read_table, "arrays": io.read_arrays, "shapes": io.read_shape}[reader]
    if keys:
        return dict(zip(keys, map(one, paths), strict=True))
    return one(paths) if isinstance(paths, str) else [one(path) for path in paths]


def call(function, arguments, stream):
    """Call a function with those of the arguments that it takes, and with the objects made of them."""
    made = dict(arguments)
    if stream:
        made["rng"] = random_stream(*stream)
    if {"classes", "n_bootstrap"} <= made.keys():
        seed = int(made.pop("rng").integers(2**31))
        made["resampling"] = Resampling(made["classes"], made["n_bootstrap"], seed, made["target"].ordered)
    fields = [field.name for field in dataclasses.fields(RunInfo)]
    if set(fields) <= made.keys():
        made["run"] = RunInfo(**{name: made[name] for name in fields})
    taken = inspect.signature(function).parameters
    return function(**{name: value for name, value in made.items() if name in taken})


with log.redirect_output(snakemake.log[0]):
    params, output = snakemake.params, snakemake.output
    row = outputs.get(params.output)
    target = Target.from_config(params.target)
    film_score = FilmScore(target, params.film_score)
    readers = {
        name: read(kind, snakemake.input[name], keys, film_score) for name, (kind, keys) in params.readers.items()
    }
    arguments = dict(params.arguments) | readers | {"target": target, "classes": list(target.classes)}
    if "published" in readers and target.column != PAPER_TARGET:
        arguments["published"] = readers["published"].iloc[:0]
    if "samples" in readers:
        arguments["samples"] = target.add_to(readers["samples"])
    stream = (arguments["seed"], row.name) if "seed" in arguments else None
    if row.table:
        module = import_module(f"micrograph.evaluation.{row.table}")
        table = call(module.make_table, arguments, stream)
        arguments["table"] = table
        caption = captions.read(snakemake.input.caption, dict(params.items()), table)
        io.write_table(output.tsv, table)
        panels = tables.lay_out(module, table, target)
        io.write_text(output.md, tables.markdown(panels, caption))
        io.write_text(output.html, tables.html(panels, caption, row.label, wrap=row.sentences))
        stream = (*stream, "figure") if stream else None
    if row.figure:
        from micrograph.figures import style

        name, function = row.figure.split(":")
        draw = getattr(import_module(f"micrograph.figures.{name}"), function)
        figure = call(draw, arguments, stream)
        for page in figure if row.pages else [figure]:
            style.label_data(page, params.data)
        if row.pages:
            style.save_pages(figure, output.pdf, output.pages, kind=row.image)
        else:
            style.save(figure, output.pdf, output.svg, output.png)
