# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the profile `python` promises: each module is there, says nothing while it is imported, and does a
small thing. Run by `cloche images --check python`, as any user's code. Another module is another function
that begins with check_."""

import os
import sys
import traceback
import warnings

warnings.simplefilter("error")


def check_standard_library():
    import ctypes, decimal, hashlib, json, lzma, sqlite3, ssl, venv, zlib  # noqa: F401
    database = sqlite3.connect(":memory:")
    assert database.execute("select sum(value) from json_each('[1,2,3]')").fetchone() == (6,)


def check_numpy():
    import numpy
    assert numpy.allclose(numpy.linalg.inv([[2.0, 0], [0, 4]]), [[0.5, 0], [0, 0.25]])


def check_pandas():
    import pandas
    frame = pandas.DataFrame({"day": pandas.to_datetime(["2026-01-31", "2026-02-01"]), "n": [1, 2]})
    frame.to_csv("check.csv", index=False)
    back = pandas.read_csv("check.csv", parse_dates=["day"])
    assert back.groupby(back.day.dt.month).n.sum().tolist() == [1, 2]


def check_openpyxl():
    import openpyxl, pandas  # noqa: F401
    pandas.DataFrame({"a": [1, 2]}).to_excel("check.xlsx", index=False)
    assert [cell.value for cell in openpyxl.load_workbook("check.xlsx").active["A"]] == ["a", 1, 2]


def check_matplotlib():
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    pyplot.plot([1, 3, 2])
    pyplot.title("é")
    pyplot.savefig("check.png")
    with open("check.png", "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


def check_pip():
    import pip  # noqa: F401


def check_work_is_ours_and_the_rest_is_not():
    assert os.getcwd() == "/work" and os.access("/work", os.W_OK) and os.access("/tmp", os.W_OK)
    assert not os.access("/usr", os.W_OK)


failed = 0
for name, check in list(globals().items()):
    if name.startswith("check_"):
        try:
            check()
        except BaseException:
            failed += 1
            print(f"{name}:", file=sys.stderr)
            traceback.print_exc()
sys.exit(failed > 0)
