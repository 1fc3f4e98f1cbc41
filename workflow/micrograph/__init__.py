"""From raw AFM scans of thin films to the temperature at which they were grown.

The science of the workflow, without the workflow: nothing here knows of Snakemake, of config.yaml or of the working
directory. The rooms, in the order of the flow:

simulated   films grown and scanned in the computer, written as the instrument's files
scans       sample sheet and raw scans -> height maps -> micrographs
networks    pre-trained networks: weights, blocks, features of micrographs
models      folds, policies, components, shallow models -> predictions
results     predictions -> scores, tables, figures, the report page

and, used by all: faults (what a user can mend), files (what we write), job (log, randomness, progress), settings (the
closed config), sources (which modules a script runs).
"""

__version__ = "0.1.0"
