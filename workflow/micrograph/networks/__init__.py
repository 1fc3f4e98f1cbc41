"""Pre-trained networks: which there are, where their weights come from, what their blocks make of a micrograph."""
