# SPDX-License-Identifier: LGPL-2.1-or-later

"""Here are our sales as CSV. Sum them by region and quarter, and give me a bar chart of the regions as
PNG."""

import csv
import io

from png import Picture

REGIONS = {"North": 100, "South": 250, "West": 400}


def sales():
    lines = ["date,region,units,price"]
    for month in range(1, 13):
        for region, units in REGIONS.items():
            lines.append(f"2025-{month:02}-15,{region},{units + month},1.50")
    return "\n".join(lines) + "\n"


CODE = """
import pandas as pd
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt

sales = pd.read_csv("sales.csv", parse_dates=["date"])
sales["revenue"] = sales.units * sales.price
sales["quarter"] = "Q" + sales.date.dt.quarter.astype(str)
table = sales.pivot_table(index="region", columns="quarter", values="revenue", aggfunc="sum")
table.to_csv("table.csv")
print(table.to_string())

figure, axes = plt.subplots(figsize=(4, 3), dpi=100)
table.sum(axis=1).plot.bar(ax=axes, color=["#ff0000", "#00ff00", "#0000ff"])
figure.savefig("chart.png")
"""


def task(agent):
    done = agent.run("python", CODE, files={"sales.csv": sales()}, collect=["table.csv", "*.png"])
    printed = done.good()
    assert all(region in printed for region in REGIONS)
    table = {row["region"]: row for row in csv.DictReader(io.StringIO(
        done.files["table.csv"].decode()))}
    # Three months of North: 101 + 102 + 103 units at 1.50.
    assert float(table["North"]["Q1"]) == 306 * 1.5
    assert float(table["West"]["Q4"]) == (3 * 400 + 33) * 1.5
    chart = Picture(done.files["chart.png"])
    assert (chart.width, chart.height) == (400, 300)
    red, green, blue = (chart.share(c) for c in ((255, 0, 0), (0, 255, 0), (0, 0, 255)))
    # The areas of the bars are as the sums: 1278, 3078, 4878.
    assert 0.01 < red < green < blue
    assert abs(blue / red - 4878 / 1278) < 0.2
