# SPDX-License-Identifier: LGPL-2.1-or-later

"""Open this page. (It takes all the memory that there is.)"""

MIB = 1 << 20
PAGE = """<!doctype html><title>Bomb</title><script>
const hoard = [];
function more() {
    for (let i = 0; i < 8; i++) hoard.push(new Uint8Array(8 << 20).fill(i + 1));
    setTimeout(more);
}
more();
</script>"""

CODE = """
const { chromium } = require("playwright-core");
const browser = await chromium.launch();
console.log("launched");
const page = await browser.newPage();
const crashed = new Promise(crash => page.on("crash", crash));
const gone = new Promise(end => browser.on("disconnected", end));
await page.goto("file:///work/bomb.html");
await Promise.race([crashed.then(() => console.log("the page crashed")), gone]);
await browser.close();
"""


def task(agent):
    done = agent.run("browser", CODE, files={"bomb.html": PAGE}, timeout_ms=120_000,
                     limits={"memory_bytes": 640 * MIB})
    # Either all of it was ended for its memory, or the page alone; it did not hang, and the limit
    # is named.
    assert done.status in ("oom", "exited"), done
    assert done.limits_hit == ["memory"]
    assert done.out.startswith("launched\n")
    assert done.usage["memory_peak_bytes"] <= 640 * MIB
