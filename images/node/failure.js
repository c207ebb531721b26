// SPDX-License-Identifier: LGPL-2.1-or-later
'use strict';

// What a person reads when code has failed, and an agent acts on: where in the code, the line itself,
// and Node's own text with the frames that are neither the code's nor a package's left out.

const util = require('node:util');

const TEXT_MAX = 32 << 10; // characters of each part of an error: three of them are one reply
const SOURCES_MAX = 256; // pieces of code whose lines can still be shown

const HINT = 'A sandbox has no network of its own: packages come with the image of the profile, or as ' +
    'files that are put into node_modules in the working directory.';

const sources = new Map(); // from a file's name to its lines, and by how much the first was moved

function remember(name, source, moved) {
    sources.delete(name);
    sources.set(name, {lines: source.split('\n'), moved});
    if (sources.size > SOURCES_MAX)
        sources.delete(sources.keys().next().value);
}

// The line that {name, line, column} is about, with a mark below; nothing for a file of others.
function excerpt(place) {
    const source = place && sources.get(place.name);
    const text = source?.lines[place.line - 1];
    if (text === undefined)
        return '';
    const column = Math.max(1, place.column - (place.line === 1 ? source.moved : 0));
    return `${place.name}:${place.line}\n${text}\n${text.slice(0, column - 1).replace(/[^\t]/g, ' ')}^\n\n`;
}

function placeOf(stack) {
    for (const [, name, line, column] of stack.matchAll(/(\/[^\s():]+):(\d+):(\d+)/g))
        if (sources.has(name))
            return {name, line: Number(line), column: Number(column)};
    return undefined;
}

function isFrameOfOthers(line) {
    return /^\s+at /.test(line) && (line.includes(__dirname) || /\bnode:(internal|inspector)\b/.test(line));
}

const inspected = (value) => {
    try {
        return util.inspect(value);
    } catch {
        return '[what cannot be shown]';
    }
};

// describe(WHAT, PLACE): what was thrown, as {name, value, traceback}. PLACE: where, for code that
// could not be read, and so has no stack.
function describe(what, place) {
    const text = inspected(what);
    if (!util.types.isNativeError(what) && !(what instanceof Error))
        return {name: 'Uncaught', value: text.slice(0, TEXT_MAX), traceback: `Uncaught ${text}`.slice(0, TEXT_MAX)};
    const lines = text.split('\n').filter((line) => !isFrameOfOthers(line));
    if (/^(ERR_)?MODULE_NOT_FOUND$/.test(what.code))
        lines.push(HINT);
    return {
        name: String(what.name).slice(0, TEXT_MAX),
        value: String(what.message).slice(0, TEXT_MAX),
        traceback: (excerpt(place ?? placeOf(text)) + lines.join('\n')).slice(0, TEXT_MAX),
    };
}

module.exports = {remember, describe};
