# SPDX-License-Identifier: LGPL-2.1-or-later

"""Fit an exponential decay to these measurements and tell me the half-life with its error."""

import json
import math
import random

CODE = """
import json
import numpy as np
from scipy.optimize import curve_fit

t, y = np.loadtxt("decay.csv", delimiter=",", skiprows=1, unpack=True)

def decay(t, start, rate, background):
    return start * np.exp(-rate * t) + background

best, covariance = curve_fit(decay, t, y, p0=(y.max(), 0.1, y.min()))
rate, error = best[1], np.sqrt(covariance[1, 1])
half = np.log(2) / rate
json.dump({"half_life": half, "error": half * error / rate, "background": best[2]},
          open("fit.json", "w"))
print(f"half-life {half:.2f} s")
"""


def measurements():
    noise = random.Random(1)
    lines = ["t,y"]
    for i in range(400):
        y = 1000 * math.exp(-math.log(2) / 5.0 * i / 10) + 20 + noise.gauss(0, 5)
        lines.append(f"{i / 10},{y:.3f}")
    return "\n".join(lines) + "\n"


def task(agent):
    done = agent.run("python", CODE, files={"decay.csv": measurements()}, collect=["fit.json"])
    assert done.good().startswith("half-life ")
    fit = json.loads(done.files["fit.json"])
    assert 0 < fit["error"] < 0.1
    assert abs(fit["half_life"] - 5) < 4 * fit["error"]
    assert abs(fit["background"] - 20) < 2
