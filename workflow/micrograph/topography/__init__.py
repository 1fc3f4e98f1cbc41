"""Physical features of films: what a height map says in numbers that have names, without any network."""
