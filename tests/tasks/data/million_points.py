# SPDX-License-Identifier: LGPL-2.1-or-later

"""Show me a million points of this distribution. The picture is wanted in the conversation, not as a
file."""

from png import Picture

CODE = """
import numpy as np
import matplotlib.pyplot as plt

random = np.random.default_rng(7)
x, y = random.standard_normal((2, 1_000_000))
print(f"{x.size:,} points, deviation {x.std():.2f}")
figure = plt.figure(figsize=(3, 3), dpi=100)
axes = figure.add_axes((0, 0, 1, 1), xlim=(-6, 6), ylim=(-6, 6))
axes.axis("off")
axes.plot(x, y, ",", color="black")
"""


def task(agent):
    done = agent.run("python", CODE)
    assert "1,000,000 points, deviation 1.00" in done.good()
    # The figure that was left open, without a call to show it.
    picture = Picture(done.pictures[-1])
    assert picture.width >= 200
    middle, edge = picture.width // 2, picture.width // 20
    assert picture.share((0, 0, 0), (middle - 20, middle - 20, middle + 20, middle + 20)) > 0.95
    assert picture.share((255, 255, 255), (0, 0, edge, edge)) == 1
