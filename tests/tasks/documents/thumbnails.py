# SPDX-License-Identifier: LGPL-2.1-or-later

"""Make thumbnails of these pictures, none wider or higher than 64, and pack them into a ZIP."""

import io
import zipfile

from png import Picture

# A photo's shape each: wide, high, square, and one with transparency.
MAKE = """
from PIL import Image
Image.new("RGB", (640, 320), (200, 30, 30)).save("wide.jpg")
Image.new("RGB", (300, 900), (30, 200, 30)).save("high.png")
Image.new("P", (128, 128), 0).save("square.gif")
Image.new("RGBA", (96, 48), (30, 30, 200, 128)).save("clear.webp")
"""

CODE = """
import pathlib, zipfile
from PIL import Image, ImageOps

with zipfile.ZipFile("thumbnails.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    for path in sorted(pathlib.Path(".").glob("*.*")):
        if path.suffix not in (".jpg", ".png", ".gif", ".webp"):
            continue
        picture = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")
        picture.thumbnail((64, 64))
        Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert(
            "RGB").save(path.with_suffix(".thumb.png"))
        archive.write(path.with_suffix(".thumb.png"), f"{path.stem}.png")
        print(path.name, *picture.size)
"""


def task(agent):
    sandbox = agent.open("python")
    sandbox.code(MAKE).good()
    assert sandbox.code(CODE).good().splitlines() == [
        "clear.webp 64 32", "high.png 21 64", "square.gif 64 64", "wide.jpg 64 32"]
    archive = zipfile.ZipFile(io.BytesIO(sandbox.get("thumbnails.zip")))
    pictures = {name: Picture(archive.read(name)) for name in archive.namelist()}
    assert {name: (p.width, p.height) for name, p in pictures.items()} == {
        "clear.png": (64, 32), "high.png": (21, 64), "square.png": (64, 64), "wide.png": (64, 32)}
    assert pictures["wide.png"].share((200, 30, 30)) == 1
    assert pictures["high.png"].share((30, 200, 30)) == 1
    # Half transparent blue on white.
    assert pictures["clear.png"].share((142, 142, 227), tolerance=4) == 1
