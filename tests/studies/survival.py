"""Conversion rates of invented cohorts by lifelines and statsmodels, for tests/rates.rs:

    python3 -m venv /tmp/v && /tmp/v/bin/pip install lifelines statsmodels
    /tmp/v/bin/python tests/studies/survival.py > tests/studies/survival.json

Each entrant is [days it was seen, end, lag of the end]. Kaplan-Meier with Greenwood's variance is lifelines';
the cumulative incidence with competing losses is statsmodels' CumIncidenceRight, which leaves ties as they
are, where lifelines would scatter them. The variance of the latter is the delta method's (Gaynor and others
1993), written out with numpy: statsmodels has another one. Intervals are statsmodels' Wilson.
"""

import json
import sys

import lifelines
import numpy
import statsmodels
from lifelines import KaplanMeierFitter
from statsmodels.duration.survfunc import CumIncidenceRight
from statsmodels.stats.proportion import proportion_confint


def cohort(seed, size, rate, loss, seen_max, lag_mean):
    chance = numpy.random.default_rng(seed)
    rows = []
    for _ in range(size):
        seen = int(chance.integers(0, seen_max))
        won, lag = chance.random() < rate, int(chance.exponential(lag_mean))
        lost, loss_lag = chance.random() < loss, int(chance.exponential(2 * lag_mean))
        end, at = ("won", lag) if won else ("lost", loss_lag) if lost else ("waiting", seen)
        rows.append([seen, end, at] if at <= seen else [seen, "waiting", 0])
    return rows


def incidence(rows, window):
    """F(window) and its variance, by counting processes."""
    times = numpy.array([at if end != "waiting" else seen for seen, end, at in rows])
    won = numpy.array([end == "won" for _, end, _ in rows])
    ended = numpy.array([end != "waiting" for _, end, _ in rows])
    steps, survival, total = [], 1.0, 0.0
    for day in sorted(set(times[ended & (times <= window)])):
        at_risk = int((times >= day).sum())
        wins, ends = int((won & (times == day)).sum()), int((ended & (times == day)).sum())
        total += survival * wins / at_risk
        steps.append((at_risk, wins, ends, survival, total))
        survival *= 1 - ends / at_risk
    variance = 0.0
    for at_risk, wins, ends, before, by in steps:
        if at_risk > ends:
            variance += (total - by) ** 2 * ends / (at_risk * (at_risk - ends))
        variance += before ** 2 * (at_risk - wins) * wins / at_risk ** 3
        variance -= 2 * (total - by) * before * wins / at_risk ** 2
    return total, variance


def expected(rows, window):
    times = [at if end != "waiting" else seen for seen, end, at in rows]
    total, variance = incidence(rows, window)
    if any(end == "lost" for _, end, _ in rows):
        codes = {"waiting": 0, "won": 1, "lost": 2}
        found = CumIncidenceRight(numpy.array(times) + 1, numpy.array([codes[end] for _, end, _ in rows]))
        rate = float(found.cinc[0][numpy.searchsorted(found.times, window + 1, side="right") - 1])
    else:
        fit = KaplanMeierFitter().fit(times, [end == "won" for _, end, _ in rows])
        rate = 1 - float(fit.predict(window))
        # Greenwood's sum, as lifelines keeps it for its own intervals.
        greenwood = float(fit._cumulative_sq_.loc[:window].iloc[-1])
        assert abs(variance - (1 - rate) ** 2 * greenwood) < 1e-12, (variance, rate, greenwood)
    assert abs(rate - total) < 1e-12, (rate, total)
    size = min(len(rows), rate * (1 - rate) / variance)
    low, high = proportion_confint(rate * size, size, method="wilson")
    return {"window": window, "rate": rate, "size": size, "low": float(low), "high": float(high)}


cases = []
for seed, (size, rate, loss, seen, lag) in enumerate([
        (40, 0.3, 0.0, 200, 20), (40, 0.3, 0.5, 200, 20), (400, 0.15, 0.0, 120, 30),
        (400, 0.15, 0.6, 120, 30), (25, 0.6, 0.3, 90, 10), (1000, 0.3, 0.4, 400, 60)]):
    rows = cohort(seed, size, rate, loss, seen, lag)
    cases.append({"entrants": rows, "expected": [expected(rows, window) for window in (14, 30, 60)]})
versions = {"lifelines": lifelines.__version__, "statsmodels": statsmodels.__version__,
            "numpy": numpy.__version__, "python": sys.version.split()[0]}
json.dump({"versions": versions, "cases": cases}, sys.stdout)
print()
