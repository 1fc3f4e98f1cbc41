"""Films grown and scanned in the computer, written as the instrument writes its files, with the truth beside."""
