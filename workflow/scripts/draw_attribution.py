"""Rule draw_attribution."""

from micrograph import io, log
from micrograph.attribution import maps
from micrograph.evaluation import summaries
from micrograph.figures import sample_attribution, style
from micrograph.scans import rendering
from micrograph.target import Target

with log.redirect_output(snakemake.log[0]):
    given, sample = snakemake.input, snakemake.wildcards.sample
    target = Target.from_config(snakemake.params.target)
    samples, (fit,) = target.add_to(io.read_table(given.samples)), summaries.read_predictions([given.predictions])
    explained = maps.read(given.maps)
    film = samples.set_index("sample").loc[explained.samples[explained.index(sample)]]
    picture = rendering.read_png(film["micrograph"])
    figure = sample_attribution.draw(explained, sample, fit, samples, picture, target)
    style.label_data(figure, snakemake.params.data)
    style.save(figure, snakemake.output.png, dots_per_inch=200)
