"""Data and weights from elsewhere: web servers, the study's published data, the LiST database."""
