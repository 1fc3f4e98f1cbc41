"""Simulated films: growth, atomic force microscopy, NanoScope files and ground truth."""
