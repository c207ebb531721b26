# SPDX-License-Identifier: LGPL-2.1-or-later

"""Write the minutes of our meeting as a Word document, with the decisions as a table."""

import io
import xml.etree.ElementTree as ElementTree
import zipfile

CODE = """
from docx import Document

minutes = Document()
minutes.core_properties.title = "Minutes"
minutes.add_heading("Minutes of 29 November", level=1)
minutes.add_paragraph("Present: Zoë, Jürgen and 王芳.")
table = minutes.add_table(rows=1, cols=3, style="Table Grid")
for cell, text in zip(table.rows[0].cells, ("What", "Who", "Until")):
    cell.text = text
for row in [("Order the oak", "Zoë", "1 December"), ("Call the bank", "Jürgen", "3 December")]:
    for cell, text in zip(table.add_row().cells, row):
        cell.text = text
minutes.save("minutes.docx")
"""

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def text_of(element):
    return "".join(t.text for t in element.iter(W + "t"))


def task(agent):
    done = agent.run("python", CODE, collect=["minutes.docx"])
    done.good()
    file = zipfile.ZipFile(io.BytesIO(done.files["minutes.docx"]))
    assert file.testzip() is None
    body = ElementTree.fromstring(file.read("word/document.xml")).find(W + "body")
    assert [text_of(p) for p in body.findall(W + "p")] == [
        "Minutes of 29 November", "Present: Zoë, Jürgen and 王芳."]
    (table,) = body.findall(W + "tbl")
    assert [[text_of(cell) for cell in row.findall(W + "tc")] for row in table.findall(W + "tr")] == [
        ["What", "Who", "Until"], ["Order the oak", "Zoë", "1 December"],
        ["Call the bank", "Jürgen", "3 December"]]
