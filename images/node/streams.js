// SPDX-License-Identifier: LGPL-2.1-or-later
'use strict';

// The descriptors 0, 1 and 2, which are the streams of the code that runs and nothing when none does,
// so that programs that it starts have them as well. Node cannot put a file on a given descriptor,
// but what is opened gets the lowest that is free.
//
// process.stdin, stdout and stderr are made anew for each piece of code: it may have ended the last.
// Writing waits until it is written, as Node does it with pipes.

const fs = require('node:fs');
const net = require('node:net');
const {Writable} = require('node:stream');

let stdin;
let outputs;

function place(fd, path, flags) {
    fs.closeSync(fd);
    const got = fs.openSync(path, flags);
    if (got !== fd)
        throw new Error(`${path} became ${got} and not ${fd}: another thread was faster`);
}

function writeAll(fd, data) {
    let done = 0;
    while (done < data.length) {
        try {
            done += fs.writeSync(fd, data, done);
        } catch (error) {
            if (error.code !== 'EAGAIN')
                throw error;
            Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
        }
    }
}

class Output extends Writable {
    constructor(fd) {
        super();
        this.fd = fd;
        this.writable = true;
    }

    _write(data, encoding, callback) {
        try {
            writeAll(this.fd, data);
        } catch (error) {
            callback(error);
            return;
        }
        callback();
    }
}

function openInput() {
    const {mode} = fs.fstatSync(0);
    const type = mode & fs.constants.S_IFMT;
    if (type !== fs.constants.S_IFIFO && type !== fs.constants.S_IFSOCK)
        return new fs.ReadStream(null, {fd: 0, autoClose: false});
    const socket = new net.Socket({fd: 0, readable: true, writable: false, manualStart: true});
    // One that nobody reads is nothing to wait for.
    socket.on('pause', () => socket.unref());
    socket.on('resume', () => socket.ref());
    socket.fd = 0;
    return socket;
}

function define(name, get) {
    Object.defineProperty(process, name, {configurable: true, enumerable: true, get});
}

function renew() {
    stdin?.destroy();
    stdin = undefined;
    outputs = [new Output(1), new Output(2)];
    [console._stdout, console._stderr] = outputs;
}

define('stdin', () => stdin ??= openInput());
define('stdout', () => outputs[0]);
define('stderr', () => outputs[1]);
renew();

// connect(DIRECTORY): from here on the descriptors are those in DIRECTORY/fd.
function connect(directory) {
    renew();
    place(0, `${directory}/fd/0`, 'r');
    place(1, `${directory}/fd/1`, 'w');
    place(2, `${directory}/fd/2`, 'w');
}

function disconnect() {
    renew();
    place(0, '/dev/null', 'r');
    place(1, '/dev/null', 'w');
    place(2, '/dev/null', 'w');
}

module.exports = {connect, disconnect, writeAll};
