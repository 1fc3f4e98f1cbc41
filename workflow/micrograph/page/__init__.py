"""The report page: what it knows of every film, its pictures in sheets, and the folder that needs no network."""
