# SPDX-License-Identifier: LGPL-2.1-or-later

"""This is what the weather service answers, page by page. Make one row for each day of it, with the
warmest hour."""

import json

# The service, with what such services do: pages, nulls, numbers as text, times with an offset.
SERVICE = """
import { createServer } from "node:http";

const hours = [...Array(48).keys()].map(i => ({
    time: new Date(Date.UTC(2025, 10, 28, i - 1)).toISOString().replace("Z", "+00:00"),
    temperature: i % 7 == 3 ? null : String(10 + 8 * Math.sin(i / 24 * 2 * Math.PI)),
}));
createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    const page = Number(url.searchParams.get("page") ?? 0);
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({
        data: { hourly: hours.slice(page * 20, page * 20 + 20) },
        next: page < 2 ? `/hourly?page=${page + 1}` : null,
    }));
}).listen(8080, "127.0.0.1", () => console.log("listening"));
"""

CODE = """
const { writeFile } = require("node:fs/promises");
const days = new Map();
for (let next = "/hourly"; next;) {
    const answer = await fetch(new URL(next, "http://127.0.0.1:8080"));
    if (!answer.ok) throw new Error(`the service says ${answer.status}`);
    const body = await answer.json();
    for (const { time, temperature } of body.data.hourly) {
        if (temperature === null) continue;
        const [day, clock] = new Date(time).toISOString().split("T");
        const degrees = Number(temperature);
        const known = days.get(day) ?? { hours: 0, warmest: null, degrees: -Infinity };
        known.hours++;
        if (degrees > known.degrees) Object.assign(known, { warmest: clock.slice(0, 5), degrees });
        days.set(day, known);
    }
    next = body.next;
}
const rows = [...days].map(([day, d]) => ({ day, ...d, degrees: +d.degrees.toFixed(1) }));
await writeFile("days.json", JSON.stringify(rows, null, 2));
console.log(rows.map(r => `${r.day} ${r.warmest} ${r.degrees}`).join("\\n"));
"""


def task(agent):
    sandbox = agent.open("node", files={"service.mjs": SERVICE})
    service = sandbox.start(argv=["node", "service.mjs"])
    service.wait_output(b"listening", timeout=60)
    done = sandbox.code(CODE)
    # Hour 6 of each day's wave is its top; the first hour there is belongs to the day before.
    assert done.good().splitlines() == [
        "2025-11-27 23:00 10", "2025-11-28 05:00 18", "2025-11-29 05:00 18"]
    rows = json.loads(sandbox.get("days.json"))
    assert [row["hours"] for row in rows] == [1, 20, 20]
    service.cancel()
    assert agent.finish(service).status == "cancelled"
