// SPDX-License-Identifier: LGPL-2.1-or-later
//
// drive.mjs HOW COMMAND [ARG…]: connects a real MCP client to the server that COMMAND is, takes
// every step of steps.mjs with it and prints how each went, one JSON object a line. HOW says which
// client in which era:
//
//   session     @modelcontextprotocol/sdk: `initialize`, revision 2025-11-25
//   stateless   @modelcontextprotocol/client: `server/discover`, revision 2026-07-28
//   handshake   the same client as it falls back for servers of the old era
//
// The packages are where $CLIENTS says.

import { createRequire } from "node:module";
import * as steps from "./steps.mjs";

const require = createRequire(`${process.env.CLIENTS ?? "/opt/clients"}/`);
const [how, command, ...args] = process.argv.slice(2);
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

function either(versionNegotiation) {
    const { Client } = require("@modelcontextprotocol/client");
    const { StdioClientTransport } = require("@modelcontextprotocol/client/stdio");
    const client = new Client(about, { versionNegotiation });
    return {
        client,
        transport: new StdioClientTransport(server),
        call: (name, args, options) => client.callTool({ name, arguments: args }, options),
    };
}

const hows = {
    session,
    stateless: () => either({ mode: "auto" }),
    handshake: () => either({ mode: "legacy" }),
};

function report(step, error) {
    process.stdout.write(`${JSON.stringify({ step, error })}\n`);
}

const it = { how, require, ...hows[how]() };
let said = "";
it.transport.stderr.on("data", (data) => (said += data));
it.errors = [];
it.client.onerror = (error) => it.errors.push(error);
await it.client.connect(it.transport);
for (const [name, step] of Object.entries(steps)) {
    try {
        await step(it);
        if (it.errors.length > 0)
            throw new AggregateError(it.errors, `the client complains: ${it.errors.join("; ")}`);
        report(name, null);
    } catch (error) {
        report(name, `${error.stack}\n${said}`);
    }
    it.errors.length = 0;
}
await it.client.close();
