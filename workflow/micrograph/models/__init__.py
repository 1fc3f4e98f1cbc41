"""Shallow models on features: registry, grid search, fits, principal components, storage."""
