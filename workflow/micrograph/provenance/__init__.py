"""Provenance: which run made a result from what, whether files have changed since, and how two results differ."""
