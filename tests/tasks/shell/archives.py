# SPDX-License-Identifier: LGPL-2.1-or-later

"""Unpack what I uploaded, whatever it is packed with, remove what is there twice, and give it back as
one archive with checksums."""

import hashlib
import io
import tarfile
import zipfile

TEXTS = {"one.txt": "one\n" * 100, "two.txt": "two\n", "three.txt": "three\n"}


def packed(kind):
    file = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/one.txt", TEXTS["one.txt"])
            archive.writestr("a/two.txt", TEXTS["two.txt"])
    else:
        with tarfile.open(fileobj=file, mode=f"w:{kind}") as archive:
            for name in ("two.txt", "three.txt"):
                entry = tarfile.TarInfo(f"b-{kind}/{name}")
                entry.size = len(TEXTS[name])
                archive.addfile(entry, io.BytesIO(TEXTS[name].encode()))
    return file.getvalue()


CODE = r"""set -euo pipefail
mkdir all
unzip -q in.zip -d all
for archive in in.tar.*; do tar -xf "$archive" -C all; done
cd all
find . -type f -exec sha256sum {} + | sort | awk 'seen[$1]++ { print $2 }' | xargs -d '\n' rm --
find . -type f -printf '%P\n' | sort >/tmp/names
xargs -d '\n' sha256sum </tmp/names >/tmp/SHA256SUMS && mv /tmp/SHA256SUMS .
tar --sort=name --owner=0 --group=0 --mtime=@0 -I zstd -cf ../out.tar.zst .
cd .. && tar -tf out.tar.zst | grep -c txt
zstd -dqc out.tar.zst | xz -0 >out.tar.xz
"""


def task(agent):
    kinds = ("gz", "bz2", "xz")
    sandbox = agent.open("shell", files={
        "in.zip": packed("zip"), **{f"in.tar.{kind}": packed(kind) for kind in kinds}})
    assert sandbox.code(CODE).good() == "3\n"
    assert sandbox.get("out.tar.zst").startswith(b"\x28\xb5\x2f\xfd")
    with tarfile.open(fileobj=io.BytesIO(sandbox.get("out.tar.xz"))) as archive:
        content = {m.name.removeprefix("./"): archive.extractfile(m).read()
                   for m in archive if m.isfile()}
    sums = dict(reversed(line.split("  ")) for line in
                content.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    assert sorted(data.decode() for data in content.values()) == sorted(TEXTS.values())
