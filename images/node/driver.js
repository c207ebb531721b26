// SPDX-License-Identifier: LGPL-2.1-or-later
'use strict';

// The driver of the profile `node`: runs one piece of code after another in one Node. What it speaks
// with Cloche is in cloche-driver(7); driver.sh has put that on the descriptors 3 and 4.
//
// Code is evaluated by V8 in the way it has for consoles (Runtime.evaluate with replMode): `await`
// works at the top, what it declares is there for the next piece and may be declared again. It is a
// script, with require, module, __filename and the like of a file in the working directory, and what
// only a module may have works too (source.js).
//
// A piece of code is done when a file with it would be: its value is there (a promise is waited for)
// and nothing is left that the loop would wait for. Two things differ where more code may follow:
// some of it goes on in the background (background.js), and an error ends the code but not Node. Then
// what it has left is let go of; if that cannot be, Node ends too, and state with it.

const inspector = require('node:inspector');
const fs = require('node:fs');
const {Module} = require('node:module');
const net = require('node:net');
const path = require('node:path');
const {pathToFileURL} = require('node:url');
const v8 = require('node:v8');
const vm = require('node:vm');

const background = require('./background.js');
const {describe, remember} = require('./failure.js');
const {displayedFormsOf, formsOf} = require('./forms.js');
const {Interrupts} = require('./interrupts.js');
const {rewrite} = require('./source.js');
const streams = require('./streams.js');

const REPLIES_FD = 4;
const LINE_MAX = 1 << 20; // bytes of one reply: a result beyond it is left out, with a word on stderr
const GRACE_MS = 300; // for what code has left when it failed, after which Node ends
const INTERRUPTED = 130; // exit code, as of a program that SIGINT ended
const UNSETTLED = 13; // exit code, as Node's own

const session = new inspector.Session();
let current = null; // the piece of code that runs
let strays = []; // errors of what went on in the background, told with the next piece
let own = null; // the debugger's handle of __cloche
const unsettled = new Set(); // what code as a whole is a promise of, see evaluate()

function send(message) {
    streams.writeAll(REPLIES_FD, Buffer.from(JSON.stringify(message) + '\n'));
}

function giveBack(forms) {
    if (!current)
        return;
    const message = {result: current.number, data: forms};
    const size = () => Buffer.byteLength(JSON.stringify(message)) + 1;
    if (size() > LINE_MAX)
        delete forms['application/json'];
    if (size() > LINE_MAX)
        process.stderr.write('too large to be shown: save it to a file instead\n');
    else
        send(message);
}

function display(...values) {
    for (const value of values)
        giveBack(displayedFormsOf(value));
}

// ---- What code finds in Node ----

function defineGlobal(name, value) {
    Object.defineProperty(globalThis, name, {value, writable: true, configurable: true});
}

function loaderOf(filename) {
    return vm.runInThisContext('(name, options) => import(name, options)', {
        filename, importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    });
}

// The file that this piece of code is, as far as it can tell: in the directory that it runs in.
function settle(file) {
    const here = process.cwd();
    const filename = path.join(here, path.basename(file));
    const module = new Module(filename);
    module.filename = filename;
    module.paths = Module._nodeModulePaths(here);
    const require = Module.createRequire(filename);
    require.main = module;
    const load = loaderOf(filename);
    Object.assign(globalThis.__cloche, {
        meta: {
            filename, dirname: here, url: pathToFileURL(filename).href,
            resolve: (name) => name.startsWith('.') ? new URL(name, pathToFileURL(filename)).href :
                path.isAbsolute(require.resolve(name)) ? pathToFileURL(require.resolve(name)).href : name,
        },
        async import(name, options, wanted = []) {
            const module = await load(name, options);
            const missing = wanted.find((key) => !(key in module));
            if (missing !== undefined)
                throw new SyntaxError(`the module '${name}' does not provide an export named '${missing}'`);
            return module;
        },
    });
    for (const [name, value] of Object.entries({
        require, module, exports: module.exports, __filename: filename, __dirname: here,
    }))
        defineGlobal(name, value);
    process.argv = [process.execPath, filename];
}

// ---- One piece of code ----

