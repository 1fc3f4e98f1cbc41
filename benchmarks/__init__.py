"""Our ways against the published ones, on the same work in one run: python -m benchmarks (make bench)."""
