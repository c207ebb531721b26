# SPDX-License-Identifier: LGPL-2.1-or-later

"""Make a PDF report of two pages with a table and page numbers, and check that it can be read."""

import re

CODE = """
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Table

def number(canvas, document):
    canvas.drawRightString(A4[0] - 50, 30, f"page {document.page}")

style = getSampleStyleSheet()
rows = [["Station", "Rain in mm"]] + [[f"Station {i}", f"{i * 3.5:.1f}"] for i in range(1, 9)]
SimpleDocTemplate("report.pdf", pagesize=A4, title="Rain", author="An agent").build(
    [Paragraph("Rain in November", style["Title"]), Table(rows), PageBreak(),
     Paragraph("The driest station was Station 1.", style["BodyText"])],
    onFirstPage=number, onLaterPages=number)

from pypdf import PdfReader
reader = PdfReader("report.pdf")
print(len(reader.pages), reader.metadata.title)
"""


def task(agent):
    sandbox = agent.open("python")
    assert sandbox.code(CODE).good() == "2 Rain\n"
    assert sandbox.get("report.pdf").startswith(b"%PDF-")
    # Read back by another program than any that had a part in it.
    pages = sandbox.argv("pdftotext", "-layout", "report.pdf", "-").good().split("\f")
    assert "Rain in November" in pages[0] and "page 1" in pages[0]
    assert dict(re.findall(r"(Station \d+) +([\d.]+)\n", pages[0])) == {
        f"Station {i}": f"{i * 3.5:.1f}" for i in range(1, 9)}
    assert "The driest station was Station 1." in pages[1] and "page 2" in pages[1]
    assert "A4" in sandbox.argv("pdfinfo", "report.pdf").good()
