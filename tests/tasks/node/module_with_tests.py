# SPDX-License-Identifier: LGPL-2.1-or-later

"""Write a module that parses durations, with tests for Node's own test runner, and run them."""

FILES = {
    "package.json": '{"name": "duration", "type": "module", "scripts": {"test": "node --test"}}',
    "duration.js": """const units = { s: 1, m: 60, h: 3600, d: 86400 };

export function seconds(text) {
    let sum = 0;
    const rest = text.replace(/(\\d+)([smhd])/g, (_, n, unit) => (sum += n * units[unit], ""));
    if (rest.trim() || !text.trim()) throw new SyntaxError(`not a duration: ${text}`);
    return sum;
}
""",
    "duration.test.js": """import assert from "node:assert/strict";
import { test } from "node:test";
import { seconds } from "./duration.js";

test("one unit", () => assert.equal(seconds("90s"), 90));
test("several units", () => assert.equal(seconds("1h 30m"), 5400));
test("nonsense", () => assert.throws(() => seconds("soon"), SyntaxError));
""",
}


def task(agent):
    sandbox = agent.open("node", files=FILES)
    done = sandbox.argv("node", "--test", "--test-reporter=tap")
    assert "# pass 3\n" in done.good() and "# fail 0\n" in done.out
    assert "3" in sandbox.argv("npm", "test", "--silent").good()
    # An expectation that does not hold is named with both values.
    sandbox.put("duration.test.js", FILES["duration.test.js"].replace("5400", "5401"))
    failed = sandbox.argv("node", "--test", "--test-reporter=tap")
    assert failed.exit_code == 1
    assert "not ok 2 - several units" in failed.out
    assert "expected: 5401" in failed.out and "actual: 5400" in failed.out
    # What was written is there for the interpreter too.
    tried = sandbox.code("const { seconds } = await import('./duration.js');\nseconds('2d')")
    assert tried.value == "172800"
