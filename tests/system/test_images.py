# SPDX-License-Identifier: LGPL-2.1-or-later

"""What each image is for, done from a plain installation, and how large it is."""

import base64
import json
import pathlib
import re

import pytest

README = pathlib.Path("/bring/README.md")

PYTHON_MODULES = [
    "bs4", "docx", "html5lib", "IPython", "jinja2", "lxml.etree", "matplotlib.pyplot", "numexpr",
    "numpy", "openpyxl", "pandas", "PIL.Image", "pip", "pymupdf", "pypdf", "pytest",
    "reportlab.pdfgen.canvas", "requests", "scipy.stats", "seaborn", "sklearn.linear_model",
    "statsmodels.api", "sympy", "tabulate", "tesserocr", "venv", "weasyprint", "xlrd", "xlsxwriter",
    "yaml",
]

DOCUMENTS = """
import pandas as pd, pymupdf, pypdf, docx, openpyxl, subprocess
from reportlab.lib.pagesizes import A4
from reportlab.platypus import SimpleDocTemplate, Table, TableStyle, Paragraph
from reportlab.lib.styles import getSampleStyleSheet

rows = [["region", "sum"], ["north", "12"], ["south", "30"]]
table = Table(rows, style=TableStyle([("GRID", (0, 0), (-1, -1), 1, "black")]))
SimpleDocTemplate("a.pdf", pagesize=A4).build([Paragraph("Report", getSampleStyleSheet()["Title"]), table])
print(pymupdf.open("a.pdf")[0].find_tables()[0].extract() == rows)
print("Report" in pypdf.PdfReader("a.pdf").pages[0].extract_text())
print("north" in subprocess.check_output(["pdftotext", "-layout", "a.pdf", "-"], text=True))

with pd.ExcelWriter("a.xlsx", engine="xlsxwriter") as writer:
    pd.DataFrame({"n": [1, 2, 3]}).to_excel(writer, sheet_name="s", index=False)
    chart = writer.book.add_chart({"type": "column"})
    chart.add_series({"values": "=s!$A$2:$A$4"})
    writer.sheets["s"].insert_chart("C2", chart)
print(len(openpyxl.load_workbook("a.xlsx")["s"]._charts), pd.read_excel("a.xlsx")["n"].sum())

document = docx.Document()
document.add_heading("Title")
document.save("a.docx")
print(docx.Document("a.docx").paragraphs[0].text)
"""

CHART = """
import matplotlib.pyplot as plot
plot.title("日本語 हिन्दी ไทย العربية")
plot.savefig("a.png")
"""

OCR = """
from PIL import Image, ImageDraw, ImageFont
import tesserocr, subprocess
image = Image.new("L", (600, 100), 255)
font = ImageFont.truetype("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", 48)
ImageDraw.Draw(image).text((20, 20), "Total 1234 units", font=font, fill=0)
image.save("a.png")
print(tesserocr.image_to_text(image).strip())
print(subprocess.check_output(["tesseract", "a.png", "-"], text=True, stderr=subprocess.DEVNULL).strip())
"""


@pytest.fixture
def client(system):
    """What is in an image is the same in both modes; in both it is used by tests/tasks."""
    with system.connect() as connection:
        yield connection


def test_python_imports_what_it_promises_without_a_word(client):
    code = "import sys, importlib\nfor name in sys.argv[1:]: importlib.import_module(name)"
    ended = client.run("python", argv=["python3", "-c", code, *PYTHON_MODULES], timeout=120)
    assert ended.good() == ""
    assert ended.stderr == b""


def test_python_makes_documents_and_takes_them_apart(client):
    ended = client.run("python", argv=["python3", "-c", DOCUMENTS], timeout=120)
    assert ended.good() == "True\nTrue\nTrue\n1 6\nTitle\n"
    assert ended.stderr == b""


def test_python_reads_pictures(client):
    ended = client.run("python", argv=["python3", "-c", OCR], timeout=120)
    assert ended.good() == "Total 1234 units\nTotal 1234 units\n"


def test_a_chart_has_every_kind_of_script(client):
    ended = client.run("python", argv=["python3", "-W", "error::UserWarning", "-c", CHART], timeout=120)
    assert ended.good() == ""
    assert ended.stderr == b""


