"""From raw AFM scans of thin films to the temperature at which they were grown.

The science of the workflow, without the workflow: no module here knows of Snakemake, of config.yaml or of the
working directory. The order of the flow: nanoscope, formats -> heights -> images -> splits, policies ->
backbones, features -> components -> classifiers -> scores -> tables, figures.
"""

__version__ = "0.1.0"
