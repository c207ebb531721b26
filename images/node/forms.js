// SPDX-License-Identifier: LGPL-2.1-or-later
'use strict';

// The forms that a value is given back in, by media type: always text/plain, a picture where it is
// one, application/json where that says all there is to say.

const util = require('node:util');

const INSPECT = {depth: 4, maxArrayLength: 100, maxStringLength: 10000, breakLength: 100};
const JSON_DEPTH_MAX = 32; // levels, beyond which a value is not given back as JSON

const PICTURES = [
    ['image/png', /^\x89PNG\r\n\x1a\n/],
    ['image/jpeg', /^\xff\xd8\xff/],
    ['image/gif', /^GIF8[79]a/],
    ['image/webp', /^RIFF[^]{4}WEBP/],
];

const bytesOf = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);

function pictureOf(value) {
    if (value instanceof Uint8Array) {
        const start = bytesOf(value).toString('latin1', 0, 16);
        const type = PICTURES.find(([, magic]) => magic.test(start))?.[0];
        return type && {type, bytes: bytesOf(value)};
    }
    // @napi-rs/canvas, node-canvas and their like
    if (/Canvas/.test(value?.constructor?.name) && typeof value.toBuffer === 'function')
        return {type: 'image/png', bytes: value.toBuffer('image/png')};
    return undefined;
}

// Whether reading its JSON gives the value again.
function isJson(value, depth = JSON_DEPTH_MAX) {
    if (value === null || typeof value === 'string' || typeof value === 'boolean')
        return true;
    if (typeof value === 'number')
        return Number.isFinite(value);
    if (typeof value !== 'object' || depth === 0)
        return false;
    if (Array.isArray(value))
        return value.every((item) => isJson(item, depth - 1));
    const prototype = Object.getPrototypeOf(value);
    return (prototype === Object.prototype || prototype === null) && typeof value.toJSON !== 'function' &&
        Reflect.ownKeys(value).every((key) => typeof key === 'string' && isJson(value[key], depth - 1));
}

function formsOf(value) {
    const picture = pictureOf(value);
    if (picture)
        return {
            [picture.type]: picture.bytes.toString('base64'),
            'text/plain': `<${picture.type}, ${picture.bytes.length} bytes>`,
        };
    const forms = {'text/plain': util.inspect(value, INSPECT)};
    if (isJson(value))
        forms['application/json'] = JSON.stringify(value);
    return forms;
}

const isMediaType = (key) => /^[a-z]+\/[\w.+-]+$/.test(key);
const isText = (type) => /^text\/|^image\/svg|json$|^application\/javascript$/.test(type);

function formOf(type, value) {
    if (value instanceof Uint8Array)
        return bytesOf(value).toString(isText(type) ? 'utf8' : 'base64');
    return typeof value === 'string' ? value : JSON.stringify(value);
}

// As formsOf(), but an object whose keys are media types is the forms themselves: strings, base64 for
// those of a binary type, or bytes.
function displayedFormsOf(value) {
    const keys = value && typeof value === 'object' ? Object.keys(value) : [];
    if (keys.length === 0 || !keys.every(isMediaType))
        return formsOf(value);
    const forms = Object.fromEntries(keys.map((key) => [key, formOf(key, value[key]) ?? '']));
    return {...forms, 'text/plain': forms['text/plain'] ?? `<${keys.join(', ')}>`};
}

module.exports = {formsOf, displayedFormsOf};
