"""Rule scans."""

from micrograph import log
from micrograph.measurement import folder
from micrograph.scans.conversion import Preprocessing

with log.redirect_output(snakemake.log[0]):
    params = snakemake.params
    settings = Preprocessing(**params.settings)
    print(folder.measure_folder(params.scans, params.folder, snakemake.output.out, settings, params.quality))
