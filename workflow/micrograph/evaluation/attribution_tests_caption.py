"""The words of the table of explanations: names of maps, features and measures."""

MAPS = {
    "cam": "CAM of the paper",
    "cam_class": "class-weighted CAM",
    "grad_cam": "Grad-CAM",
    "occlusion": "occlusion, for",
    "occlusion_abs": "occlusion, both signs",
}
OF_THE_FILM = {
    "boundaries": "domain boundaries",
    "domains": "domains",
    "islands": "islands",
    "terraces": "terrace edges",
    "pits": "pits",
    "particles": "particles",
    "background": "bare substrate",
}
NOT_OF_THE_FILM = {"artefacts": "scars and jumps", "padding": "padding"}
FEATURES = OF_THE_FILM | NOT_OF_THE_FILM
FOUND = {"mass": "Share of the map that lies on a feature", "pointing": "Pointing game: the map's maximum on a feature"}
WHOLE = "whole"  # the word for a feature where a measure is of the map as a whole
CURVES = ("deletion", "insertion")
ALIKE = {
    "agreement": "occlusion of the same film",
    "randomised_head": "itself, the head drawn anew",
    "randomised_all": "itself, all weights drawn anew",
}
MEASURES = (*FOUND, *CURVES, *ALIKE)
MARGIN = 0.1  # less than this in rank correlation is next to no difference
