"""The report: one page with every table, figure and sample."""
