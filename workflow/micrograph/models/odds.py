"""Proportional odds with a ridge: the likelihood and its search are statsmodels', the ridge and the gradient ours.

McCullagh, Regression models for ordinal data, J. R. Stat. Soc. B 42, 109 (1980): P(class <= k | x) is the logistic
function of cut k - x.slope, so that one slope a feature moves a film up or down the order of the classes.
"""

import numpy as np
from scipy.special import expit
from statsmodels.miscmodels.ordinal_model import OrderedModel


class RidgedOdds(OrderedModel):
    """OrderedModel (logit) whose log-likelihood, summed over the rows, is lessened by ridge / 2 * |slopes|^2.

    Without a ridge the slopes of features that part the classes without error grow without end. statsmodels takes its
    gradient by differences, far slower with dozens of features.
    """

    def __init__(self, levels, rows, ridge):
        """levels (n,): classes from 0 up, none left out; rows (n, k): features; ridge: at least 0."""
        super().__init__(levels, rows, distr="logit", hasconst=False)
        self.ridge = ridge

    def loglike(self, params):
        """The log-likelihood less the ridge, a float. params: slopes, then cuts as statsmodels keeps them."""
        slopes = params[: self.k_vars]
        return super().loglike(params) - self.ridge / 2 * float(slopes @ slopes)

    def score(self, params):
        """The gradient of loglike, as long as params."""
        low, upp = self._bounds(params)
        chance = self.prob(low, upp) + 1e-20  # as in loglike
        below, above = self.pdf(low) / chance, self.pdf(upp) / chance
        slopes = (below - above) @ self.exog - self.ridge * params[: self.k_vars]
        cuts = np.bincount(self.endog, above, self.k_levels)[:-1] - np.bincount(self.endog, below, self.k_levels)[1:]
        steps = np.concatenate([[1.0], np.exp(params[self.k_vars + 1 :])])  # cuts are kept as logarithms of steps
        return np.concatenate([slopes, steps * cuts[::-1].cumsum()[::-1]])


def fit(levels, rows, ridge):
    """(slopes (k,), cuts (classes - 1,)) of the proportional odds of levels (n,) given rows (n, k).

    levels: classes from 0 up, none left out, at least two; ridge: above 0 unless the likelihood has its highest point
    at finite slopes. Warns (statsmodels' ConvergenceWarning) where the search ends early.
    """
    model = RidgedOdds(np.asarray(levels), np.asarray(rows, dtype=float), ridge)
    found = model.fit(method="lbfgs", maxiter=2000, maxfun=4000, pgtol=1e-7, factr=1e4, disp=0, skip_hessian=True)
    return found.params[: model.k_vars], model.transform_threshold_params(found.params)[1:-1]


def chances(slopes, cuts, rows):
    """(n, classes) probabilities of the classes of rows (n, k)."""
    below = expit(cuts - (rows @ slopes)[:, None])
    ends = np.zeros((len(rows), 1)), np.ones((len(rows), 1))
    return np.diff(np.hstack([ends[0], below, ends[1]]), axis=1)
