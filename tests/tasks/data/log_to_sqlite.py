# SPDX-License-Identifier: LGPL-2.1-or-later

"""Load this web server's log into SQLite and report the slowest pages and the share of errors."""

import pathlib
import sqlite3
import tempfile

PAGES = ("/", "/search", "/cart", "/checkout")


def log():
    for i in range(2000):
        page = PAGES[i % 4]
        status = 500 if i % 50 == 7 else 200
        taken = 10 + (i % 4) * 100 + i % 10
        yield (f"10.0.0.{i % 250} - - [29/Nov/2025:12:{i // 60 % 60:02}:{i % 60:02} +0000] "
               f'"GET {page} HTTP/1.1" {status} 512 {taken}')
    yield "this line is damaged"


CODE = r'''
import re, sqlite3

LINE = re.compile(r'(\S+) \S+ \S+ \[(.+?)\] "(\S+) (\S+) [^"]*" (\d+) (\d+) (\d+)$')
base = sqlite3.connect("log.db")
base.execute("CREATE TABLE request (host TEXT, at TEXT, method TEXT, page TEXT, status INT, "
             "bytes INT, ms INT)")
bad = 0
with base, open("access.log") as file:
    for line in file:
        match = LINE.match(line.rstrip())
        if match:
            base.execute("INSERT INTO request VALUES (?,?,?,?,?,?,?)", match.groups())
        else:
            bad += 1
base.execute("CREATE INDEX page ON request (page)")
base.commit()
with open("report.md", "w") as report:
    print("| page | requests | mean ms | errors |\n|---|---|---|---|", file=report)
    for row in base.execute("SELECT page, count(*), round(avg(ms), 1), sum(status >= 500) "
                            "FROM request GROUP BY page ORDER BY avg(ms) DESC"):
        print("|", " | ".join(map(str, row)), "|", file=report)
print(bad, "lines could not be read")
'''


def task(agent):
    done = agent.run("python", CODE, files={"access.log": "\n".join(log()) + "\n"},
                     collect=["log.db", "report.md"])
    assert done.good() == "1 lines could not be read\n"
    report = done.files["report.md"].decode().splitlines()
    # Requests 7, 57, 107, …: every second is for /checkout, the others for /search.
    assert report[2:] == ["| /checkout | 500 | 315.0 | 20 |", "| /cart | 500 | 214.0 | 0 |",
                          "| /search | 500 | 115.0 | 20 |", "| / | 500 | 14.0 | 0 |"]
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory, "log.db")
        file.write_bytes(done.files["log.db"])
        base = sqlite3.connect(file)
        assert base.execute("SELECT count(*), sum(ms) FROM request").fetchone() == (2000, 329_000)
        base.close()
