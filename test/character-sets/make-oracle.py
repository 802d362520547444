"""Makes oracle.generated.json and names.generated.json, against which character-sets.test.ts decodes.

Run by scripts/make-oracles.ts, which has the version of pydicom, with the folder to write into.

oracle: random texts (fixed seed) of every defined term of PS3.3 C.12.1.1.2, encoded by pydicom, and a sample of the
characters of each set. names: every text element of files/*.dcm as raw bytes and as pydicom decodes it.
"""

import base64
import json
import pathlib
import random
import sys

import pydicom
from pydicom.charset import ENCODINGS_TO_CODES, convert_encodings, decode_bytes, encode_string
from pydicom.valuerep import PersonName, TEXT_VR_DELIMS

folder = pathlib.Path(__file__).parent
into = pathlib.Path(sys.argv[1]) / "test/character-sets"
into.mkdir(parents=True, exist_ok=True)
random.seed(20261124)

SINGLE = {
    100: "latin_1", 101: "iso8859_2", 109: "iso8859_3", 110: "iso8859_4", 126: "iso_ir_126", 127: "iso_ir_127",
    138: "iso_ir_138", 144: "iso_ir_144", 148: "iso_ir_148", 166: "iso_ir_166", 203: "iso8859_15",
}
ASCII = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .-'"
DOUBLE = {87: "iso2022_jp", 159: "iso2022_jp_2", 149: "euc_kr", 58: "gb2312"}
ESCAPES = {87: b"\x1b$B", 159: b"\x1b$(D", 149: b"\x1b$)C", 58: b"\x1b$)A"}


def characters_of(codec, byte_strings):
    """The printable characters beyond ASCII that these byte strings stand for, with the bytes."""
    found = []
    for data in byte_strings:
        try:
            text = data.decode(codec)
        except UnicodeError:
            continue
        if len(text) == 1 and text > "\xa0":
            found.append((text, data))
    return found


high_bytes = [bytes([byte]) for byte in range(0xA0, 0x100)]
high_pairs = [bytes([first, second]) for first in range(0xA1, 0xFF) for second in range(0xA1, 0xFF)]
wide_pairs = [bytes([first, second]) for first in range(0x81, 0xFF) for second in range(0x40, 0xFF)]
KATAKANA = [character for character, _ in characters_of("shift_jis", high_bytes)]
LETTERS = {number: [c for c, _ in characters_of(codec, high_bytes)] for number, codec in SINGLE.items()}
LETTERS[13] = KATAKANA


def low(pair):
    return bytes(byte & 0x7F for byte in pair)


rows = []


def add(charset, vr, data, text):
    rows.append([charset, vr, base64.b64encode(data).decode(), text])


def word(letters, length):
    return "".join(random.choices(letters, k=length))


# Single-byte sets: all characters at once, then words; without and with code extensions.
for number, letters in LETTERS.items():
    codec = SINGLE.get(number, "shift_jis")
    whole = "".join(letters)
    add(f"ISO_IR {number}", "LT", whole.encode(codec), whole)
    for _ in range(8):
        text = word(list(ASCII) + letters * 2, random.randint(3, 40)) + "\\" + word(letters, 5)
        add(f"ISO_IR {number}", "LO", text.encode(codec), text)
    if number == 203:
        continue  # pydicom has no ISO_IR 203
    for vr, delimiter in (("PN", "^"), ("PN", "="), ("LO", "\\"), ("LT", "\r\n")):
        for first in ("", "ISO 2022 IR 100"):
            encodings = convert_encodings([first, f"ISO 2022 IR {number}"])
            parts = [word(list(ASCII[:52]), 6), word(letters, 6), word(list(ASCII[:52]), 4)]
            # Each part is encoded alone: escape sequences reach to the next delimiter only.
            data = delimiter.encode().join(encode_string(part, encodings) for part in parts)
            if first == "":  # pydicom writes ISO 8859-1 without an escape sequence, as if it were the default set
                escape = ENCODINGS_TO_CODES[codec]
                data = delimiter.encode().join(
                    (b"" if part.isascii() else escape) + part.encode(codec) for part in parts)
            add(f"{first}\\ISO 2022 IR {number}", vr, data, delimiter.join(parts))

