#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The driver of the profile `node`, against its protocol. The argument is where Node is."""

import base64
import json
import os
import pathlib
import signal
import sys
import tempfile
import unittest

from played import IMAGES, Driver

PNG = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
       "gg==")


class NodeCase(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.TemporaryDirectory()
        self.addCleanup(self.work.cleanup)
        self.driver = self.start()

    def start(self):
        driver = Driver("sh", str(IMAGES / "node/driver.sh"), cwd=self.work.name)
        self.addCleanup(driver.close)
        return driver

    def run_code(self, code, exit_code=0, **more):
        ended = self.driver.run(code, **{"name": "main.js", **more})
        self.assertEqual(ended.exit_code, exit_code, ended)
        return ended

    def start_code(self, code, **more):
        return self.driver.start(code, **{"name": "main.js", **more})

    def put(self, name, text):
        path = pathlib.Path(self.work.name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class Language(NodeCase):
    def test_the_last_expression_is_the_result(self):
        for code, text, json_text in (
                ("1 + 1", "2", "2"),
                ("'a'", "'a'", '"a"'),
                ("({a: [1, {b: null}]})", "{ a: [ 1, { b: null } ] }", '{"a":[1,{"b":null}]}'),
                ("new Map([[1, 2]])", "Map(1) { 1 => 2 }", None),
                ("[undefined]", "[ undefined ]", None),
                ("10n", "10n", None),
                ("NaN", "NaN", None),
                ("-0", "-0", "0"),
                ("await Promise.resolve(7)", "7", "7"),
                ("Promise.resolve(8)", "8", "8"),
                ("(async () => 9)()", "9", "9")):
            with self.subTest(code):
                ended = self.run_code(code)
                expected = {"text/plain": text}
                if json_text is not None:
                    expected["application/json"] = json_text
                self.assertEqual(ended.results, [expected])
                self.assertEqual((ended.stdout, ended.stderr), ("", ""))

    def test_what_gives_nothing_back_has_no_result(self):
        for code in ("", "undefined", "console.log(1)", "a = 5", "const b = 5", "for (;;) { 5; break }",
                     "'use strict'", "setTimeout(() => {}, 1)", "// 5", "process.exitCode = 0"):
            with self.subTest(code):
                self.assertEqual(self.run_code(code).results, [])

    def test_state_stays_and_is_declared_again(self):
        self.run_code("const a = 1; let b = 2; class C { x() { return 3 } } function f() { return 4 }")
        self.assertEqual(self.run_code("[a, b, new C().x(), f()].join()").text, ["'1,2,3,4'"])
        self.run_code("const a = 10; let b = await 20; class C { x() { return 30 } }")
        self.assertEqual(self.run_code("[a, b, new C().x(), f()].join()").text, ["'10,20,30,4'"])

    def test_modules_are_found_from_the_working_directory(self):
        self.put("node_modules/pack/index.js", "exports.name = 'pack'; module.exports.two = 2")
        self.put("helper.mjs", "export const x = 41; export default function () { return 42 }")
        self.put("data.json", '{"n": 43}')
        self.put("old.cjs", "module.exports = 44")
        ended = self.run_code("""import helper, {x as y} from './helper.mjs';
import * as fs from 'node:fs'
import data from './data.json' with { type: 'json' };
import {
    two
} from 'pack'; import 'pack';
const lazy = await import('./helper.mjs');
const text = "import('x') and import.meta stay";
console.log(y, helper(), data.n, require('./old.cjs'), require('pack').name, two, lazy.x, typeof fs.readFileSync);
console.log(text, (await import('node:path')).basename(import.meta.filename), import.meta.dirname === process.cwd());
export const shown = 1; export default 5;
""")
        self.assertEqual(ended.stdout, "41 42 43 44 pack 2 41 function\n"
                         "import('x') and import.meta stay main.js true\n")
        self.assertEqual(ended.stderr, "")

    def test_code_finds_itself_to_be_a_main_file(self):
        ended = self.run_code("""import {pathToFileURL} from 'node:url';
console.log(require.main === module, __filename === process.argv[1], __dirname === process.cwd(),
    import.meta.url === pathToFileURL(process.argv[1]).href, process.argv.length, process.execArgv.length);
""")
        self.assertEqual(ended.stdout, "true true true true 2 0\n")

    def test_a_file_that_begins_as_a_program_is_one(self):
        self.assertEqual(self.run_code("#!/usr/bin/env node\nconsole.log(1)").stdout, "1\n")


class Results(NodeCase):
    def test_pictures_are_pictures(self):
        picture = {"image/png": PNG, "text/plain": f"<image/png, {len(base64.b64decode(PNG))} bytes>"}
        for code in (f"Buffer.from('{PNG}', 'base64')",
                     f"display(Buffer.from('{PNG}', 'base64'))",
                     f"display(new Uint8Array(Buffer.from('{PNG}', 'base64')))",
                     f"""class Canvas {{ toBuffer(type) {{
                         return type === 'image/png' && Buffer.from('{PNG}', 'base64') }} }}
                     new Canvas()"""):
            with self.subTest(code[:30]):
                self.assertEqual(self.run_code(code).results, [picture])

    def test_display_takes_forms_by_media_type(self):
        self.assertEqual(self.run_code(
            f"display({{'image/png': '{PNG}'}}, {{'text/html': '<b>', 'text/plain': 'b'}}, 5)").results,
            [{"image/png": PNG, "text/plain": "<image/png>"},
             {"text/html": "<b>", "text/plain": "b"},
             {"text/plain": "5", "application/json": "5"}])

    def test_a_result_too_large_is_left_out_with_a_word(self):
        ended = self.run_code("display({'text/html': 'x'.repeat(2 << 20)}); 1")
        self.assertEqual(ended.text, ["1"])
        self.assertIn("too large to be shown", ended.stderr)

    def test_json_goes_before_text_does(self):
        ended = self.run_code("Array.from({length: 300000}, (_, i) => i)")
        self.assertEqual(list(ended.results[0]), ["text/plain"])


class Failures(NodeCase):
    def test_an_error_has_name_value_and_the_line(self):
        ended = self.run_code("const a = 1;\nfunction f() {\n    throw new TypeError('no');\n}\nf();\n", 1)
        self.assertEqual((ended.error["name"], ended.error["value"]), ("TypeError", "no"))
        lines = ended.error["traceback"].split("\n")
        self.assertRegex(lines[0], r"/main\.js:3$")
        self.assertEqual(lines[1:3], ["    throw new TypeError('no');", "    ^"[:4] + "      ^"])
        self.assertIn("TypeError: no", lines)
        self.assertRegex(ended.error["traceback"], r"at f \(.*main\.js:3:11\)\n    at .*main\.js:5:1")
        self.assertNotIn("driver", ended.error["traceback"])
        self.assertEqual(ended.stderr, ended.error["traceback"] + "\n")
        self.assertEqual(self.run_code("a").text, ["1"], "what it did before stays")

    def test_a_syntax_error_shows_where(self):
        for code in ("let x = 5;\nlet y = ;\n", "import fs from 'fs';\nlet y = ;\n"):
            with self.subTest(code):
                ended = self.run_code(code, 1)
                self.assertEqual(ended.error["name"], "SyntaxError")
                self.assertRegex(ended.error["traceback"], r"^/.*main\.js:2\nlet y = ;\n        \^\n\n"
                                                           r"SyntaxError: Unexpected token")

    def test_every_way_to_fail_ends_the_code(self):
        for code, name, value in (
                ("throw 5", "Uncaught", "5"),
                ("await Promise.reject(new RangeError('a'))", "RangeError", "a"),
                ("Promise.reject(new RangeError('b')); await new Promise(r => setTimeout(r, 5e3))",
                 "RangeError", "b"),
                ("setTimeout(() => { throw new RangeError('c') }, 5); setInterval(() => {}, 5)",
                 "RangeError", "c"),
                ("process.nextTick(() => nowhere)", "ReferenceError", "nowhere is not defined"),
                ("JSON.parse('{')", "SyntaxError", None),
                ("(function f() { f() })()", "RangeError", "Maximum call stack size exceeded"),
                ("import {nothing} from 'node:fs'", "SyntaxError", None),
                ("require('./not-there')", "Error", None),
                ("new Promise(() => {})", "Error", None)):
            with self.subTest(code):
                exit_code = 13 if code.startswith("new Promise") else 1
                ended = self.run_code(code, exit_code)
                self.assertEqual(ended.error["name"], name)
                if value is not None:
                    self.assertEqual(ended.error["value"], value)
        self.assertEqual(self.run_code("1").text, ["1"], "and Node goes on")

    def test_a_missing_package_says_where_packages_come_from(self):
        for code in ("require('not-there')", "import x from 'not-there'"):
            with self.subTest(code):
                self.assertIn("packages come with the image", self.run_code(code, 1).error["traceback"])

    def test_an_error_has_its_cause_and_fields(self):
        ended = self.run_code("throw new Error('outer', {cause: Object.assign(new Error('inner'), {code: 'E7'})})",
                              1)
        self.assertIn("[cause]: Error: inner", ended.error["traceback"])
        self.assertIn("code: 'E7'", ended.error["traceback"])

    def test_code_may_handle_what_nobody_catches(self):
        ended = self.run_code("process.once('uncaughtException', (e) => console.log('mine', e.message));"
                              "setTimeout(() => { throw new Error('x') }, 1)")
        self.assertEqual((ended.stdout, ended.error), ("mine x\n", None))


class Warnings(NodeCase):
    def test_code_hears_no_warning_that_is_not_its_own(self):
        ended = self.run_code("process.on('warning', (w) => console.log(w.message)); await import('node:path');"
                              "await new Promise((r) => setTimeout(r, 20)); process.emitWarning('its own');"
                              "await new Promise((r) => setTimeout(r, 20))")
        self.assertEqual(ended.stdout, "its own\n")


class Ends(NodeCase):
    def test_what_the_loop_waits_for_is_waited_for(self):
        ended = self.run_code("""
            const {execFile} = require('node:child_process');
            setTimeout(() => console.log('timer'), 50);
            require('node:fs').readFile('/etc/passwd', () => console.log('file'));
            execFile('sh', ['-c', 'sleep 0.1; echo child'], (error, text) => process.stdout.write(text));
            let n = 0; const i = setInterval(() => { if (++n === 3) clearInterval(i) }, 1);
            console.log('first')""")
        self.assertEqual(sorted(ended.stdout.split()), ["child", "file", "first", "timer"])
        self.assertTrue(ended.stdout.startswith("first"))

    def test_a_server_goes_on_in_the_background(self):
        self.run_code("const server = require('node:http').createServer((q, r) => r.end('served'));"
                      "await new Promise((done) => server.listen(0, '127.0.0.1', done))")
        self.assertEqual(self.run_code(
            "await (await fetch(`http://127.0.0.1:${server.address().port}`)).text()").text, ["'served'"])

    def test_a_detached_program_goes_on_in_the_background(self):
        self.run_code("const child = require('node:child_process').spawn('cat', {detached: true});"
                      "child.stdout.setEncoding('utf8')")
        self.assertEqual(self.run_code(
            "child.stdin.write('through it'); await new Promise((r) => child.stdout.once('data', r))").text,
            ["'through it'"])
        self.run_code("child.kill()")

    def exit_code(self, code, stdout, **more):
        """Of Node itself, which is not done with such code before it has ended."""
        ended = self.driver.run(code, name="main.js", **more)
        self.assertIsNone(ended.done)
        self.assertEqual(ended.stdout, stdout)
        return self.driver.process.wait(20)

    def test_exit_ends_node_with_its_code(self):
        self.assertEqual(self.exit_code("setInterval(() => {}, 9); process.on('exit', () => console.log('bye'));"
                                        "process.exit(3)", "bye\n"), 3)

    def test_an_exit_handler_may_exit_with_another_code(self):
        self.assertEqual(self.exit_code("process.on('exit', () => { console.log('one'); process.exit(5) });"
                                        "process.on('exit', () => console.log('never')); process.exit(3)",
                                        "one\n"), 5)

    def test_the_last_code_may_close_its_streams(self):
        self.run_code("require('node:fs').closeSync(1)", 0, last=True)

    def test_an_exit_handler_may_fail(self):
        ended = self.run_code("process.on('exit', () => { throw new Error('too late') }); 1", 1, last=True)
        self.assertIn("too late", ended.stderr)

    def test_an_exit_code_set_is_the_exit_code(self):
        self.run_code("process.exitCode = 4", 4)
        self.run_code("1", 0)

    def test_the_last_code_ends_as_a_program_does(self):
        ended = self.run_code("process.on('exit', (c) => console.log('exit', c)); process.exitCode = 6;"
                              "process.on('beforeExit', () => console.log('before')); 'value'", 6, last=True)
        self.assertEqual((ended.stdout, ended.text), ("before\nexit 6\n", ["'value'"]))
        self.assertIsNone(self.driver.receive())
        self.assertEqual(self.driver.process.wait(20), 6)

    def test_the_last_code_fails_as_a_program_does(self):
        ended = self.run_code("setInterval(() => {}, 9); await null; throw new Error('x')", 1, last=True)
        self.assertEqual(ended.error["value"], "x")
        self.assertIsNone(self.driver.receive())

    def test_it_ends_with_its_input(self):
        self.driver.process.stdin.close()
        self.assertEqual(self.driver.process.wait(20), 0)


class Streams(NodeCase):
    def test_input_is_read_in_every_way(self):
        for code in ("process.stdout.write(require('node:fs').readFileSync(0, 'utf8').toUpperCase())",
                     "process.stdin.on('data', (d) => process.stdout.write(String(d).toUpperCase()))",
                     "for await (const d of process.stdin) process.stdout.write(String(d).toUpperCase())",
                     "for await (const line of require('node:readline').createInterface({input: process.stdin}))"
                     " console.log(line.toUpperCase())",
                     "require('node:child_process').execFileSync('tr', ['a-z', 'A-Z'], {stdio: 'inherit'})"):
            with self.subTest(code):
                self.assertEqual(self.run_code(code, stdin=b"some\nlines\n").stdout, "SOME\nLINES\n")

    def test_code_that_reads_no_input_does_not_wait_for_it(self):
        piece = self.start_code("process.stdin; console.log(1)", stdin=None)
        self.assertEqual(piece.wait().stdout, "1\n")

    def test_each_piece_has_its_own_streams(self):
        for i in range(3):
            ended = self.run_code(f"console.log('out{i}'); console.error('err{i}'); process.stdout.end();"
                                  f"require('node:child_process').execSync('echo child{i} >&2', {{stdio: 'inherit'}})")
            self.assertEqual((ended.stdout, ended.stderr), (f"out{i}\n", f"err{i}\nchild{i}\n"))

    def test_much_output_arrives_whole(self):
        ended = self.run_code("for (let i = 0; i < 100; i++) process.stdout.write('x'.repeat(1 << 16));"
                              "console.log('end')")
        self.assertEqual(len(ended.stdout), 100 * (1 << 16) + 4)

    def test_environment_and_directory_hold_for_one_piece(self):
        here = os.path.realpath(self.work.name)
        self.run_code("process.env.KEPT = 'yes'; process.env.B = 'before'")
        ended = self.run_code("[process.env.A, process.env.B, process.cwd(), __dirname].join()",
                              env={"A": "1", "B": "2"}, cwd="/usr")
        self.assertEqual(ended.text, ["'1,2,/usr,/usr'"])
        ended = self.run_code("[process.env.A, process.env.B, process.env.KEPT, process.cwd()].join()")
        self.assertEqual(ended.text, [f"',before,yes,{here}'"])
        self.assertEqual(self.run_code("1", 1, cwd="/not-there").error["name"], "Error")
        self.assertEqual(self.run_code("1").text, ["1"])


class Interrupts(NodeCase):
    def assert_interrupted(self, piece):
        ended = piece.interrupt().wait(10)
        self.assertEqual((ended.exit_code, ended.error["name"]), (130, "Interrupted"))

    def test_code_lets_go_whatever_it_does_and_state_stays(self):
        self.run_code("const state = 'kept'")
        for code in ("console.log('on'); while (true) {}",
                     "console.log('on'); await new Promise((r) => setTimeout(r, 1e6))",
                     "console.log('on'); await require('node:timers/promises').setTimeout(1e6)",
                     "console.log('on'); setInterval(() => {}, 10)",
                     "console.log('on'); for await (const d of process.stdin) {}",
                     "console.log('on'); require('node:child_process').spawn('sleep', ['60'])",
                     "await null; console.log('on'); while (true) await null",
                     "await null; console.log('on'); while (true) {}"):
            with self.subTest(code):
                self.assert_interrupted(self.start_code(code, stdin=None).wait_output(b"on"))
                self.assertEqual(self.run_code("state").text, ["'kept'"])

    def test_a_callback_that_never_ends_ends_node(self):
        piece = self.start_code("setTimeout(() => { console.log('on'); while (true) {} }, 1)")
        ended = piece.wait_output(b"on").interrupt().wait(10)
        self.assertIsNone(ended.done)
        self.assertEqual(ended.stderr, "")

    def test_an_interrupt_between_two_pieces_does_no_harm(self):
        for _ in range(20):
            self.driver.process.send_signal(signal.SIGINT)
            ended = self.driver.run("1")
            self.assertIn(ended.exit_code, (0, 130), ended)
        self.assertEqual(self.driver.run("2").text, ["2"])

    def test_an_interrupt_at_any_moment_ends_code_or_comes_too_late(self):
        for i in range(30):
            piece = self.start_code(f"for (let i = 0; i < {i} * 1e6; i++); 'done'")
            ended = piece.interrupt().wait(10)
            self.assertIn((ended.exit_code, ended.text), [(0, ["'done'"]), (130, ["'done'"]), (130, [])])
        self.assertEqual(self.run_code("3").text, ["3"])


if __name__ == "__main__":
    node = sys.argv.pop(1) if len(sys.argv) > 1 and os.path.isabs(sys.argv[1]) else None
    if node:
        os.environ["PATH"] = f"{os.path.dirname(node)}:{os.environ['PATH']}"
    unittest.main()
