// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What an agent does with Cloche by way of MCP, whichever client it uses. Each function that is
// exported is a step, and throws if something is not as it should be; `it` has the client, call(),
// how it is connected, and whether that is to be the era without sessions.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

const TOOLS = [
    "run", "sandbox_open", "sandbox_exec", "sandbox_close", "sandbox_list", "file_put", "file_get",
    "file_list", "file_remove", "profile_list",
];
const PNG = Buffer.from("89504e470d0a1a0a", "hex");

/** The text of a result that is no error. */
function good(result) {
    assert.ok(!result.isError, JSON.stringify(result.content));
    return result.content[0].text;
}

function bad(result) {
    assert.equal(result.isError, true, JSON.stringify(result.content));
    return result.content[0].text;
}

/** Calls f with the id of a sandbox that is open meanwhile. */
async function inSandbox(it, f, args = {}) {
    const opened = await it.call("sandbox_open", { profile: "python", ...args });
    const { sandbox } = opened.structuredContent ?? assert.fail(bad(opened));
    try {
        return await f(sandbox, (code, options, more) =>
            it.call("sandbox_exec", { sandbox, code, ...more }, options));
    } finally {
        good(await it.call("sandbox_close", { sandbox }));
    }
}

export async function the_server_says_what_it_is_and_in_which_revision(it) {
    assert.equal(it.client.getServerVersion().name, "cloche");
    assert.match(it.client.getInstructions(), /sandbox_open/);
    assert.deepEqual(it.client.getServerCapabilities(), { tools: {} });
    if (it.how === "session")
        return;
    assert.equal(it.client.getProtocolEra(), it.stateless ? "modern" : "legacy");
    assert.equal(it.client.getNegotiatedProtocolVersion(), it.stateless ? "2026-07-28" : "2025-11-25");
    if (it.stateless)
        assert.equal((await it.client.discover()).supportedVersions[0], "2026-07-28");
}

export async function a_ping_is_answered_where_there_is_one(it) {
    if (!it.stateless)
        await it.client.ping();
}

export async function tools_are_listed_with_schemas_that_compile(it) {
    const Ajv = it.require("ajv/dist/2020").default;
    const { tools } = await it.client.listTools();
    assert.deepEqual(tools.map((tool) => tool.name), TOOLS);
    for (const tool of tools) {
        const ajv = new Ajv({ strict: true });
        const takes = ajv.compile(tool.inputSchema);
        ajv.compile(tool.outputSchema);
        assert.ok(tool.title && tool.description, tool.name);
        assert.equal(typeof tool.annotations.readOnlyHint, "boolean");
        assert.equal(tool.annotations.openWorldHint, false);
        assert.ok(!takes({ nonsense: 1 }), tool.name);
    }
    assert.ok(!("capture" in tools[0].inputSchema.properties));
}

export async function profiles_tell_what_can_run(it) {
    const { profiles } = (await it.call("profile_list", {})).structuredContent;
    assert.ok(["python", "shell"].every((name) => profiles.some((p) => p.name === name)));
}

export async function code_runs_once(it) {
    const result = await it.call("run", { code: "print(6 * 7)" });
    assert.equal(good(result), "42\n");
    assert.equal(result.structuredContent.status, "exited");
    assert.equal(result.structuredContent.exit_code, 0);
    assert.equal(result.structuredContent.stdout, "42\n");
    assert.ok(result.structuredContent.usage.memory_peak_bytes > 0);
}

export async function a_program_runs_by_its_words(it) {
    const result = await it.call("run", { profile: "shell", argv: ["sh", "-c", "echo a; echo b >&2"] });
    assert.equal(good(result), "a\nstderr:\nb\n");
}

export async function many_calls_at_once_get_each_its_answer(it) {
    const calls = [1, 2, 3, 4].map((i) => it.call("run", { profile: "shell", code: `echo ${i}` }));
    assert.deepEqual((await Promise.all(calls)).map(good), ["1\n", "2\n", "3\n", "4\n"]);
}

export async function a_failed_program_is_an_error_that_says_how(it) {
    const exit = await it.call("run", { code: "import sys; print('x'); sys.exit(3)" });
    assert.equal(bad(exit), "x\n[exit code 3]\n");
    assert.equal(exit.structuredContent.exit_code, 3);
    const time = await it.call("run", { profile: "shell", code: "sleep 60", timeout_ms: 500 });
    assert.match(bad(time), /stopped: timeout; limit hit: time/);
    const memory = await it.call("run", {
        code: "x = bytearray(1 << 30)",
        limits: { memory_bytes: 64 << 20 },
    });
    assert.match(bad(memory), /stopped: oom; limit hit: memory/);
}

export async function a_mistake_is_told_to_the_model(it) {
    assert.match(bad(await it.call("run", { cod: "1" })), /cod: there is no such field/);
    assert.match(bad(await it.call("run", { code: "1", profile: "nosuch" })), /unknown_profile/);
    await assert.rejects(it.call("nosuch", {}), { code: -32602 });
    assert.equal(good(await it.call("run", { code: "print(1)" })), "1\n");
}

export async function output_comes_while_the_program_runs(it) {
    const seen = [];
    const started = Date.now();
    const result = await it.call("run", {
        code: "import time\nfor i in range(3):\n    print('line', i, flush=True)\n    time.sleep(0.7)",
    }, { onprogress: (progress) => seen.push({ ...progress, at: Date.now() - started }) });
    const ended = Date.now() - started;
    assert.equal(good(result), "line 0\nline 1\nline 2\n");
    assert.equal(seen.map(({ message }) => message ?? "").join(""), "line 0\nline 1\nline 2\n");
    const first = seen.find(({ message }) => message).at;
    assert.ok(first < ended - 1000, `the first came after ${first} of ${ended} ms`);
    seen.reduce((last, { progress }) => (assert.ok(progress > last), progress), -1);
}

