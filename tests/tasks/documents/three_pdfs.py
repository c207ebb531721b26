# SPDX-License-Identifier: LGPL-2.1-or-later

"""Three suppliers sent their invoices as PDF, each from another program. Make one table of them."""

import csv
import io
import pathlib

# Made by ReportLab, WeasyPrint and groff; they differ in where they put what, and in how they write
# a number.
INVOICES = pathlib.Path(__file__).parent / "invoices"

CODE = r"""
import csv, glob, re, subprocess

LINE = re.compile(r"^(\d+)\s+(.+?)\s+(\d+)\s*(?:x|×)?\s+([\d.,]+)(?:\s*EUR)?$")
rows = []
for path in sorted(glob.glob("*.pdf")):
    text = subprocess.check_output(["pdftotext", "-layout", path, "-"], text=True)
    number = re.search(r"Invoice\s+(?:No\.?|number:?|#)?\s*([A-Z0-9-]+)", text)[1]
    for line in text.splitlines():
        match = LINE.match(line.strip())
        if match:
            position, article, count, price = match.groups()
            rows.append([number, int(position), article, int(count), price.replace(",", ".")])
rows.sort()
with open("invoices.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["invoice", "position", "article", "count", "price"])
    writer.writerows(rows)
print(len(rows), "positions of", len({row[0] for row in rows}), "invoices")
print(f"{sum(row[3] * float(row[4]) for row in rows):.2f}")
"""


def task(agent):
    files = {path.name: path.read_bytes() for path in INVOICES.glob("*.pdf")}
    assert len(files) == 3
    done = agent.run("python", CODE, files=files, collect=["invoices.csv"])
    assert done.good() == "7 positions of 3 invoices\n403.80\n"
    rows = list(csv.reader(io.StringIO(done.files["invoices.csv"].decode())))
    assert rows[1:] == [
        ["A-1001", "1", "Copper wire, 1 mm", "10", "4.20"],
        ["A-1001", "2", "Cable ties", "200", "0.05"],
        ["A-1001", "3", "Junction box", "4", "12.50"],
        ["B-77", "1", "Oak board", "6", "31.00"],
        ["B-77", "2", "Wood screws", "3", "5.60"],
        ["C2025-9", "1", "Paint, white", "2", "24.50"],
        ["C2025-9", "2", "Brush Größe 4", "5", "10.00"],
    ]
