# SPDX-License-Identifier: LGPL-2.1-or-later

"""Render this Mandelbrot set with four workers into shared memory, and give me the picture."""

from png import Picture

CODE = r"""
const { Worker, isMainThread } = require("node:worker_threads");
const { deflateSync, crc32 } = require("node:zlib");
const { writeFileSync } = require("node:fs");

const width = 120, height = 80, workers = 4;
const pixels = new SharedArrayBuffer(width * height);
const source = `
    const { parentPort, workerData: { pixels, from, to, width, height } } =
        require("node:worker_threads");
    const out = new Uint8Array(pixels);
    for (let y = from; y < to; y++)
        for (let x = 0; x < width; x++) {
            const a = x / width * 3 - 2, b = y / height * 2 - 1;
            let u = 0, v = 0, n = 0;
            while (n < 255 && u * u + v * v < 4)
                [u, v, n] = [u * u - v * v + a, 2 * u * v + b, n + 1];
            out[y * width + x] = n;
        }
    parentPort.postMessage(to - from);`;
const rows = await Promise.all([...Array(workers).keys()].map(i => new Promise((good, bad) => {
    const worker = new Worker(source, { eval: true, workerData: {
        pixels, width, height, from: i * height / workers, to: (i + 1) * height / workers } });
    worker.once("message", good).once("error", bad);
})));
console.log(isMainThread, rows.join("+"));

function chunk(kind, data) {
    const body = Buffer.concat([Buffer.from(kind), data]), size = Buffer.alloc(4), sum = Buffer.alloc(4);
    size.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([size, body, sum]);
}
const head = Buffer.from([0, 0, 0, width, 0, 0, 0, height, 8, 0, 0, 0, 0]);
const lines = Buffer.concat([...Array(height).keys()].map(y =>
    Buffer.concat([Buffer.of(0), Buffer.from(pixels, y * width, width)])));
writeFileSync("set.png", Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", head), chunk("IDAT", deflateSync(lines)), chunk("IEND", Buffer.alloc(0))]));
"""


def task(agent):
    done = agent.run("node", CODE, collect=["set.png"])
    assert done.good() == "true 20+20+20+20\n"
    picture = Picture(done.files["set.png"])
    assert (picture.width, picture.height) == (120, 80)
    # The middle of the set, and a corner far outside.
    assert picture.pixel(80, 40) == (255, 255, 255)
    assert picture.pixel(0, 0)[0] < 4
    assert [picture.pixel(x, 30) for x in range(120)] == [picture.pixel(x, 50) for x in range(120)]
