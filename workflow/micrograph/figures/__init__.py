"""Figures, one topic per file."""
