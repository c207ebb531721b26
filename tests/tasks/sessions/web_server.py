# SPDX-License-Identifier: LGPL-2.1-or-later

"""Start the little shop of this folder, and find out with requests and BeautifulSoup which articles
cost less than ten."""

import json

SHOP = r"""
import http.server, json

ARTICLES = [("Oak board", 31.0), ("Wood screws", 5.6), ("Brush", 10.0), ("Cable ties", 0.05)]

class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/page/"):
            number = int(self.path.rsplit("/", 1)[1])
            rows = "".join(f"<li class=article><b>{n}</b> <i>{p:.2f} &euro;</i></li>"
                           for n, p in ARTICLES[2 * number - 2:2 * number])
            more = f'<a rel=next href="/page/{number + 1}">more</a>' if number == 1 else ""
            self.answer(200, f"<ul>{rows}</ul>{more}")
        else:
            self.answer(404, "not here")

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(201, f"ordered {order['name']}")

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(f"<!doctype html><title>Shop</title>{text}".encode())

    def log_message(self, *words):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Shop).serve_forever()
"""

SCRAPE = """
import json, time
from urllib.parse import urljoin
import requests
from bs4 import BeautifulSoup

session, url, cheap = requests.Session(), "http://127.0.0.1:8000/page/1", []
for _ in range(100):
    try:
        session.get(url)
        break
    except requests.ConnectionError:
        time.sleep(0.1)
while url:
    page = BeautifulSoup(session.get(url).text, "lxml")
    for article in page.select("li.article"):
        price = float(article.i.text.split()[0])
        if price < 10:
            cheap.append({"name": article.b.text, "price": price})
    link = page.find("a", rel="next")
    url = link and urljoin(url, link["href"])
json.dump(cheap, open("cheap.json", "w"))
print(session.get("http://127.0.0.1:8000/nowhere").status_code,
      session.post("http://127.0.0.1:8000/order", json=cheap[0]).text.split(">")[-1])
"""


def task(agent):
    sandbox = agent.open("python", files={"shop.py": SHOP})
    started = sandbox.argv("sh", "-c", "python3 shop.py & echo $!")
    assert started.result["left_running"] >= 1
    server = started.good().strip()
    assert sandbox.code(SCRAPE).good() == "404 ordered Wood screws\n"
    assert json.loads(sandbox.get("cheap.json")) == [{"name": "Wood screws", "price": 5.6},
                                                     {"name": "Cable ties", "price": 0.05}]
    sandbox.argv("kill", server).good()
    gone = sandbox.code("requests.get('http://127.0.0.1:8000/page/1')")
    assert gone.error["name"] == "ConnectionError"
