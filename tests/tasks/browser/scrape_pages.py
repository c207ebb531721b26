# SPDX-License-Identifier: LGPL-2.1-or-later

"""Collect the titles and prices of all books of this shop. Its lists are made by script in the page,
and there are several of them."""

import json

BOOKS = [("Moby-Dick", 12.5), ("Emma", 9.0), ("吾輩は猫である", 15.25), ("Dracula", 7.0),
         ("Middlemarch", 11.0)]

# The pages: the second list comes only some time after the page, as pages of today do it.
SITE = {
    "site/index.html": """<!doctype html><meta charset="utf-8"><title>Books</title>
<nav><a href="list.html?page=1">Novels</a> <a href="list.html?page=2">More novels</a></nav>""",
    "site/list.html": """<!doctype html><meta charset="utf-8"><title>List</title><ul id="books"></ul>
<script>
const page = Number(new URLSearchParams(location.search).get("page"));
fetch("books.json").then(a => a.json()).then(books => setTimeout(() => {
    for (const [title, price] of books.slice(3 * page - 3, 3 * page)) {
        const item = document.createElement("li");
        item.innerHTML = "<b></b> <data></data>";
        item.querySelector("b").textContent = title;
        item.querySelector("data").value = price;
        document.getElementById("books").append(item);
    }
}, 300));
</script>""",
    "site/books.json": json.dumps(BOOKS),
    "serve.mjs": """import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
const types = { ".html": "text/html", ".json": "application/json" };
createServer(async (request, response) => {
    const path = new URL(request.url, "http://localhost").pathname.replace(/\\/$/, "/index.html");
    try {
        const data = await readFile("site" + path);
        response.writeHead(200, { "Content-Type": types[extname(path)] }).end(data);
    } catch {
        response.writeHead(404).end();
    }
}).listen(8080, "127.0.0.1", () => console.log("listening"));
""",
}

CODE = """
const { chromium } = require("playwright-core");
const { writeFileSync } = require("node:fs");
const browser = await chromium.launch();
const page = await browser.newPage();
await page.goto("http://127.0.0.1:8080/");
const links = await page.locator("nav a").evaluateAll(all => all.map(a => a.href));
const books = [];
for (const link of links) {
    await page.goto(link);
    await page.locator("#books li").first().waitFor();
    books.push(...await page.locator("#books li").evaluateAll(all => all.map(li => ({
        title: li.querySelector("b").textContent,
        price: Number(li.querySelector("data").value),
    }))));
}
writeFileSync("books.json", JSON.stringify(books));
await browser.close();
console.log(links.length, "lists", books.length, "books");
"""


def task(agent):
    sandbox = agent.open("browser", files=SITE)
    server = sandbox.start(argv=["node", "serve.mjs"])
    server.wait_output(b"listening", timeout=60)
    assert sandbox.code(CODE).good() == "2 lists 5 books\n"
    assert json.loads(sandbox.get("books.json")) == [
        {"title": title, "price": price} for title, price in BOOKS]
    server.cancel()
    agent.finish(server)
