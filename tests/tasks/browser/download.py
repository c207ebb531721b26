# SPDX-License-Identifier: LGPL-2.1-or-later

"""Download the export of this page, which it makes itself when one clicks, and give me the file."""

PAGE = """<!doctype html><meta charset="utf-8"><title>Export</title><button>Export as CSV</button>
<script>document.querySelector("button").onclick = () => setTimeout(() => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["name;wert\\r\\nGröße;42\\r\\n"], { type: "text/csv" }));
    link.download = "export 2025.csv";
    link.click();
}, 200);</script>"""

CODE = """
const { chromium } = require("playwright-core");
const browser = await chromium.launch();
const page = await browser.newPage();
await page.goto("file:///work/export.html");
const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByText("Export as CSV").click(),
]);
console.log(download.suggestedFilename(), await download.failure());
await download.saveAs("/work/export.csv");
await browser.close();
"""


def task(agent):
    done = agent.run("browser", CODE, files={"export.html": PAGE}, collect=["export.csv"])
    assert done.good() == "export 2025.csv null\n"
    assert done.files["export.csv"].decode() == "name;wert\r\nGröße;42\r\n"
