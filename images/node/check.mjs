// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the profile `node` promises: await at the top level, require() beside import, and a writable
// /work. Run by `cloche images --check node`, as any user's code. Another module is another function in
// the list.

const checks = {
    async "await at the top level"() {
        same(await Promise.resolve(3), 3);
    },
    "require"() {
        same(typeof require("node:fs").readFileSync, "function");
    },
    async "import"() {
        same((await import("node:path")).join("a", "b"), "a/b");
    },
    async "files in /work"() {
        const fs = await import("node:fs/promises");
        same(process.cwd(), "/work");
        await fs.writeFile("check.txt", "é");
        same(await fs.readFile("check.txt", "utf8"), "é");
    },
    async "a process"() {
        const { execFileSync } = await import("node:child_process");
        same(execFileSync(process.execPath, ["-p", "6 * 7"], { encoding: "utf8" }), "42\n");
    },
};

function same(value, wanted) {
    if (value !== wanted) throw new Error(`${value} instead of ${wanted}`);
}

process.on("warning", (warning) => {
    console.error(warning);
    process.exitCode = 1;
});
for (const [name, check] of Object.entries(checks)) {
    try {
        await check();
    } catch (error) {
        console.error(`${name}:`, error);
        process.exitCode = 1;
    }
}