function changeEnvironment(changes = {}) {
    const before = Object.keys(changes).map((name) => [name, process.env[name]]);
    Object.assign(process.env, changes);
    return () => {
        for (const [name, value] of before)
            if (value === undefined)
                delete process.env[name];
            else
                process.env[name] = value;
    };
}

function enter(directory) {
    if (directory === undefined)
        return () => {};
    const before = process.cwd();
    process.chdir(directory);
    return () => {
        try {
            process.chdir(before);
        } catch {
            // It is gone, and we are where we are.
        }
    };
}

function post(method, params) {
    let answer;
    session.post(method, params, (error, result) => {
        answer = error ? undefined : result;
    });
    return answer;
}

// The value itself of what the debugger speaks of.
function valueOf(remote) {
    const {objectId, unserializableValue, value} = remote;
    const argument = objectId ? {objectId} : unserializableValue ? {unserializableValue} : {value};
    let taken;
    globalThis.__cloche.take = (given) => {
        taken = given;
    };
    post('Runtime.callFunctionOn', {
        objectId: own, arguments: [argument], silent: true,
        functionDeclaration: 'function (value) { this.take(value); }',
    });
    return taken;
}

// The debugger answers when the promise that the code is has settled, and also when it is collected
// because nothing can settle it any more. Then Node cannot be called, and would abort. So it is held,
// without end if need be: it is the first promise there is, for it is made before any of the code's.
function evaluate(piece, text) {
    const params = {
        expression: `${text}\n//# sourceURL=${piece.path}`, replMode: true, silent: true, objectGroup: 'code',
    };
    let promise;
    const stop = v8.promiseHooks.onInit((first) => {
        promise = first;
        unsettled.add(promise);
        stop();
    });
    session.post('Runtime.evaluate', params, (error, answer) => {
        unsettled.delete(promise);
        if (error || current !== piece || piece.end)
            return; // it was interrupted
        if (answer.exceptionDetails) {
            const {exception, scriptId, lineNumber, columnNumber} = answer.exceptionDetails;
            const unread = exception.className === 'SyntaxError' && scriptId !== undefined;
            fail(valueOf(exception),
                unread && {name: piece.path, line: lineNumber + 1, column: columnNumber + 1});
        } else {
            succeed(piece, valueOf(answer.result));
        }
    });
    stop();
}

function succeed(piece, value) {
    if (typeof value?.then === 'function' && piece.hasValue) {
        Promise.resolve(value).then((settled) => succeed(piece, settled), (error) => fail(error));
        return;
    }
    if (current !== piece || piece.end)
        return;
    piece.settled = true;
    commands.unref();
    if (piece.hasValue && value !== undefined && !isTimer(value)) {
        try {
            giveBack(formsOf(value));
        } catch (error) {
            fail(error);
        }
    }
}

// setTimeout() and the like at the end of code give nothing back that anybody wants to see.
const isTimer = (value) => value !== null && typeof value === 'object' &&
    /^(Timeout|Immediate)$/.test(value.constructor?.name) && typeof value.hasRef === 'function';

// ---- The end of a piece of code ----

function fail(what, place, exitCode = 1) {
    if (!current || current.end)
        return;
    const error = describe(what, place || undefined);
    current.end = {exit_code: exitCode, error};
    process.exitCode = exitCode;
    process.stderr.write(`${error.traceback}\n`);
    if (current.last)
        process.exit(exitCode);
    commands.unref();
    letGo();
    current.grace = setTimeout(() => process.exit(exitCode), GRACE_MS).unref();
}

function timersLeft() {
    const found = [];
    for (const list of Object.values(require('internal/timers').timerListMap))
        for (let timer = list._idlePrev; timer !== list; timer = timer._idlePrev)
            found.push(timer);
    return found.filter((timer) => timer.hasRef());
}

// Lets go of what the loop still waits for.
function letGo() {
    for (const timer of timersLeft())
        clearTimeout(timer);
    for (const handle of process._getActiveHandles())
        if (handle instanceof net.Socket)
            handle.destroy();
        else
            handle.unref?.();
}

