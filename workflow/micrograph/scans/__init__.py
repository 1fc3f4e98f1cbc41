"""From the sample sheet and raw scans to height maps and micrographs."""
