// SPDX-License-Identifier: LGPL-2.1-or-later
'use strict';

// Code is evaluated as at a prompt, where what only a module may have does not exist. So it is made
// of what does: `import` and `export` at the top, import() and import.meta anywhere. Lines stay where
// they are. All else about the language is left to V8.
//
//     import a, {b as c} from 'd'     const c1 = await __cloche.import('d', undefined, …), {…} = c1
//     import('d')                     __cloche.import('d')
//     import.meta                     __cloche.meta
//     export const a = 1              const a = 1

let acorn;
try {
    acorn = require('internal/deps/acorn/acorn/dist/acorn');
} catch {
    // A Node without it: code can do what a prompt can.
}

const OPTIONS = {
    ecmaVersion: 'latest', allowAwaitOutsideFunction: true, allowImportExportEverywhere: true,
    allowHashBang: true,
};

const blank = (text) => text.replace(/[^\n]/g, ' ');

// The tree, and the text that it is of: without import attributes, which an older parser stumbles over.
function parse(text) {
    const attributes = [];
    for (;;) {
        try {
            return {tree: acorn.parse(text, OPTIONS), text, attributes};
        } catch (error) {
            const found = /^with\s*(\{[^{}]*\})/.exec(text.slice(error.pos));
            if (!found)
                throw error;
            attributes.push({pos: error.pos, text: found[1]});
            text = text.slice(0, error.pos) + blank(found[0]) + text.slice(error.pos + found[0].length);
        }
    }
}

function* nodesOf(tree) {
    const left = [tree];
    while (left.length > 0) {
        const node = left.pop();
        if (typeof node.type === 'string')
            yield node;
        for (const value of Object.values(node))
            if (value !== null && typeof value === 'object' && !(value instanceof RegExp))
                left.push(value);
    }
}

const keyOf = (name) => JSON.stringify(name.name ?? name.value);

// The statement that does what an import declaration does.
function importing(node, attributes) {
    const found = attributes.find((a) => a.pos >= node.source.end && a.pos <= node.end)?.text ??
        (node.attributes?.length > 0 && `{${node.attributes.map((a) => `${keyOf(a.key)}: ${a.value.raw}`)}}`);
    const options = found ? `{with: ${found}}` : 'undefined';
    const named = node.specifiers.filter((s) => s.type !== 'ImportNamespaceSpecifier')
        .map((s) => [s.type === 'ImportSpecifier' ? keyOf(s.imported) : '"default"', s.local.name]);
    const call = `await __cloche.import(${node.source.raw}, ${options}, [${named.map(([key]) => key)}])`;
    const namespace = node.specifiers.find((s) => s.type === 'ImportNamespaceSpecifier');
    const pattern = `{${named.map(([key, local]) => `${key}: ${local}`)}}`;
    if (namespace)
        return `const ${namespace.local.name} = ${call}, ${pattern} = ${namespace.local.name};`;
    return named.length > 0 ? `const ${pattern} = ${call};` : `${call};`;
}

// What goes of an export: all of it, or the words before what it declares.
function exported(node) {
    const kept = node.declaration;
    if (!kept)
        return {start: node.start, end: node.end, text: ''};
    const text = kept.type.endsWith('Declaration') ? '' : ';';
    return {start: node.start, end: kept.start, text};
}

function editsOf({tree, attributes}) {
    const edits = [];
    let first = '';
    for (const node of tree.body) {
        if (node.type === 'ImportDeclaration') {
            first += importing(node, attributes);
            edits.push({start: node.start, end: node.end, text: ''});
        } else if (/^Export(Named|Default)Declaration$/.test(node.type)) {
            edits.push(exported(node));
        }
    }
    for (const node of nodesOf(tree)) {
        if (node.type === 'ImportExpression')
            edits.push({start: node.start, end: node.start + 'import'.length, text: '__cloche.import'});
        else if (node.type === 'MetaProperty' && node.meta.name === 'import')
            edits.push({start: node.start, end: node.end, text: '__cloche.meta'});
    }
    return {edits, first};
}

function endsInValue(tree) {
    const last = tree.body.at(-1);
    return last?.type === 'ExpressionStatement' && last.directive !== 'use strict' &&
        !/^(Assignment|Update)Expression$/.test(last.expression.type);
}

// Turns a piece of code into {text, moved, hasValue}: what to evaluate, by how many columns its first
// line was moved, and whether it ends in an expression that gives something back (an assignment does
// not). Throws a SyntaxError with `loc` where the code
// is not what only a module may hold and not what V8 would find the same fault in.
function rewrite(source) {
    let parsed;
    if (!acorn)
        return {text: source, moved: 0, hasValue: true};
    try {
        parsed = parse(source);
    } catch (error) {
        // V8 says it better, unless it would stop at the first import.
        if (!/^\s*(import|export)\b/m.test(source))
            return {text: source, moved: 0, hasValue: true};
        throw Object.assign(new SyntaxError(error.message.replace(/ \(\d+:\d+\)$/, '')), {loc: error.loc});
    }
    const {edits, first} = editsOf(parsed);
    let text = parsed.text.replace(/^#!/, '//');
    for (const {start, end, text: by} of edits.sort((a, b) => b.start - a.start))
        text = text.slice(0, start) + by + text.slice(start, end).replace(/[^\n]/g, '') + text.slice(end);
    return {text: first + text, moved: first.length, hasValue: endsInValue(parsed.tree)};
}

module.exports = {rewrite};
