"""From features to predictions: folds, policies, components, shallow models and their choice."""