// The loop has nothing to wait for.
function onLoopEmpty() {
    if (!current)
        return;
    if (interrupts.isComing || (!current.settled && !current.end && background.isAlive())) {
        commands.ref(); // the loop has that to wait for
        return;
    }
    if (!current.settled && !current.end)
        fail(new Error('a promise that the code awaits at its top is never settled'), undefined, UNSETTLED);
    if (!current.last)
        finish();
}

function finish() {
    commands.ref();
    if (!interrupts.end())
        return; // onInterrupt() comes
    const {number, end, goBack, restore} = current;
    const exitCode = (end?.exit_code ?? Number(process.exitCode ?? 0)) & 0xff;
    clearTimeout(current.grace);
    streams.disconnect();
    goBack?.();
    restore?.();
    post('Runtime.releaseObjectGroup', {objectGroup: 'code'});
    current = null;
    process.exitCode = undefined;
    send({done: number, exit_code: exitCode, error: end?.error});
}

function onInterrupt() {
    if (!current)
        return;
    const error = new Error('the code was interrupted');
    error.name = 'Interrupted';
    error.stack = `${error.name}: ${error.message}`;
    fail(error, undefined, INTERRUPTED);
}

function endStreams() {
    try {
        streams.disconnect();
    } catch {
        // The code has closed one of them itself.
    }
}

// process.exit(), or the end of the last piece: what the code wants to do then comes first, and may exit once
// more. The streams of the last one end here, and not when Node has taken itself apart, which takes longer than
// most programs. Where more may come, what comes must not find a Node that is about to be gone: there it is
// Node's own end that says that the code is done, unless there is an error to tell.
function onExit(code) {
    if (!current)
        return;
    process.removeListener('exit', onExit);
    process.emit('exit', code);
    process.reallyExit(process.exitCode ?? code);
}

process.on('exit', onExit);

const {reallyExit} = process;
process.reallyExit = (code) => {
    if (current) {
        const {number, end, last} = current;
        const exitCode = Number(code ?? 0);
        current = null;
        const error = end?.exit_code === exitCode ? end.error : undefined;
        if (last)
            endStreams();
        if (last || error)
            send({done: number, exit_code: exitCode & 0xff, error});
    }
    reallyExit.call(process, code);
};

process.on('uncaughtException', (error) => {
    if (process.listenerCount('uncaughtException') > 1)
        return; // the code has its own way
    if (current)
        fail(error);
    else
        strays.push(describe(error).traceback);
});

process.on('beforeExit', onLoopEmpty);

// ---- What Cloche says ----

function run({run: number, path: file, env, cwd, last = false}) {
    current = {number, path: file, last, settled: false, hasValue: false, end: undefined};
    streams.connect(path.dirname(file));
    process.exitCode = undefined;
    commands.unref();
    interrupts.begin();
    for (const stray of strays.splice(0))
        process.stderr.write(`${stray}\n`);
    try {
        current.restore = changeEnvironment(env);
        current.goBack = enter(cwd);
        settle(file);
        const source = fs.readFileSync(file, 'utf8').replace(/^\ufeff/, '');
        remember(file, source, 0);
        const {text, moved, hasValue} = rewrite(source);
        remember(file, source, moved);
        current.hasValue = hasValue;
        const piece = current;
        interrupts.evaluate(() => evaluate(piece, text));
    } catch (error) {
        const place = error.loc && {name: file, line: error.loc.line, column: error.loc.column + 1};
        delete error.loc;
        fail(error, place);
    }
}

const commands = new net.Socket({fd: 3, readable: true, writable: false});
let received = '';
commands.setEncoding('utf8');
commands.on('data', (text) => {
    const lines = (received + text).split('\n');
    received = lines.pop();
    for (const line of lines)
        run(JSON.parse(line));
});
commands.on('end', () => process.exit());

session.connect();
defineGlobal('__cloche', {});
defineGlobal('display', display);
own = post('Runtime.evaluate', {expression: '__cloche', objectGroup: 'driver'}).result.objectId;
process.execArgv = [];
loaderOf(__filename)('node:path'); // warns once that it is experimental, and so not in the code
background.install(() => current !== null && !current.last);

const interrupts = new Interrupts(onInterrupt);
interrupts.ready.then(() => {
    streams.disconnect();
    send({ready: true});
}, (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
});
