"""Attribution: class activation maps and occlusion maps of a network's predictions, and tests of these maps."""
