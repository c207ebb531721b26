# SPDX-License-Identifier: LGPL-2.1-or-later

"""What does this page look like, on a screen and on a telephone?"""

from png import Picture

PAGE = """<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<style>
body { margin: 0; background: #ffffff; display: grid; grid-template-columns: 1fr 1fr; }
div { height: 150px; } #a { background: #ff0000; } #b { background: #0000ff; }
@media (max-width: 250px) { body { grid-template-columns: 1fr; } }
p { grid-column: 1 / -1; margin: 0; font: 30px sans-serif; color: #000000; }
</style>
<div id="a"></div><div id="b"></div><p>Text 文字</p>"""

CODE = """
const { chromium } = require("playwright-core");
const browser = await chromium.launch();
const page = await browser.newPage({ viewport: { width: 400, height: 200 } });
await page.goto("file:///work/page.html");
await page.screenshot({ path: "screen.png" });
await page.setViewportSize({ width: 200, height: 400 });
const telephone = await page.screenshot({ path: "telephone.png" });
await browser.close();
display({ "image/png": telephone.toString("base64"), "text/plain": "on a telephone" });
"""

RED, BLUE, WHITE, BLACK = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def task(agent):
    done = agent.run("browser", CODE, files={"page.html": PAGE}, collect=["*.png"])
    done.good()
    screen, telephone = (Picture(done.files[name]) for name in ("screen.png", "telephone.png"))
    assert (screen.width, screen.height) == (400, 200)
    assert screen.share(RED, (0, 0, 200, 150)) == screen.share(BLUE, (200, 0, 400, 150)) == 1
    text = (0, 150, 200, 200)
    assert screen.share(BLACK, text, 60) > 0.02 and screen.share(WHITE, text) > 0.5
    # On a telephone the one is below the other.
    assert (telephone.width, telephone.height) == (200, 400)
    assert telephone.share(RED, (0, 0, 200, 150)) == telephone.share(BLUE, (0, 150, 200, 300)) == 1
    assert done.pictures == [done.files["telephone.png"]]