export async function a_call_that_is_cancelled_ends_and_the_next_is_served(it) {
    const stop = new AbortController();
    let running = () => {};
    const begun = new Promise((resolve) => (running = resolve));
    const call = it.call("run", { profile: "shell", code: "echo up; sleep 600" },
        { signal: stop.signal, onprogress: running });
    await Promise.race([begun, call]);
    stop.abort("enough");
    await assert.rejects(call);
    assert.equal(good(await it.call("run", { profile: "shell", code: "echo next" })), "next\n");
}

export async function a_variable_outlives_a_call(it) {
    await inSandbox(it, async (sandbox, exec) => {
        good(await exec("import math\nx = 6"));
        const result = await exec("print(math.floor(x * 7.5))");
        assert.equal(good(result), "45\n");
        assert.equal(result.structuredContent.state, "kept");
        good(await it.call("sandbox_exec", { sandbox, code: "pass", reset: true }));
        assert.match(bad(await exec("print(x)")), /NameError/);
    });
}

export async function a_chart_comes_as_an_image(it) {
    await inSandbox(it, async (sandbox, exec) => {
        const result = await exec(
            "import matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\nplt.show()\nprint('drawn')");
        assert.match(good(result), /drawn/);
        const images = result.content.filter((block) => block.type === "image");
        assert.equal(images.length, 1);
        assert.equal(images[0].mimeType, "image/png");
        const data = Buffer.from(images[0].data, "base64");
        assert.deepEqual(data.subarray(0, 8), PNG);
        assert.ok(data.readUInt32BE(16) > 100 && data.readUInt32BE(20) > 100);
        const [figure] = result.structuredContent.results;
        assert.equal(result.content[figure["image/png"]].type, "image");
    });
}

export async function an_endless_loop_is_cancelled_and_the_sandbox_goes_on(it) {
    await inSandbox(it, async (sandbox, exec) => {
        good(await it.call("file_put", { sandbox, path: "kept", text: "file" }));
        good(await exec("y = 5"));
        const stop = new AbortController();
        const loop = exec("while True: pass", { signal: stop.signal });
        await sleep(1500);
        stop.abort();
        await assert.rejects(loop);
        const after = await exec("print('y' in dir(), open('/work/kept').read())");
        assert.match(good(after), /^(True|False) file\n/);
        const { state } = after.structuredContent;
        assert.equal(state, "kept");
    });
}

export async function a_call_that_times_out_leaves_the_sandbox(it) {
    await inSandbox(it, async (sandbox, exec) => {
        assert.match(bad(await exec("while True: pass", {}, { timeout_ms: 700 })), /timeout/);
        assert.equal(good(await exec("print('still here')")), "still here\n");
    });
}

export async function files_go_in_and_come_out(it) {
    await inSandbox(it, async (sandbox, exec) => {
        good(await it.call("file_put", { sandbox, path: "in.txt", text: "grün\n" }));
        const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
        good(await it.call("file_put", { sandbox, path: "/work/raw", base64: bytes.toString("base64") }));
        good(await exec("open('/work/out', 'w').write(open('/work/in.txt').read() * 2)"));
        assert.equal(good(await it.call("file_get", { sandbox, path: "out" })), "grün\ngrün\n");
        const raw = await it.call("file_get", { sandbox, path: "raw" });
        const block = raw.content[raw.structuredContent.content];
        assert.deepEqual(Buffer.from(block.resource.blob, "base64"), bytes);
        const list = await it.call("file_list", { sandbox });
        assert.deepEqual(list.structuredContent.entries.map((e) => e.name), ["in.txt", "out", "raw"]);
        good(await it.call("file_remove", { sandbox, path: "raw" }));
        assert.match(bad(await it.call("file_get", { sandbox, path: "raw" })), /file_not_found/);
    });
}

export async function a_run_takes_files_in_and_gives_files_back(it) {
    const result = await it.call("run", {
        code: "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\n"
            + "plt.plot(eval(open('data').read()))\nplt.savefig('chart.png')\n"
            + "open('sum.txt', 'w').write(str(sum(eval(open('data').read()))))",
        files: [{ path: "data", text: "[1, 2, 3]" }],
        collect: ["*.png", "sum.txt"],
    });
    assert.ok(!result.isError, JSON.stringify(result.content[0]));
    const { files } = result.structuredContent;
    assert.deepEqual(files.map((file) => file.path.split("/").pop()), ["chart.png", "sum.txt"]);
    const chart = result.content[files[0].content];
    assert.equal(chart.mimeType, "image/png");
    assert.deepEqual(Buffer.from(chart.data, "base64").subarray(0, 8), PNG);
    assert.equal(files[1].text, "6");
    assert.equal(result.content[files[1].content].resource.text, "6");
}

export async function a_sandbox_that_is_closed_is_told_as_such(it) {
    let closed;
    await inSandbox(it, async (sandbox) => {
        closed = sandbox;
        const { sandboxes } = (await it.call("sandbox_list", {})).structuredContent;
        assert.deepEqual(sandboxes.map((s) => s.sandbox), [sandbox]);
    });
    assert.match(bad(await it.call("sandbox_exec", { sandbox: closed, code: "1" })), /unknown_sandbox/);
    assert.deepEqual((await it.call("sandbox_list", {})).structuredContent.sandboxes, []);
}
