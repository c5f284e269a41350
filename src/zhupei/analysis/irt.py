"""Rasch (one slope for all) and two-parameter logistic models by marginal maximum likelihood. Pure: numpy and scipy, no Django.

P(right | θ) = 1 ÷ (1 + exp(−a(θ − b))) with θ ~ N(0, 1), as R's ``ltm``: the slope of the Rasch model is estimated and the
spread of abilities fixed. The integral over θ is Gauss–Hermite quadrature (Bock & Lieberman 1970; Bock & Aitkin 1981). Items
that a person did not have are left out of his likelihood, which is right when forms are drawn without regard to his ability
(Mislevy & Wu 1996).

The E step of Bock & Aitkin gives the expected counts at each node; by Fisher's identity they give the gradient of the marginal
likelihood too, and L-BFGS climbs it in place of EM's own M steps. Both stop at the same place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from scipy import optimize, sparse
from scipy.special import expit, logsumexp

from .matrix import Answers, Floats

Model: TypeAlias = Literal["rasch", "2pl"]
NODES = 41
EXACT_SE_ITEMS = 600
"""Two parameters: up to so many items the whole information matrix is inverted; beyond, each item's own block (slightly
smaller errors). One common slope: always whole, since that slope draws on what all items have in common."""

# Where there is a prior: c ~ N(0, 2.5²), a ~ N(1, 0.5²). They hold down items that (nearly) everybody or nobody gets right and
# weigh nothing against some hundred answers. mirt and BILOG-MG hold slopes by a lognormal of about this spread.
PRIOR_A, PRIOR_A_SD, PRIOR_C_SD = 1.0, 0.5, 2.5


@dataclass(frozen=True)
class Fit:
    """A fitted model. Arrays have one entry an item, NaN for one without answers; the Rasch slope stands for every item.

    ``infit``, ``outfit``: mean squares, 1 expected; above, answers less regular than the model says; below, more regular.
    """

    model: Model
    n: Floats
    a: Floats
    b: Floats
    se_a: Floats
    se_b: Floats
    infit: Floats
    outfit: Floats
    log_likelihood: float
    parameters: int
    persons: int
    converged: bool

    @property
    def aic(self) -> float:
        return 2 * self.parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        return float(np.log(self.persons)) * self.parameters - 2 * self.log_likelihood


def nodes(count: int = NODES) -> tuple[Floats, Floats]:
    """Nodes and weights that integrate over a standard normal."""
    x, w = np.polynomial.hermite_e.hermegauss(count)
    return x, w / w.sum()


def probability(theta: Any, a: Any, b: Any) -> Floats:
    """Probability of a right answer."""
    return np.asarray(expit(np.asarray(a) * (np.asarray(theta) - np.asarray(b))))


def information(theta: Any, a: Any, b: Any) -> Floats:
    """Fisher information of an item about θ at ``theta``: a²P(1 − P)."""
    p = probability(theta, a, b)
    return np.asarray(np.asarray(a) ** 2 * p * (1 - p))


def test_information(theta: Floats, a: Floats, b: Floats) -> Floats:
    """Information of a form at each of ``theta``: the sum over its items; 1 ÷ √ of it is the standard error of θ."""
    return np.asarray(information(np.asarray(theta)[:, None], a, b).sum(axis=1))


test_information.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever its name


class _Marginal:
    """The marginal likelihood of slopes and intercepts (logit = aθ + c), over the items that were answered."""

    def __init__(self, answers: Answers, model: Model, prior: bool, quadrature: int) -> None:
        self.model, self.prior = model, prior
        here = np.unique(answers.person)
        self.persons = len(here)
        self.right: sparse.csr_array = answers.table(answers.right)[here]
        self.shown: sparse.csr_array = answers.table(np.ones(len(answers.item)))[here]
        self.right_t, self.shown_t = self.right.T.tocsr(), self.shown.T.tocsr()
        self.items = answers.items
        self.theta, weight = nodes(quadrature)
        self.log_weight = np.log(weight)
        self.n = np.asarray(self.shown.sum(axis=0), dtype=np.float64).ravel()
        self.k = np.asarray(self.right.sum(axis=0), dtype=np.float64).ravel()

    def split(self, x: Floats) -> tuple[Floats, Floats]:
        """Intercepts and slopes of a parameter vector."""
        c, a = x[: self.items], x[self.items :]
        return c, np.full(self.items, a[0]) if self.model == "rasch" else a

    def e_step(self, c: Floats, a: Floats) -> tuple[float, Floats, Floats]:
        """Log-likelihood, posterior of each person over the nodes, probability of each item at each node."""
        z = a[:, None] * self.theta + c[:, None]
        # log P = log Q + z, so that a right answer adds z to what every answer shown adds
        log_likelihood = self.shown @ -np.logaddexp(0, z) + self.right @ z + self.log_weight
        marginal = logsumexp(log_likelihood, axis=1)
        return float(marginal.sum()), np.exp(log_likelihood - marginal[:, None]), expit(z)

    def penalty(self, c: Floats, a: Floats) -> tuple[float, Floats, Floats]:
        """Log prior density (up to a constant) and its gradient by intercept and slope."""
        if not self.prior:
            return 0.0, np.zeros_like(c), np.zeros_like(a)
        dc, da = c / PRIOR_C_SD**2, (a - PRIOR_A) / PRIOR_A_SD**2
        if self.model == "rasch":
            da = da / self.items
        return -0.5 * float((dc * c).sum() + (da * (a - PRIOR_A)).sum()), -dc, -da

    def downhill(self, x: Floats) -> tuple[float, Floats]:
        """Minus the log-likelihood and its gradient."""
        c, a = self.split(x)
        value, posterior, p = self.e_step(c, a)
        off = (
            self.right_t @ posterior - (self.shown_t @ posterior) * p
        )  # observed less expected, by item and node
        extra, extra_c, extra_a = self.penalty(c, a)
        by_c, by_a = off.sum(axis=1) + extra_c, off @ self.theta + extra_a
        return -(value + extra), -np.concatenate([by_c, [by_a.sum()] if self.model == "rasch" else by_a])

    def covariance(self, c: Floats, a: Floats) -> tuple[Floats, Floats, Floats]:
        """Variance of intercept, of slope, and their covariance, by item, from the observed information (Louis 1982).

        Observed information = expected information of the complete data − covariance of the complete-data score over each
        person's posterior.
        """
        _value, posterior, p = self.e_step(c, a)
        theta, j = self.theta, self.items
        whole = j <= EXACT_SE_ITEMS or (self.model == "rasch" and j <= 2 * EXACT_SE_ITEMS)
        spread = (self.shown_t @ posterior) * p * (1 - p)
        complete = [spread.sum(axis=1), spread @ theta, spread @ theta**2]  # cc, ca, aa
        # score of person p on item i at node q is (x − P_iq)(1, θ_q); its posterior mean, sparse as the answers are
        rows, cols = self.shown.nonzero()
        x = np.asarray(self.right[rows, cols]).ravel()
        mean_c = np.zeros(len(x))
        mean_a = np.zeros(len(x))
        blocks = [np.zeros((j, j)) if whole else np.zeros(j) for _ in range(3)]
        for q, t in enumerate(theta):
            h = posterior[rows, q]
            s = x - p[cols, q]
            mean_c += h * s
            mean_a += h * s * t
            if whole:
                table = sparse.csr_array((np.sqrt(h) * s, (rows, cols)), shape=self.shown.shape)
                product = (table.T @ table).toarray()
            else:
                product = np.bincount(cols, h * s * s, j)
            for k in range(3):
                blocks[k] += product * t**k
        if whole:
            mc, ma = (sparse.csr_array((m, (rows, cols)), shape=self.shown.shape) for m in (mean_c, mean_a))
            means = [(u.T @ v).toarray() for u, v in ((mc, mc), (mc, ma), (ma, ma))]
            cc, ca, aa = (np.diag(f) - b + m for f, b, m in zip(complete, blocks, means, strict=True))
        else:
            products = (mean_c * mean_c, mean_c * mean_a, mean_a * mean_a)
            cc, ca, aa = (
                f - b + np.bincount(cols, m, j) for f, b, m in zip(complete, blocks, products, strict=True)
            )
        return self._inverted(cc, ca, aa, whole)

    def _inverted(self, cc: Floats, ca: Floats, aa: Floats, whole: bool) -> tuple[Floats, Floats, Floats]:
        j = self.items
        rasch = self.model == "rasch"
        extra_c, extra_a = (1 / PRIOR_C_SD**2, 1 / PRIOR_A_SD**2) if self.prior else (0.0, 0.0)
        if not whole:
            cc, aa = cc + extra_c, aa + extra_a
            det = cc * aa - ca**2
            return aa / det, cc / det, -ca / det
        by_slope = [ca.sum(axis=1, keepdims=True), np.array([[aa.sum()]])] if rasch else [ca, aa]
        info = np.block([[cc, by_slope[0]], [by_slope[0].T, by_slope[1]]])
        own = np.arange(len(info))
        info[own, own] += np.where(own < j, extra_c, extra_a)
        inverse = np.linalg.pinv(info, hermitian=True) if not self.prior else np.linalg.inv(info)
        i = np.arange(j)
        at = np.full(j, j) if rasch else i + j
        return inverse[i, i], inverse[at, at], inverse[i, at]


def fit(answers: Answers, model: Model = "2pl", *, prior: bool = False, quadrature: int = NODES) -> Fit:
    """Fit a model to right and wrong (full marks or not).

    Without ``prior`` it is plain maximum likelihood; items without answers, and those that all or none got right (whose
    difficulty would be infinite), come back as NaN. With ``prior`` weak priors keep every answered item finite; the
    log-likelihood given is without them. Raises ``ValueError`` when nothing can be estimated.
    """
    n = np.bincount(answers.item, minlength=answers.items).astype(np.float64)
    k = np.bincount(answers.item, answers.right, answers.items)
    good = (n > 0) if prior else (k > 0) & (k < n)
    if not good.any():
        raise ValueError("no item can be estimated")
    number = np.full(answers.items, -1, dtype=np.int64)
    number[good] = np.arange(int(good.sum()))
    rows = good[answers.item]
    part = Answers(
        answers.person[rows], number[answers.item[rows]], answers.marks[rows], answers.full[rows],
        answers.persons, int(good.sum()), np.arange(int(good.sum())), np.zeros(int(good.sum()), dtype=np.int64),
    )  # fmt: skip
    problem = _Marginal(part, model, prior, quadrature)
    j = part.items
    slopes = 1 if model == "rasch" else j
    p = (problem.k + 0.5) / (problem.n + 1)
    start = np.concatenate(
        [1.16 * np.log(p / (1 - p)), np.ones(slopes)]
    )  # c of a = 1 given the facility, about
    # parameters on the scale of their errors, so that one step fits all
    weight = problem.n * p * (1 - p) + (1 / PRIOR_C_SD**2 if prior else 0)
    size = 1 / np.sqrt(np.concatenate([weight, [weight.sum()] if model == "rasch" else weight]))

    def scaled(y: Floats) -> tuple[float, Floats]:
        value, slope = problem.downhill(y * size)
        return value, slope * size

    done = optimize.minimize(
        scaled,
        start / size,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 500, "maxfun": 1000, "maxcor": 20, "ftol": 1e-15, "gtol": 1e-5},
    )
    c, a = problem.split(np.asarray(done.x) * size)
    if (model == "rasch" and a[0] < 0) or (model == "2pl" and a.sum() < 0):
        a = -a  # the scale turned over: the same likelihood
    value, posterior, prob = problem.e_step(c, a)
    var_c, var_a, cov = problem.covariance(c, a)
    b = -c / a
    with np.errstate(invalid="ignore"):
        # delta method: b = −c ÷ a
        se_b = np.sqrt((var_c + 2 * b * cov + b**2 * var_a) / a**2)
        se_a = np.sqrt(var_a)
    infit, outfit = _fit_statistics(problem, posterior, prob)

    def everywhere(values: Floats) -> Floats:
        full = np.full(answers.items, np.nan)
        full[good] = values
        return full

    return Fit(
        model, n, everywhere(a), everywhere(b), everywhere(se_a), everywhere(se_b), everywhere(infit), everywhere(outfit),
        value, j + slopes, problem.persons, bool(done.success),
    )  # fmt: skip


def _fit_statistics(problem: _Marginal, posterior: Floats, p: Floats) -> tuple[Floats, Floats]:
    """Infit and outfit, averaged over each person's posterior rather than taken at a point estimate.

    So their expectation under the model is 1 for short and long, same and differing forms alike (Adams & Wu 2007, as in
    ConQuest and TAM). S-X² (Orlando & Thissen 2000) needs number-right scores on one common form, which random forms lack.
    """
    right, shown = problem.right_t @ posterior, problem.shown_t @ posterior
    q = 1 - p
    infit = (right * q**2 + (shown - right) * p**2).sum(axis=1) / (shown * p * q).sum(axis=1)
    outfit = (right * q / p + (shown - right) * p / q).sum(axis=1) / problem.n
    return infit, outfit


def abilities(answers: Answers, a: Floats, b: Floats, quadrature: int = NODES) -> tuple[Floats, Floats]:
    """EAP ability of each person and its posterior standard deviation, with known items (NaN ones are left out).

    Somebody without a usable answer gets NaN.
    """
    known = ~np.isnan(a) & ~np.isnan(b)
    usable = answers.pick(known[answers.item])
    theta, weight = nodes(quadrature)
    slope, intercept = np.where(known, a, 0.0), np.where(known, -a * b, 0.0)
    z = slope[:, None] * theta + intercept[:, None]
    table = usable.table(np.ones(len(usable.item)))
    log = table @ -np.logaddexp(0, z) + usable.table(usable.right) @ z + np.log(weight)
    posterior = np.exp(log - logsumexp(log, axis=1, keepdims=True))
    mean = posterior @ theta
    sd = np.sqrt(np.maximum(posterior @ theta**2 - mean**2, 0))
    nobody = np.bincount(usable.person, minlength=answers.persons) == 0
    mean[nobody] = sd[nobody] = np.nan
    return mean, sd
