# SPDX-License-Identifier: LGPL-2.1-or-later

"""This is a scan of a letter, a little crooked and grainy. What does it say, and which amount is to be
paid by when?"""

# A "scan": text drawn on paper, turned by a degree and a half, with noise and a grey cast.
SCAN = """
import numpy as np
from PIL import Image, ImageDraw, ImageFont
import subprocess

font = subprocess.check_output(["fc-match", "-f", "%{file}", "DejaVu Serif"], text=True)
page = Image.new("L", (1000, 640), 235)
draw = ImageDraw.Draw(page)
text = ImageFont.truetype(font, 30)
for i, line in enumerate(["Harbour Electric Ltd.", "", "Dear customer,",
                          "your reading of 4711 units has arrived.",
                          "Please pay 128.40 EUR before 15 March 2026.",
                          "", "Kind regards", "Eleanor Whitfield"]):
    draw.text((90, 80 + i * 56), line, font=text, fill=40)
page = page.rotate(1.5, resample=Image.BICUBIC, fillcolor=235)
grain = np.random.default_rng(3).normal(0, 14, (page.height, page.width))
page = Image.fromarray(np.clip(np.asarray(page) + grain, 0, 255).astype("uint8"))
page.save("scan.jpg", quality=60)
"""

READ = r"""
import json, re
import tesserocr
from PIL import Image, ImageFilter, ImageOps

page = ImageOps.autocontrast(Image.open("scan.jpg").filter(ImageFilter.MedianFilter(3)))
text = tesserocr.image_to_text(page)
print(text)
found = re.search(r"pay\s+([\d.]+)\s*EUR\s+before\s+(\d+ \w+ \d{4})", text)
json.dump({"amount": float(found[1]), "due": found[2]}, open("letter.json", "w"))
"""


def task(agent):
    sandbox = agent.open("python")
    sandbox.code(SCAN).good()
    assert sandbox.get("scan.jpg").startswith(b"\xff\xd8\xff")
    text = sandbox.code(READ).good()
    for part in ("Harbour Electric", "4711 units", "Eleanor Whitfield"):
        assert part in text
    assert sandbox.get("letter.json") == b'{"amount": 128.4, "due": "15 March 2026"}'
