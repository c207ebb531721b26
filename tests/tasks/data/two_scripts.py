# SPDX-License-Identifier: LGPL-2.1-or-later

"""A glossary in English, Arabic, Hebrew, Chinese and Japanese: one spelling per word, sorted, with how
long each is for a reader, and a picture of it to check the letters."""

import csv
import io
import unicodedata

from png import Picture

WORDS = ["name,greeting", "中文,你好", "日本語,こんにちは", "العربية,مرحبا", "עברית,שלום",
         # The same word twice: composed, and as letters with accents behind them.
         "Français,d\u00e9j\u00e0 vu", "Français,de\u0301ja\u0300 vu", "Emoji,👩‍🚀🚀"]

CODE = """
import csv, unicodedata
from PIL import Image, ImageDraw, ImageFont
import subprocess

rows = {}
with open("glossary.csv", encoding="utf-8-sig", newline="") as file:
    for row in csv.DictReader(file):
        row = {k: unicodedata.normalize("NFC", v) for k, v in row.items()}
        rows[row["name"]] = row["greeting"]
with open("wörterbuch-字典.csv", "w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["name", "greeting", "characters", "direction"])
    for name, greeting in sorted(rows.items()):
        kind = unicodedata.bidirectional(greeting[0])
        writer.writerow([name, greeting, len(greeting), "rtl" if kind in ("R", "AL") else "ltr"])
        print(name, greeting, sep=": ")

# One picture for each script, with the font that the machine has for it.
for name, text, language in [("arabic", "مرحبا", "ar"), ("hebrew", "שלום", "he")]:
    font = subprocess.check_output(["fc-match", "-f", "%{file}", f":lang={language}"], text=True)
    picture = Image.new("L", (200, 60), 255)
    draw = ImageDraw.Draw(picture)
    draw.text((10, 10), text, font=ImageFont.truetype(font, 32), fill=0)
    picture.save(f"{name}.png")
"""


def task(agent):
    given = "\ufeff" + "\r\n".join(WORDS) + "\r\n"
    done = agent.run("python", CODE, files={"glossary.csv": given}, collect=["*字典.csv", "*.png"])
    printed = done.good().splitlines()
    assert len(printed) == 6 and "עברית: שלום" in printed and "中文: 你好" in printed
    rows = list(csv.DictReader(io.StringIO(done.files["wörterbuch-字典.csv"].decode())))
    greeting = {row["name"]: row for row in rows}
    assert greeting["العربية"]["direction"] == greeting["עברית"]["direction"] == "rtl"
    assert greeting["日本語"] == {"name": "日本語", "greeting": "こんにちは", "characters": "5",
                               "direction": "ltr"}
    assert greeting["Français"]["greeting"] == unicodedata.normalize("NFC", "déjà vu")
    assert [row["name"] for row in rows] == sorted(greeting)
    arabic, hebrew = (Picture(done.files[name]) for name in ("arabic.png", "hebrew.png"))
    # Ink, and not the same boxes for letters that are not there.
    assert arabic.share((0, 0, 0)) > 0.02 and hebrew.share((0, 0, 0)) > 0.02
    assert arabic.rows != hebrew.rows
