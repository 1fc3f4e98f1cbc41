"""From raw AFM scans of thin films to how they were grown.

The package knows nothing of Snakemake, config files or the working directory. Its folders, in the order of the flow:

simulation   films grown and scanned in the computer, written as instrument files
scans        sample sheet and raw scans -> levelled height maps -> micrographs -> augmented images
topography   physical features of height maps: roughness, spectrum, correlation, grains, atomic steps
splits       protocols, folds, permuted labels, and the table of predictions
models       principal components, the shallow models, their grid search
networks     backbones, weights, features, fine-tuning, pre-training
attribution  class activation maps and occlusion, and how faithful they are
evaluation   predictions -> metrics, intervals, tables, conclusions
figures      one topic a file
report       the page of the study
prediction   the final model, and its predictions for new scans
retrieval    scans and weights from servers
provenance   what made every result

A folder imports only from those above it (docs/architecture.md has the table). All use errors, io, log, rng and target.
"""

from typing import Any

__version__ = "0.1.0"


def predict(path: str, model: Any, **options: Any) -> Any:
    """Predict the growth condition of one scan with the final model.

    Parameters
    ----------
    path : str or Path
        Scan file of any readable format.
    model : str, Path or prediction.storage.FinalModel
        Path of ``results/final_model/model.safetensors``, or what ``prediction.storage.read`` returns for it.
    **options
        Passed to :func:`micrograph.prediction.predict.predict`.

    Returns
    -------
    micrograph.prediction.predict.Prediction

    Raises
    ------
    micrograph.errors.UserError
        If the scan or the model cannot be read.
    """
    from micrograph.prediction import predict as prediction

    return prediction.predict(path, model, **options)
