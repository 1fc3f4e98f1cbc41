"""From raw AFM scans of thin films to the temperature at which they were grown.

The science of the workflow, without the workflow: nothing here knows of Snakemake, of config.yaml or of the working
directory. The rooms, in the order of the flow:

simulated   films grown and scanned in the computer, written as the instrument's files
scans       sample sheet and raw scans -> height maps -> micrographs
topography  physical features of height maps: roughness, spectrum, correlation, grains, steps
networks    pre-trained networks: weights, blocks, features of micrographs
models      folds, policies, components, shallow models -> predictions
attribution what speaks for a network's answer: class activation maps, occlusion, and whether they are true
results     predictions -> scores, tables, figures
trust       what the numbers are worth: leaks, baselines, confounders, calibration, films needed, claims
page        the report page
prediction  the production model, and what it says of new scans
retrieval   scans and weights from servers
provenance  what made every result, and whether it can be made again

and, used by all: faults (what a user can mend), files (what we write), job (log, randomness, progress), config (its
schema, defaults and check), protocols and experiments (what is fitted, by name), sources (which modules a script runs).
"""

__version__ = "0.1.0"


def predict(path, model, **how):
    """What the production model says of one scan: prediction.predict.predict, for notebooks and instruments.

    path: a scan of any readable format; model: path of results/production/model.safetensors, or what
    micrograph.prediction.storage.read gives of it. Returns a Prediction: temperature_celsius with low_celsius and
    high_celsius, probabilities, prediction_set, neighbours, unlike with its reasons, cam, occlusion and more. For many
    scans: micrograph.prediction.predict.many. Raises micrograph.faults.Fault, one sentence, where nothing can be said.
    """
    from micrograph.prediction.predict import predict as said

    return said(path, model, **how)
