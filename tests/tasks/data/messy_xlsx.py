# SPDX-License-Identifier: LGPL-2.1-or-later

"""Somebody's spreadsheet of participants is a mess: a title above the header, blank lines, names twice,
dates in three ways, amounts with a currency sign. I need a clean CSV."""

import csv
import io

MAKE = """
from datetime import datetime
from openpyxl import Workbook

book = Workbook()
sheet = book.active
sheet.title = "Participants 2025"
for row in [
    ["List of participants (final!!)", None, None, None],
    [None, None, None, None],
    [" Name ", "E-Mail", "registered", "Paid"],
    ["Ada Lovelace", "ADA@example.org", datetime(2025, 3, 1), "€ 1.200,50"],
    ["  grace hopper ", "grace@example.org ", "02.03.2025", 80],
    [None, None, None, None],
    ["Ada Lovelace", "ada@example.org", "2025-03-01", "€ 1.200,50"],
    ["Tim O'Reilly", "tim@example.org", "2025/03/04", "n/a"],
    ["TOTAL", None, None, "=SUM(D4:D8)"],
]:
    sheet.append(row)
sheet.merge_cells("A1:D1")
book.save("participants.xlsx")
"""

CLEAN = """
import re
import pandas as pd

raw = pd.read_excel("participants.xlsx", header=None)
header = raw.index[raw[1].astype(str).str.contains("mail", case=False)][0]
table = raw.iloc[header + 1:].copy()
table.columns = [str(c).strip().lower().replace("-", "") for c in raw.iloc[header]]
table = table[table.email.notna()]
table["name"] = table.name.str.strip().str.title()
table["email"] = table.email.str.strip().str.lower()

def date(value):
    value = str(value)
    match = re.fullmatch(r"(\\d\\d)\\.(\\d\\d)\\.(\\d{4})", value)
    return f"{match[3]}-{match[2]}-{match[1]}" if match else str(pd.Timestamp(value).date())

def amount(value):
    text = re.sub(r"[^0-9.,]", "", str(value))
    if "," in text:
        text = text.replace(".", "").replace(",", ".")
    return float(text) if text else None

table["registered"] = table.registered.map(date)
table["paid"] = table.paid.map(amount)
table = table.drop_duplicates("email")
table.to_csv("participants.csv", index=False)
print(len(table), "participants")
"""


def task(agent):
    sandbox = agent.open("python")
    sandbox.code(MAKE).good()
    assert sandbox.code(CLEAN).good() == "3 participants\n"
    rows = list(csv.DictReader(io.StringIO(sandbox.get("participants.csv").decode())))
    assert rows == [
        {"name": "Ada Lovelace", "email": "ada@example.org", "registered": "2025-03-01",
         "paid": "1200.5"},
        {"name": "Grace Hopper", "email": "grace@example.org", "registered": "2025-03-02",
         "paid": "80.0"},
        {"name": "Tim O'Reilly", "email": "tim@example.org", "registered": "2025-03-04",
         "paid": ""},
    ]
