"""Protocols, folds, permutations, and the table of predictions that fits write and evaluation reads."""
