"""Rule scans."""

from micrograph import log
from micrograph.measurement import folder
from micrograph.scans.conversion import Preprocessing
from micrograph.topography.measure import MeasureSettings

with log.redirect_output(snakemake.log[0]):
    params = snakemake.params
    settings = Preprocessing(**params.settings)
    measured = MeasureSettings(**params.topography)
    out = snakemake.output.out
    print(folder.measure_folder(params.scans, params.folder, out, settings, params.quality, measured))