def test_a_chart_need_not_look_for_fonts(client):
    code = "import logging; logging.basicConfig(level=0); import matplotlib.font_manager"
    ended = client.run("python", argv=["python3", "-c", code], timeout=120)
    assert ended.good() == ""
    assert b"fontManager" in ended.stderr and b"generated new" not in ended.stderr, ended


def test_fonts_have_every_kind_of_script(client):
    for profile in ("python", "shell", "node", "browser"):
        script = ("for lang in en el ru ar he hi th zh-cn ja ko; do "
                  "fc-list :lang=$lang family | grep -q . || echo no $lang; done; fc-list | grep -ci emoji")
        assert client.run(profile, argv=["sh", "-c", script]).good() == "1\n"


SHELL_COMMANDS = """awk bc bzip2 convert curl diff ffmpeg file find fold gcc git grep jq less make magick nano
pandoc patch pdftotext perl ps python3 rg sed sqlite3 tar tree unzip vi weasyprint xz
zip zstd"""


def test_shell_has_the_usual_commands(client):
    names = SHELL_COMMANDS.split()
    script = "for name; do command -v $name >/dev/null || echo no $name; done"
    assert client.run("shell", argv=["bash", "-c", script, "-", *names]).good() == ""


def test_shell_makes_a_pdf_of_markdown(client):
    script = ("printf '# Title\\n\\n| a | b |\\n|---|---|\\n| x | 日本語 |\\n' >a.md && "
              "pandoc --pdf-engine=weasyprint --metadata title=T -o a.pdf a.md && pdftotext a.pdf - && "
              "pdffonts a.pdf | grep -c WenQuanYi")
    text = client.run("shell", argv=["sh", "-c", script], timeout=120).good()
    assert "Title" in text and "日本語" in text
    assert text.endswith("\f1\n"), text  # pdftotext ends each page so


def test_shell_handles_pictures_and_films(client):
    script = ("magick -size 64x48 gradient:red-blue a.png && file -b --mime-type a.png && "
              "ffmpeg -v error -loop 1 -i a.png -t 1 -pix_fmt yuv420p a.mp4 && "
              "ffprobe -v error -show_entries stream=codec_name -of csv=p=0 a.mp4 && "
              "printf 'int main(){return 7;}' | gcc -xc - && ./a.out; echo $?")
    assert client.run("shell", argv=["sh", "-c", script], timeout=120).good() == "image/png\nh264\n7\n"


NODE = """
import ExcelJS from 'exceljs';
import * as cheerio from 'cheerio';
import Papa from 'papaparse';
import {Chart, registerables} from 'chart.js';
import {createCanvas} from '@napi-rs/canvas';
import _ from 'lodash';
import {parquetReadObjects} from 'hyparquet';

const book = new ExcelJS.Workbook();
book.addWorksheet('s').addRow([1, 2]);
await book.xlsx.writeFile('a.xlsx');
console.log(cheerio.load('<p>text</p>')('p').text(), Papa.parse('a,b\\n1,2', {header: true}).data[0].b,
    _.sum([1, 2]), typeof parquetReadObjects);
Chart.register(...registerables);
const canvas = createCanvas(300, 200);
new Chart(canvas, {type: 'bar', data: {labels: ['a', 'b'], datasets: [{data: [1, 2]}]},
    options: {animation: false, responsive: false}});
canvas
"""


def test_node_has_its_packages_and_shows_a_chart(client):
    ended = client.run("node", code=NODE, timeout=120)
    assert ended.good() == "text 2 3 function\n"
    assert ended.stderr == b""
    [result] = ended.result["results"]
    assert base64.b64decode(result["image/png"]).startswith(b"\x89PNG")


def test_node_has_npm_and_a_compiler_of_typescript(client):
    script = ("npm --version && npm init -y >/dev/null && echo 'const n: number = 5; console.log(n)' >a.ts && "
              "tsc a.ts; node a.js")
    assert re.fullmatch(r"11\..*\n5\n", client.run("node", argv=["sh", "-c", script], timeout=120).good())


