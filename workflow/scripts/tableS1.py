"""Rule tableS1."""
