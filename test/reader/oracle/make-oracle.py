"""Makes pydicom.generated.json: what pydicom reads of every sample, against which sample-oracles.test.ts compares.

Run by scripts/make-oracles.ts, which has the version of pydicom, with the folder to write into.

For each file below test/samples that pydicom reads (force=True, up to PixelData): its SOPInstanceUID, SeriesInstanceUID
and, of an instance, its elements as [path, VR, text]. Elements of file meta come first; group lengths and PixelData are left out.

path   keys of ditag's full header, joined by /, with the number of the item: 00081140/0/00081150. A private element
       whose creator is known is GGGGxxEE:CREATOR. Only the first 256 items of a sequence are written.
text   several values are joined by a backslash, each without trailing blanks and NULs, and for AE, AS, CS, DA, DS, DT,
       IS, TM and UI without leading blanks. DS and IS are as in the file. Numbers are in Python's shortest form, tags
       (GGGG,EEEE). A sequence is "items N". Bytes are "bytes N", those of UN up to 64 of them "hex ...". A text longer
       than 300 characters is "start N ..." with its number of characters and the first 300.
"""

import json
import pathlib
import sys
import warnings

import pydicom
from pydicom import config
from pydicom.multival import MultiValue

warnings.simplefilter("ignore")
config.settings.reading_validation_mode = config.IGNORE
LEADING = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI"}
SINGLE = {"LT", "ST", "UT", "UR"}
TEXTS = LEADING | SINGLE | {"LO", "SH", "PN", "UC"}
NUMBERS = {"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD"}

root = pathlib.Path(__file__).parents[2] / "samples"


def trimmed(text, vr):
    text = text.rstrip(" \0")
    return text.lstrip(" \0") if vr in LEADING else text.lstrip("\0")


def text_of(value):
    original = getattr(value, "original_string", None)
    return original if isinstance(original, str) else str(value)


def value_text(elem):
    vr, value = elem.VR, elem.value
    if isinstance(value, (bytes, bytearray)):
        return f"hex {value.hex()}" if vr == "UN" and 0 < len(value) <= 64 else f"bytes {len(value)}" if value else ""
    if value is None:
        return ""
    values = list(value) if isinstance(value, (MultiValue, list, tuple)) else [value]
    if vr == "AT":
        return "\\".join(f"({int(tag) >> 16:04X},{int(tag) & 0xffff:04X})" for tag in values)
    if vr in NUMBERS:
        return "\\".join(repr(number) for number in values)
    if vr in TEXTS:
        text = "\\".join(trimmed(text_of(value), vr) for value in values)
        return text if len(text) <= 300 else f"start {len(text)} {text[:300]}"
    return f"bytes ? {vr}"


def elements(ds, path, out):
    creators = {}
    for elem in ds:
        tag = elem.tag
        if tag.element == 0 or int(tag) in (0x7FE00010, 0x7FE00008, 0x7FE00009):
            continue
        key = f"{int(tag):08X}"
        if tag.is_private and tag.element >= 0x1000:
            creator = creators.get((tag.group, tag.element >> 8))
            if creator:
                key = f"{tag.group:04X}xx{tag.element & 0xff:02X}:{creator}"
        if elem.VR == "SQ":
            out.append([path + key, "SQ", f"items {len(elem.value)}"])
            for i, item in enumerate(elem.value[:256]):
                elements(item, f"{path}{key}/{i}/", out)
            continue
        text = value_text(elem)
        if tag.is_private and 0x10 <= tag.element <= 0xFF:
            creators[(tag.group, tag.element)] = text
        out.append([path + key, elem.VR, text])


files = {}
for file in sorted(root.rglob("*")):
    if not file.is_file():
        continue
    name = str(file.relative_to(root))
    found = {"elements": []}
    try:
        with open(file, "rb") as stream:
            prefixed = stream.read(132)[128:] == b"DICM"
        ds = pydicom.dcmread(file, force=True, stop_before_pixels=True)
        elements(getattr(ds, "file_meta", []), "", found["elements"])
        elements(ds, "", found["elements"])
        found["SOPInstanceUID"] = str(ds.get("SOPInstanceUID", "") or "")
        found["SeriesInstanceUID"] = str(ds.get("SeriesInstanceUID", "") or "")
    except Exception as error:  # what pydicom cannot read is part of the oracle
        found["error"] = f"{type(error).__name__}: {error}"[:200]
    if found.get("SeriesInstanceUID", "") == "":
        found["elements"] = []  # a DICOMDIR or no instance: ditag has no header of it
        found["isDicom"] = prefixed
        files[name] = found
    elif prefixed or len(found["elements"]) > 1:
        files[name] = found
    else:
        files[name] = {"notDicom": True}

rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(found, ensure_ascii=False)}" for name, found in files.items())
target = pathlib.Path(sys.argv[1]) / "test/reader/oracle/pydicom.generated.json"
target.parent.mkdir(parents=True, exist_ok=True)
target.write_text("{\n" + rows + "\n}\n", encoding="utf-8")
