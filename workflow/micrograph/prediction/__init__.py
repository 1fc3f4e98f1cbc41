"""The model trained on all films of a study, and what it says of new scans."""
