#!/usr/bin/env node
// SPDX-License-Identifier: LGPL-2.1-or-later
// A client of Cloche with nothing but Node's own modules: a sandbox with state and files.
// client.mjs [SOCKET]

import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

class Cloche {
    #socket;
    #lastId = 0;
    #waiting = new Map();

    constructor(path) {
        this.#socket = connect(path);
        this.#socket.on('error', (error) => this.#end(error));
        this.#socket.on('close', () => this.#end(new Error('the service closed the connection')));
        createInterface({ input: this.#socket }).on('line', (line) => this.#take(JSON.parse(line)));
    }

    // Any number of calls may be under way at once.
    call(method, params = {}) {
        const id = ++this.#lastId;
        this.#socket.write(JSON.stringify({ jsonrpc: '2.0', id, method, params }) + '\n');
        return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    }

    close() { this.#socket.end(); }

    #take({ method, params, id, result, error }) {
        if (method === 'output') {
            const data = params.text ?? Buffer.from(params.base64, 'base64');
            (params.stream === 'stderr' ? process.stderr : process.stdout).write(data);
        } else if (this.#waiting.has(id)) {
            const { resolve, reject } = this.#waiting.get(id);
            this.#waiting.delete(id);
            if (error) reject(new Error(JSON.stringify(error))); else resolve(result);
        }
    }

    #end(error) { for (const { reject } of this.#waiting.values()) reject(error); }
}

const own = `${process.env.XDG_RUNTIME_DIR}/cloche/cloche.sock`;
const cloche = new Cloche(process.argv[2] ?? process.env.CLOCHE_SOCKET ??
    (existsSync(own) ? own : '/run/cloche/cloche.sock'));
const { sandbox } = await cloche.call('sandbox.open', { profile: 'python' });
await cloche.call('file.put', { sandbox, path: 'data.csv', text: 'a,b\n1,2\n3,4\n' });
await cloche.call('sandbox.exec', { sandbox, code: "import csv\nrows = list(csv.DictReader(open('data.csv')))" });
const ended = await cloche.call('sandbox.exec', { sandbox,  // `rows` is still there
    code: "total = sum(int(r['b']) for r in rows)\nprint('total', total)\n" +
        "with open('out.txt', 'w') as out: print(total, file=out)" });
console.log(ended.status, ended.exit_code, 'state', ended.state);
const file = await cloche.call('file.get', { sandbox, path: 'out.txt' });
console.log('out.txt', file.size, 'bytes:', file.text.trim());
await cloche.call('sandbox.close', { sandbox });
cloche.close();
