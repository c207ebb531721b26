// SPDX-License-Identifier: LGPL-2.1-or-later
'use strict';

// SIGINT ends code, whatever it is doing. A thread of its own waits for the signal in the one place
// where Node lets JavaScript be ended by it, and asks the main thread. If that waits for something,
// it answers; if it is busy, its code is ended by the debugger's means, and it is asked again.
//
// Only code may be ended, and not the driver between two pieces of it. So both threads move one word:
//
//     IDLE → RUNNING → ASKED → TAKEN → IDLE
//                 ↓       ⇅      (or from RUNNING or ASKED to IDLE: it came to its end meanwhile)
//                IDLE   ENDING
//
// and while it is ENDING, the main thread does nothing but answer the next question.

const fs = require('node:fs');
const inspector = require('node:inspector');
const vm = require('node:vm');
const {Worker, isMainThread, parentPort, workerData} = require('node:worker_threads');

const [WAIT, STATE, EVALUATING] = [0, 1, 2];
const [IDLE, RUNNING, ASKED, TAKEN, ENDING] = [0, 1, 2, 3, 4];
const ANSWER_MS = 500; // how long a thread that is not busy may take to answer: Cloche waits for 1 s
const EVALUATION_MS = 50; // the same when it is known to be in code, which can be ended safely
const END_MS = 20; // how long code that is ended may take to be gone
const DEPTH = 8; // signals that may come within the time that one of them takes

const move = (state, from, to) => Atomics.compareExchange(state, STATE, from, to) === from;

// Node loses its balance when a callback of the loop is ended, and says so, which is nobody's output.
function silence() {
    fs.closeSync(2);
    fs.openSync('/dev/null', 'w');
}

// A session is open for no longer than it is of use: Node would wait for its end before its own.
function endCode() {
    const session = new inspector.Session();
    session.connectToMainThread();
    session.post('Runtime.terminateExecution');
    session.disconnect();
}

function interrupt(state) {
    if (!move(state, RUNNING, ASKED) && !move(state, ENDING, ASKED) && state[STATE] !== ASKED)
        return;
    for (;;) {
        parentPort.postMessage('interrupt');
        Atomics.wait(state, STATE, ASKED, Atomics.load(state, EVALUATING) ? EVALUATION_MS : ANSWER_MS);
        if (!move(state, ASKED, ENDING))
            return;
        if (!Atomics.load(state, EVALUATING))
            silence();
        endCode();
        Atomics.wait(state, WAIT, 0, END_MS);
        Atomics.store(state, STATE, ASKED);
    }
}

// Each SIGINT ends the innermost script, even while an earlier one is dealt with, which is then done
// from its beginning. One that finds no script ends the process, so there are always some around.
function serve(depth) {
    for (;;) {
        try {
            vm.runInThisContext(depth > 0 ? `serve(${depth - 1})` : 'wait()', {breakOnSigint: true});
        } catch {
            interrupt(workerData);
        }
    }
}

function watch() {
    let isReady = false;
    globalThis.serve = serve;
    globalThis.wait = () => {
        if (!isReady)
            parentPort.postMessage('ready');
        isReady = true;
        Atomics.wait(workerData, WAIT, 0);
    };
    serve(DEPTH);
}

class Interrupts {
    constructor(onInterrupt) {
        this.state = new Int32Array(new SharedArrayBuffer(12));
        this.worker = new Worker(__filename, {workerData: this.state, execArgv: []});
        this.ready = new Promise((resolve, reject) => {
            this.worker.once('error', reject);
            this.worker.on('message', (message) => {
                if (message === 'ready')
                    resolve();
                else if (move(this.state, ASKED, TAKEN)) {
                    Atomics.notify(this.state, STATE);
                    onInterrupt();
                }
            });
        });
    }

    begin() {
        this.worker.unref();
        Atomics.store(this.state, STATE, RUNNING);
    }

    // evaluate(FUNCTION): what FUNCTION returns; it may be ended with nothing of Node around it.
    evaluate(call) {
        Atomics.store(this.state, EVALUATING, 1);
        try {
            return call();
        } finally {
            Atomics.store(this.state, EVALUATING, 0);
        }
    }

    // Whether onInterrupt() is about to be called.
    get isComing() {
        return [ASKED, ENDING].includes(Atomics.load(this.state, STATE));
    }

    // Says whether the code may be said to have ended; if not, an interrupt is about to say so.
    end() {
        const ended = [RUNNING, ASKED, TAKEN].some((from) => move(this.state, from, IDLE));
        Atomics.notify(this.state, STATE);
        return ended;
    }
}

if (isMainThread)
    module.exports = {Interrupts};
else
    watch();
