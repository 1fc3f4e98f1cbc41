"""Physical features of films, measured on height maps."""
