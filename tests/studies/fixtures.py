"""The figures that unit tests are held against, from scipy; prints its version with them:

    python3 -m venv /tmp/v && /tmp/v/bin/pip install scipy && /tmp/v/bin/python tests/studies/fixtures.py
"""

import numpy
import scipy
from scipy.optimize import minimize
from scipy.special import betaln
from scipy.stats import nbinom, norm, poisson


def prior(rows):
    """src/rates/smooth.rs: the likeliest beta prior, as mean and strength."""
    x, n = numpy.array(rows, float).T

    def loss(parameters):
        mean, strength = 1 / (1 + numpy.exp(-parameters[0])), numpy.exp(parameters[1])
        a, b = strength * mean, strength * (1 - mean)
        return -numpy.sum(betaln(x + a, n - x + b) - betaln(a, b))

    found = min((minimize(loss, [-1.5, start], method="Nelder-Mead",
                          options={"xatol": 1e-12, "fatol": 1e-14, "maxiter": 20000})
                 for start in (0.5, 2, 4, 7)), key=lambda one: one.fun)
    return 1 / (1 + numpy.exp(-found.x[0])), numpy.exp(found.x[1])


def boundaries(expected, dispersion, side, alpha=0.05, points=3000):
    """src/pacing/evidence.rs: the boundaries of each look, by convolution."""
    def law(mean):
        k = numpy.arange(points)
        return poisson.pmf(k, mean) if dispersion <= 1 else nbinom.pmf(
            k, mean / (dispersion - 1), 1 / dispersion)

    spent = lambda t: 2 - 2 * norm.cdf(norm.ppf(1 - alpha / 2) / numpy.sqrt(min(t, 1)))
    going_on, before, crossed, found = numpy.eye(1, points)[0], 0, 0, []
    for by in expected:
        if by < 5:
            found.append(None)
            continue
        going_on, before = numpy.convolve(going_on, law(by - before))[:points], by
        left, taken, boundary = spent(by / expected[-1]) - crossed, 0, None
        for at in range(points) if side == "below" else range(points - 1, -1, -1):
            if taken + going_on[at] > left:
                break
            taken, boundary = taken + going_on[at], at
        if boundary is not None:
            going_on[slice(0, boundary + 1) if side == "below" else slice(boundary, None)] = 0
        crossed += taken
        found.append(boundary)
    return found


print("scipy", scipy.__version__, "numpy", numpy.__version__)
print("prior", *prior([(3, 20), (30, 100), (1.5, 4.25), (12, 90), (0, 7)]))
june = [44 * (80 + 0.2) / 321 * week for week in (1, 2, 3)]
print("June by its history", *(boundaries(june, 1.125, side) for side in ("below", "above")))
print("June, linear", boundaries([10, 20, 30], 2, "below"))
print("June, back-loaded", boundaries([4.5, 10.6, 18.8], 2, "below"))
last = boundaries([1500 * week / 13 for week in range(1, 13)], 1, "below")[-1]
print("1,500 events, last boundary", last, (last + 0.5 - 1500 * 12 / 13) / (1500 * 12 / 13) ** 0.5)
