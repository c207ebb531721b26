# SPDX-License-Identifier: LGPL-2.1-or-later

"""Print this page to PDF, with the total that its script works out."""

PAGE = """<!doctype html><meta charset="utf-8"><title>Bill 2025-11</title>
<style>@page { size: A5; margin: 1cm } @media screen { .print { display: none } }
section + section { break-before: page }</style>
<section><h1>Bill</h1><table>
<tr><td>Copper wire<td class="price">42.00</tr><tr><td>Junction box<td class="price">50.00</tr>
</table><p>Total: <b id="total"></b></p><p class="print">printed, not shown</p></section>
<section>Terms: Größe &amp; Maß</section>
<script>total.textContent = [...document.querySelectorAll(".price")]
    .reduce((sum, cell) => sum + Number(cell.textContent), 0).toFixed(2) + " €";</script>"""

CODE = """
const { chromium } = require("playwright-core");
const browser = await chromium.launch();
const page = await browser.newPage();
await page.goto("file:///work/bill.html");
await page.pdf({ path: "bill.pdf", preferCSSPageSize: true });
console.log(await page.title());
await browser.close();
"""


def task(agent):
    done = agent.run("browser", CODE, files={"bill.html": PAGE}, collect=["*.pdf"])
    assert done.good() == "Bill 2025-11\n"
    pdf = done.files["bill.pdf"]
    assert pdf.startswith(b"%PDF-")
    sandbox = agent.open("python", files={"bill.pdf": pdf})
    first, second, _ = sandbox.argv("pdftotext", "-layout", "bill.pdf", "-").good().split("\f")
    for part in ("Bill", "Copper wire", "Total: 92.00 €", "printed, not shown"):
        assert part in first
    assert second.strip() == "Terms: Größe & Maß"
    assert "(A5)" in sandbox.argv("pdfinfo", "bill.pdf").good() or "419" in agent.done[-1].out
