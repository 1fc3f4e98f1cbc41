"""Exact incremental inference: outputs of a network for many images that differ from one image in a small window."""
