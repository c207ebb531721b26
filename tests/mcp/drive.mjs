// SPDX-License-Identifier: LGPL-2.1-or-later
//
// drive.mjs HOW STEPS COMMAND [ARG…]: connects a real MCP client to the server that COMMAND is, takes
// these steps of steps.mjs with it (their names, with commas between them), and prints how each went,
// one JSON object a line; the first is how it went to connect. HOW says which client, and how the
// two come to speak of one revision:
//
//   session     @modelcontextprotocol/sdk: `initialize`, revision 2025-11-25
//   stateless   @modelcontextprotocol/client: it probes with `server/discover`, revision 2026-07-28
//   fallback    the same, and the probe fails: no server answers as fast as this client wants it, so
//               that it takes ours for one of the old era and comes with `initialize`
//   late        the same on one connection, which brings the probe's answer after all
//   handshake   the same client as it is when it is not told to probe
//   pinned      … as it is when it may speak one revision and no other
//   corrected   … and when it asks for a revision that is unknown to us before one that is known
//   unknown     … and when it has no other to ask for
//
// The packages are where $CLIENTS says.

import { createRequire } from "node:module";
import * as steps from "./steps.mjs";

const require = createRequire(`${process.env.CLIENTS ?? "/opt/clients"}/`);
const [how, names, command, ...args] = process.argv.slice(2);
const about = { name: "cloche-tests", version: "1" };
const server = { command, args, stderr: "pipe", env: process.env };

function session() {
    const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
    const { StdioClientTransport } = require("@modelcontextprotocol/sdk/client/stdio.js");
    const client = new Client(about);
    return {
        client,
        transport: new StdioClientTransport(server),
        call: (name, args, options) => client.callTool({ name, arguments: args }, undefined, options),
    };
}

function either(versionNegotiation, { supportedProtocolVersions, inPlace } = {}) {
    const { Client } = require("@modelcontextprotocol/client");
    const { StdioClientTransport } = require("@modelcontextprotocol/client/stdio");
    // of its own transport the client makes a second one for the probe, of any other it does not
    const Transport = inPlace ? class extends StdioClientTransport {} : StdioClientTransport;
    const client = new Client(about, { versionNegotiation, supportedProtocolVersions });
    return {
        client,
        transport: new Transport(server),
        call: (name, args, options) => client.callTool({ name, arguments: args }, options),
    };
}

const auto = { mode: "auto" };
const impatient = { mode: "auto", probe: { timeoutMs: 1 } };
const hows = {
    session,
    stateless: () => either(auto),
    fallback: () => either(impatient),
    // … whose answer the client complains of, once
    late: () => ({ ...either(impatient, { inPlace: true }), complaints: /discover-probe-1/ }),
    handshake: () => either(undefined),
    pinned: () => either({ mode: { pin: "2026-07-28" } }),
    corrected: () => either(auto, { supportedProtocolVersions: ["2099-01-01", "2026-07-28"] }),
    unknown: () => either({ mode: { pin: "2099-01-01" } }),
};

function report(step, error) {
    process.stdout.write(`${JSON.stringify({ step, error })}\n`);
}

const stateless = ["stateless", "pinned", "corrected"].includes(how);
const it = { how, stateless, require, ...hows[how]() };
let said = "";
it.transport.stderr.on("data", (data) => (said += data));
it.errors = [];
it.client.onerror = (error) => it.errors.push(error);
try {
    await it.client.connect(it.transport);
    const complaints = it.errors.splice(0);
    const expected = it.complaints ? complaints.length === 1 && it.complaints.test(complaints[0]) :
        complaints.length === 0;
    report("connect", expected ? null : `the client complains: ${complaints.join("; ")}`);
} catch (error) {
    report("connect", `${error.name} ${error.code} ${JSON.stringify(error.data)}\n${said}`);
    process.exit();
}
for (const name of names.split(",")) {
    try {
        await steps[name](it);
        if (it.errors.length > 0)
            throw new AggregateError(it.errors, `the client complains: ${it.errors.join("; ")}`);
        report(name, null);
    } catch (error) {
        report(name, `${error.stack}\n${said}`);
    }
    it.errors.length = 0;
}
await it.client.close();
