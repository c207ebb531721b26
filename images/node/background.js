// SPDX-License-Identifier: LGPL-2.1-or-later
'use strict';

// What is there to be used by the code that follows, and so not waited for before that may come: what
// listens for connections, and a program that is started detached, as a browser is.

const {ChildProcess} = require('node:child_process');
const dgram = require('node:dgram');
const net = require('node:net');

const alive = new Set();

function putThere(thing, end) {
    alive.add(thing);
    thing.once(end, () => alive.delete(thing));
    thing.unref();
}

function extend(prototype, method, change) {
    const original = prototype[method];
    prototype[method] = function (...args) {
        return change.call(this, () => original.apply(this, args), ...args);
    };
}

// install(MAY_FOLLOW): MAY_FOLLOW says whether other code may follow the one that runs.
function install(mayFollow) {
    for (const [prototype, method] of [[net.Server.prototype, 'listen'], [dgram.Socket.prototype, 'bind']])
        extend(prototype, method, function (original) {
            if (mayFollow())
                putThere(this, 'close');
            return original();
        });
    extend(ChildProcess.prototype, 'spawn', function (original, options) {
        const result = original();
        if (mayFollow() && options.detached && this.pid !== undefined) {
            putThere(this, 'exit');
            for (const stream of this.stdio)
                stream?.unref?.();
        }
        return result;
    });
}

// Whether there is anything in the background that code may be waiting for.
const isAlive = () => alive.size > 0;

module.exports = {install, isAlive};
