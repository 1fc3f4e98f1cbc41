"""What the numbers are worth: leaks, baselines, confounders, calibration, films needed, and what can be claimed."""
