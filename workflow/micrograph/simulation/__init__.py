"""Films grown and scanned in the computer."""