def test_node_keeps_its_state_and_lets_go_of_a_loop(client):
    sandbox = client.call("sandbox.open", {"profile": "node"}, timeout=120)["sandbox"]

    def execute(code, **params):
        return client.call("sandbox.exec", {"sandbox": sandbox, "code": code, **params}, timeout=60)

    assert execute("const a = await 5; a")["results"] == [{"text/plain": "5", "application/json": "5"}]
    assert execute("while (true) {}", timeout_ms=1000)["status"] == "timeout"
    assert execute("const b = a + 1; b")["results"][0]["text/plain"] == "6"
    failed = execute("null.x")
    assert (failed["exit_code"], failed["error"]["name"]) == (1, "TypeError")
    assert execute("process.exit(3)")["exit_code"] == 3
    assert execute("typeof a")["results"][0]["text/plain"] == "'undefined'"
    client.call("sandbox.close", {"sandbox": sandbox})


PAGE = """
const {chromium} = require('playwright-core');
const browser = await chromium.launch();
const page = await browser.newPage();
await page.setContent(`<title>T</title><h1>Größe 日本語</h1><input id=i><button onclick="
    setTimeout(() => { const p = document.createElement('p'); p.textContent = 'got ' + i.value;
                       document.body.append(p) }, 100)">go</button>
    <a download=d.txt href="data:text/plain,downloaded">get</a>`);
await page.fill('#i', 'words');
await page.click('button');
await page.waitForSelector('p');
console.log(await page.textContent('p'), await page.title());
const [download] = await Promise.all([page.waitForEvent('download'), page.click('a')]);
await download.saveAs('/work/d.txt');
console.log(require('fs').readFileSync('/work/d.txt', 'utf8'));
console.log((await page.pdf()).subarray(0, 5).toString());
"""


def test_browser_drives_a_page_and_keeps_it(client):
    sandbox = client.call("sandbox.open", {"profile": "browser"}, timeout=120)["sandbox"]
    request = client.send("sandbox.exec", {"sandbox": sandbox, "code": PAGE})
    result = client.answer(request, 120)
    output = client.output[request]
    assert (result["status"], result["exit_code"]) == ("exited", 0), (result, output)
    assert output["stdout"].decode() == "got words T\ndownloaded\n%PDF-\n"
    shot = client.call("sandbox.exec", {"sandbox": sandbox, "code": "await page.screenshot()"}, timeout=60)
    assert base64.b64decode(shot["results"][0]["image/png"]).startswith(b"\x89PNG")
    client.call("sandbox.close", {"sandbox": sandbox})


def test_a_page_that_eats_memory_has_a_typed_end(client):
    code = PAGE[:PAGE.index("await page.setContent")] + """
page.on('crash', () => { console.log('crashed'); process.exit(9) });
await page.evaluate(() => { const all = []; for (;;) all.push(new Uint8Array(1 << 24).fill(1)) })
"""
    ended = client.run("browser", code=code, limits={"memory_bytes": 512 << 20}, timeout_ms=120000, timeout=240)
    assert "memory" in ended.limits_hit, ended


def sizes_of(mode):
    """From each image to the size of its layers, and of those that no other image has, in MB. From the store
    itself: `podman system df` does not see that images which were loaded from one archive share layers."""
    layers = {layer["id"]: layer
              for layer in json.loads((mode.storage / "overlay-layers/layers.json").read_text())}
    chains = {}
    for image in json.loads((mode.storage / "overlay-images/images.json").read_text()):
        for name in re.findall(r"^localhost/cloche-(\w+):latest$", "\n".join(image.get("names") or []),
                               re.MULTILINE):
            chains[name], layer = set(), image["layer"]
            while layer:
                chains[name].add(layer)
                layer = layers[layer].get("parent")
    return {name: [sum(layers[i].get("diff-size", 0) for i in part) / 1e6 for part in (
                chain, chain.difference(*(c for n, c in chains.items() if n != name)))]
            for name, chain in chains.items()}


def test_the_images_are_as_large_as_the_readme_says(system):
    rows = dict((name, [float(whole), float(own)]) for name, whole, own in re.findall(
        r"^ *\| `(\w+)` \| ([\d.]+) MB \| ([\d.]+) MB \|", README.read_text(), re.MULTILINE))
    sizes = sizes_of(system)
    assert rows.keys() == sizes.keys() == {"browser", "node", "python", "shell"}
    for name, size in sizes.items():
        assert size == pytest.approx(rows[name], rel=0.1, abs=5), sizes
