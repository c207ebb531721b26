# SPDX-License-Identifier: LGPL-2.1-or-later

"""Register me for the workshop on this page, and tell me my number."""

FORM = """<!doctype html><meta charset="utf-8"><title>Workshop</title>
<form><label>Name <input name="name" required></label>
<label>Day <select name="day"><option>Monday</option><option>Tuesday</option></select></label>
<label><input type="checkbox" name="lunch"> Lunch</label>
<button disabled>Register</button></form><p role="status"></p>
<script>
const form = document.forms[0];
form.addEventListener("input", () => form.querySelector("button").disabled = !form.checkValidity());
form.addEventListener("submit", event => {
    event.preventDefault();
    setTimeout(() => {
        const data = new FormData(form);
        document.querySelector("[role=status]").textContent =
            `${data.get("name")}, ${data.get("day")}, lunch: ${data.has("lunch")}, number ` +
            [...data.get("name")].reduce((sum, letter) => sum + letter.codePointAt(), 0);
    }, 400);
});
</script>"""

CODE = """
const { chromium } = require("playwright-core");
const browser = await chromium.launch();
const page = await browser.newPage();
await page.goto("file:///work/form.html");
const button = page.getByRole("button", { name: "Register" });
console.log("enabled before:", await button.isEnabled());
await page.getByLabel("Name").fill("Zoë Brontë");
await page.getByLabel("Day").selectOption("Tuesday");
await page.getByLabel("Lunch").check();
await button.click();
const status = page.getByRole("status");
await status.filter({ hasText: "number" }).waitFor();
console.log(await status.textContent());
await browser.close();
"""


def task(agent):
    number = sum(map(ord, "Zoë Brontë"))
    done = agent.run("browser", CODE, files={"form.html": FORM})
    assert done.good().splitlines() == [
        "enabled before: false", f"Zoë Brontë, Tuesday, lunch: true, number {number}"]
