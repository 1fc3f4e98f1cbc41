"""Figures, one topic a file."""
