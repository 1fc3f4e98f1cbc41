"""Ensembles of the networks that differ in the seed of their training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from micrograph.evaluation import seeds, summaries
from micrograph.models import registry
from micrograph.target import Classes


def with_ensembles(fits: Sequence[summaries.Fit], classes: Classes) -> list[summaries.Fit]:
    """Return the fits, networks of several seeds each followed by their ensemble, whose model is `ENSEMBLE`."""
    made = []
    for fit in fits:
        made.append(fit)
        if seeds.counts(fit.predictions)[1] > 1 and registry.MODELS[fit.spec.model].is_network:
            spec = replace(fit.spec, model=summaries.ENSEMBLE.format(fit.spec.model))
            made.append(summaries.Fit(spec, seeds.ensemble(fit.predictions, fit.spec.scheme, classes)))
    return made
