# SPDX-License-Identifier: LGPL-2.1-or-later

"""Convert the picture to a smaller PNG with a frame, and make a short video of it with a tone, as one
can send it by mail."""

import json

from png import Picture

CODE = """set -e
convert -size 200x100 gradient:red-blue -depth 8 big.bmp
convert big.bmp -resize 50% -bordercolor lime -border 5 -depth 8 PNG24:small.png
identify -format '%m %wx%h\\n' big.bmp small.png
ffmpeg -loglevel error -y -loop 1 -i big.bmp -f lavfi -i sine=frequency=440:sample_rate=22050 -t 2 \
    -r 5 -pix_fmt yuv420p -c:v libx264 -preset ultrafast -c:a aac -shortest film.mp4
ffprobe -loglevel error -show_entries format=duration:stream=codec_name,width,height -of json film.mp4 \
    >film.json
ffmpeg -loglevel error -y -ss 1 -i film.mp4 -frames:v 1 -pix_fmt rgb24 frame.png
"""


def task(agent):
    sandbox = agent.open("shell")
    assert sandbox.code(CODE).good() == "BMP 200x100\nPNG 110x60\n"
    small = Picture(sandbox.get("small.png"))
    assert (small.width, small.height) == (110, 60)
    assert small.pixel(2, 2) == small.pixel(107, 57) == (0, 255, 0)
    top, bottom = small.pixel(55, 6), small.pixel(55, 53)
    assert top[0] > 230 > 30 > top[2] and bottom[0] < 30 < 230 < bottom[2]
    film = json.loads(sandbox.get("film.json"))
    assert {s["codec_name"] for s in film["streams"]} == {"h264", "aac"}
    assert abs(float(film["format"]["duration"]) - 2) < 0.3
    frame = Picture(sandbox.get("frame.png"))
    assert (frame.width, frame.height) == (200, 100)
    assert frame.pixel(100, 3)[0] > 200 > 60 > frame.pixel(100, 96)[0]