# Multi-byte sets with code extensions: words with each delimiter, and a third of all characters.
for number, codec in DOUBLE.items():
    if number in (87, 159):
        table = characters_of(codec, [ESCAPES[number] + low(pair) + b"\x1b(B" for pair in high_pairs])
    else:
        table = characters_of(codec, high_pairs)
    letters = [character for character, _ in table]
    charset = f"\\ISO 2022 IR {number}"
    encodings = convert_encodings(["", f"ISO 2022 IR {number}"])
    for vr, delimiter in (("PN", "^"), ("PN", "="), ("LO", "\\"), ("LT", "\r\n")):
        for _ in range(6):
            parts = [word(list(ASCII), 6), word(letters, random.randint(1, 12)), word(letters, 3), word(list(ASCII), 4)]
            data = delimiter.encode().join(encode_string(part, encodings) for part in parts)
            if number == 58:  # pydicom writes GB 2312 without its escape sequence
                data = delimiter.encode().join(
                    (b"" if part.isascii() else ESCAPES[58]) + part.encode(codec) for part in parts)
            add(charset, vr, data, delimiter.join(parts))
    sample = sorted(random.sample(letters, len(letters) // 3))
    for start in range(0, len(sample), 200):
        text = "".join(sample[start:start + 200])
        data = text.encode(codec) if number in (87, 159) else ESCAPES[number] + text.encode(codec)
        add(charset, "LT", data, text)
    # JIS X 0201 as value 1, the common Japanese declaration.
    if number == 87:
        encodings = convert_encodings(["ISO 2022 IR 13", "ISO 2022 IR 87"])
        for _ in range(10):
            parts = [word(KATAKANA, 4), word(letters, 4), word(KATAKANA, 3)]
            data = b"=".join(encode_string(part, encodings) for part in parts)
            add("ISO 2022 IR 13\\ISO 2022 IR 87", "PN", data, "=".join(parts))

# Stand-alone multi-byte encodings, their second bytes 0x5C, 0x5E and 0x3D-like among them.
for term, codec in (("ISO_IR 192", "utf_8"), ("GB18030", "gb18030"), ("GBK", "gbk")):
    letters = [character for character, _ in characters_of("gbk", wide_pairs)]
    backslashes = [character for character, data in characters_of("gbk", wide_pairs) if data[1] in (0x5C, 0x5E, 0x7C)]
    if term != "GBK":
        letters += [chr(code) for code in range(0x0400, 0x0500)] + ["\U00020000", "\U0001f600", "\u0e01"]
    for vr in ("PN", "LO", "UT"):
        for _ in range(12):
            text = f"{word(letters, 8)}\\{word(backslashes, 4)}^{word(list(ASCII), 5)}={word(letters, 3)}"
            add(term, vr, text.encode(codec), text)

lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
(into / "oracle.generated.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")

# The files of pydicom: raw bytes of every text element, and what pydicom reads.
names = []


def raw_texts(file, dataset, inherited):
    charset = dataset.get("SpecificCharacterSet", None)
    declared = inherited if charset is None else "\\".join([charset] if isinstance(charset, str) else charset)
    encodings = convert_encodings(declared.split("\\"))
    for tag in dataset.keys():
        element = dataset.get_item(tag)
        vr = element.VR or pydicom.datadict.dictionary_VR(tag)
        if vr == "SQ":
            for item in dataset[tag].value:
                raw_texts(file, item, declared)
        elif vr in ("PN", "LO", "SH", "LT", "ST", "UT", "UC") and element.value:
            values = element.value.rstrip(b" \0").split(b"\\")
            if vr == "PN":
                text = "\\".join(str(PersonName(value, encodings).decode(encodings)) for value in values)
                text = text if not element.value.rstrip(b" ").endswith(b"=") else text.rstrip("=") + "="
            else:
                text = "\\".join(decode_bytes(value, encodings, TEXT_VR_DELIMS) for value in values)
            names.append([file, str(tag), declared, vr, element.value.hex(), text])


for path in sorted((folder / "files").glob("*.dcm")):
    raw_texts(path.name, pydicom.dcmread(path, force=True), "")
lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in names)
(into / "names.generated.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
