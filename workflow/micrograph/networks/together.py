"""Fits side by side, each in a process of its own: a large GPU that one network leaves idle trains several."""


def run(fits, at_once):
    """{name: what its fit gave}, in the order of `fits`; the same whatever `at_once` is.

    fits: {name: function without arguments}, such as functools.partial of functions of this package; at_once: how many
    run at a time; with 1 they run here, one after another. What a process prints goes where this one's output goes.
    An exception of a fit is raised here, when the fits that run beside it have ended.
    """
    if min(at_once, len(fits)) <= 1:
        return {name: fit() for name, fit in fits.items()}
    from joblib import Parallel, delayed

    # loky starts fresh processes (CUDA does not survive a fork) and does not run the calling script in them again.
    results = Parallel(n_jobs=min(at_once, len(fits)), backend="loky")(delayed(fit)() for fit in fits.values())
    return dict(zip(fits, results, strict=True))
