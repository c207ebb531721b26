# SPDX-License-Identifier: LGPL-2.1-or-later

"""Let us look at this data together, question after question: what is loaded stays loaded."""

from png import Picture

DATA = "city,year,people\n" + "".join(
    f"{city},{year},{start + growth * (year - 2000)}\n"
    for city, start, growth in (("Aachen", 240_000, 500), ("Bonn", 310_000, -200))
    for year in range(2000, 2020))


def task(agent):
    sandbox = agent.open("python", files={"cities.csv": DATA})
    first = sandbox.code("import pandas as pd\ncities = pd.read_csv('cities.csv')\ncities.head(3)")
    assert first.result["state"] == "kept"
    (shown,) = first.results
    assert "Aachen" in shown["text/plain"] and "<table" in shown["text/html"]
    # A mistake costs nothing: the error is named, and all is still there.
    wrong = sandbox.code("cities.groupby('town').people.sum()")
    assert (wrong.status, wrong.exit_code, wrong.error["name"]) == ("exited", 1, "KeyError")
    assert "town" in wrong.error["value"] and wrong.result["state"] == "kept"
    growth = sandbox.code("growth = cities.groupby('city').people.agg(lambda p: p.iloc[-1] - "
                          "p.iloc[0])\nprint(len(cities))\ngrowth.to_dict()")
    assert growth.good() == "40\n"
    assert growth.value == "{'Aachen': 9500, 'Bonn': -3800}"
    plot = sandbox.code(
        "import matplotlib.pyplot as plt\n"
        "growth.plot.barh(color=['#00ff00' if g > 0 else '#ff0000' for g in growth], "
        "figsize=(3, 2))\nplt.show()")
    plot.good()
    picture = Picture(plot.pictures[0])
    # The bars are as long as the numbers say.
    green, red = picture.share((0, 255, 0)), picture.share((255, 0, 0))
    assert abs(green / red - 9500 / 3800) < 0.15
    last = sandbox.code("growth.idxmin()")
    assert last.value == "'Bonn'"
