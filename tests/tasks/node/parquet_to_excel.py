# SPDX-License-Identifier: LGPL-2.1-or-later

"""This is Parquet, I can only open Excel. Give me a workbook with a sheet for each sensor, and all of
it as CSV."""

import csv
import io
import pathlib
import zipfile

# Written by hyparquet-writer: 2000 rows of a time, a sensor (s0, s1, s2 in turn), a value (the row's
# number / 8), a count (the number * 3, 64 bits) and a note that only every 500th row has.
PARQUET = pathlib.Path(__file__).with_name("measurements.parquet")

CODE = """
const { writeFileSync } = require("node:fs");
const _ = require("lodash");
const ExcelJS = require("exceljs");
const Papa = require("papaparse");
const { asyncBufferFromFile, parquetReadObjects } = await import("hyparquet");

const rows = (await parquetReadObjects({ file: await asyncBufferFromFile("measurements.parquet") }))
    .map(row => ({ ...row, count: Number(row.count), at: row.at.toISOString() }));
writeFileSync("measurements.csv", Papa.unparse(rows));
const book = new ExcelJS.Workbook();
for (const [sensor, its] of Object.entries(_.groupBy(rows, "sensor"))) {
    const sheet = book.addWorksheet(sensor);
    sheet.columns = ["at", "value", "note"].map(key => ({ header: key, key }));
    sheet.addRows(its);
    sheet.addRow({ at: "sum", value: { formula: `SUM(B2:B${its.length + 1})`,
                                       result: _.sumBy(its, "value") } });
}
await book.xlsx.writeFile("measurements.xlsx");
console.log(rows.length, book.worksheets.map(sheet => `${sheet.name}:${sheet.rowCount}`).join(" "));
"""


def task(agent):
    done = agent.run("node", CODE, files={"measurements.parquet": PARQUET.read_bytes()},
                     collect=["measurements.*"])
    assert done.good() == "2000 s0:669 s1:669 s2:668\n"
    rows = list(csv.DictReader(io.StringIO(done.files["measurements.csv"].decode())))
    assert rows[500] == {"at": "2025-01-01T08:20:00.000Z", "sensor": "s2", "value": "62.5",
                         "count": "1500", "note": "naïve 測試"}
    assert [i for i, row in enumerate(rows) if row["note"]] == [0, 500, 1000, 1500]
    book = zipfile.ZipFile(io.BytesIO(done.files["measurements.xlsx"]))
    assert book.testzip() is None
    first = book.read("xl/worksheets/sheet1.xml").decode()
    assert f"<f>SUM(B2:B668)</f><v>{sum(i / 8 for i in range(0, 2000, 3))}</v>" in first
