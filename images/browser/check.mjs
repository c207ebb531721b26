// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the profile `browser` promises: a Chromium that playwright-core starts, in which scripts run and
// of which a picture can be had. Run by `cloche images --check browser`, as any user's code.

const { chromium } = require("playwright-core");

const browser = await chromium.launch();
try {
    const page = await browser.newPage();
    await page.setContent("<h1>before</h1><button onclick=\"document.querySelector('h1').textContent = " +
                          "'after'\">press</button>");
    await page.click("button");
    const heading = await page.textContent("h1");
    if (heading !== "after") throw new Error(`the heading is ${heading}`);
    const picture = await page.screenshot({ path: "check.png" });
    if (picture.subarray(1, 4).toString() !== "PNG") throw new Error("the screenshot is no PNG");
} finally {
    await browser.close();
}
