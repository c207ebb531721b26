# SPDX-License-Identifier: LGPL-2.1-or-later

"""I need the monthly figures as an Excel file: numbers as numbers, totals as formulas, and a chart
that Excel itself draws."""

import io
import xml.etree.ElementTree as ElementTree
import zipfile

CODE = """
import xlsxwriter

book = xlsxwriter.Workbook("figures.xlsx")
sheet = book.add_worksheet("2025")
bold, money = book.add_format({"bold": True}), book.add_format({"num_format": "#,##0.00 €"})
sheet.write_row(0, 0, ["Month", "Revenue"], bold)
for i, revenue in enumerate([1200.5, 900, 1450.25], 1):
    sheet.write(i, 0, f"2025-{i:02}")
    sheet.write(i, 1, revenue, money)
sheet.write_formula(4, 1, "=SUM(B2:B4)", money, 3550.75)
chart = book.add_chart({"type": "column"})
chart.add_series({"name": "Revenue", "categories": "='2025'!$A$2:$A$4",
                  "values": "='2025'!$B$2:$B$4"})
chart.set_title({"name": "Revenue of 2025"})
sheet.insert_chart("D2", chart)
book.close()

from openpyxl import load_workbook
back = load_workbook("figures.xlsx", data_only=True)["2025"]
print([cell.value for cell in back["B"]])
"""


def task(agent):
    done = agent.run("python", CODE, collect=["figures.xlsx"])
    assert done.good() == "['Revenue', 1200.5, 900, 1450.25, 3550.75]\n"
    book = zipfile.ZipFile(io.BytesIO(done.files["figures.xlsx"]))
    assert book.testzip() is None
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>SUM(B2:B4)</f>" in sheet
    chart = ElementTree.fromstring(book.read("xl/charts/chart1.xml"))
    words = [text for element in chart.iter() if (text := (element.text or "").strip())]
    assert "Revenue of 2025" in words
    assert "'2025'!$B$2:$B$4" in words
