# SPDX-License-Identifier: LGPL-2.1-or-later

"""Read the compressed log as a stream, keep only the errors, hash what you kept, and write it
compressed again. Do not hold it all in memory."""

import gzip
import hashlib

PROGRAM = """
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { PassThrough, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";

const hash = createHash("sha256");
let kept = 0;
async function* errors(source) {
    for await (const line of createInterface({ input: source, crlfDelay: Infinity })) {
        if (line.includes(" ERROR ")) {
            kept++;
            yield line + "\\n";
        }
    }
}
const tap = new Transform({
    transform(piece, encoding, done) { hash.update(piece); done(null, piece); },
});
await pipeline(createReadStream("log.gz"), createGunzip(), new PassThrough(), errors, tap,
    createGzip(), createWriteStream("errors.gz"));
console.log(kept, hash.digest("hex"));
"""


def lines():
    for i in range(100_000):
        level = "ERROR" if i % 97 == 0 else "INFO"
        yield f"2025-11-29T12:00:00 {level} request {i} took {i % 13} ms\n"


def task(agent):
    sandbox = agent.open("node", files={"log.gz": gzip.compress("".join(lines()).encode()),
                                        "errors.mjs": PROGRAM})
    done = sandbox.argv("node", "errors.mjs")
    wanted = "".join(line for line in lines() if " ERROR " in line).encode()
    assert done.good().split() == ["1031", hashlib.sha256(wanted).hexdigest()]
    assert gzip.decompress(sandbox.get("errors.gz")) == wanted
