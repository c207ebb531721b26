# SPDX-License-Identifier: LGPL-2.1-or-later

"""Turn these notes in Markdown into a Word document and a PDF."""

import io
import zipfile

NOTES = """---
title: The harbour
---

# History

The harbour was **dug** in 1843; *not* in 1834.

| Year | Ships |
|------|------:|
| 1850 |   120 |
| 1900 |  3400 |

# Today

- Ferries: naïve plans, 12 € a ride
- Fish
"""


def task(agent):
    sandbox = agent.open("shell", files={"notes.md": NOTES})
    sandbox.code("pandoc --output=notes.docx notes.md").good()
    sandbox.code("pandoc --output=notes.pdf --pdf-engine=weasyprint notes.md").good()
    document = zipfile.ZipFile(io.BytesIO(sandbox.get("notes.docx"))).read("word/document.xml")
    for part in ("The harbour", "History", "3400", "naïve plans, 12 €", "<w:tbl>", "<w:b />"):
        assert part in document.decode()
    pdf = sandbox.get("notes.pdf")
    assert pdf.startswith(b"%PDF-")
    # What a reader of the PDF sees, by the profile that has the tools for it.
    seen = agent.run("python", argv=["pdftotext", "-layout", "notes.pdf", "-"],
                     files={"notes.pdf": pdf}).good()
    for part in ("The harbour", "dug in 1843; not in 1834", "Ferries: naïve plans, 12 € a ride"):
        assert part in seen
    assert ["1900", "3400"] in [line.split() for line in seen.splitlines()]
