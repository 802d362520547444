"""Makes what the pattern module takes from CPython 3.11: run by make-oracles.ts, with the folder to write into.

  core/query/pattern/tables.generated.ts   character tables: word, digit, space, lower case, extra cases
  test/pattern/oracle.generated.json       verdicts of re.search for a corpus of patterns x values

The corpus itself (patterns and values) is test/pattern/corpus.json; a pattern that re.compile refuses is kept with
its message and position, so that refusals are compared too.
"""

import base64
import json
import pathlib
import re
import sys
import unicodedata
import warnings
from re import _casefix

import _sre

CORPUS = pathlib.Path(__file__).parents[1] / "test/pattern/corpus.json"
INTO = pathlib.Path(sys.argv[1])
TABLES = INTO / "core/query/pattern/tables.generated.ts"
ORACLE = INTO / "test/pattern/oracle.generated.json"
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def base36(number):
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
        if not number:
            return text


def ranges(accepts):
    """Inclusive (first, last) ranges of the code points whose character is accepted."""
    found = []
    for code in range(0x110000):
        if accepts(chr(code)):
            if found and found[-1][1] == code - 1:
                found[-1][1] = code
            else:
                found.append([code, code])
    return found


def encode_ranges(found):
    """Distances between successive bounds, base 36."""
    bounds = [bound for pair in found for bound in pair]
    return " ".join(base36(b - a) for a, b in zip([0] + bounds, bounds))


def lower_runs():
    """Runs [first, count, step, distance] of characters with another lower case."""
    pairs = [(c, _sre.unicode_tolower(c)) for c in range(0x110000) if _sre.unicode_tolower(c) != c]
    runs = []
    for code, lower in pairs:
        distance = lower - code
        if runs and runs[-1][3] == distance:
            first, count, step, _ = runs[-1]
            gap = code - (first + (count - 1) * step)
            if (count == 1 and gap <= 2) or gap == step:
                runs[-1] = [first, count + 1, gap, distance]
                continue
        runs.append([code, 1, 1, distance])
    return runs


def extra_groups():
    groups = {tuple(sorted((key, *others))) for key, others in _casefix._EXTRA_CASES.items()}
    return [list(group) for group in sorted(groups)]


def lines(text, width=110):
    parts, line = [], ""
    for word in text.split(" "):
        if len(line) + len(word) + 1 > width:
            parts.append(line)
            line = ""
        line += word + " "
    parts.append(line.rstrip())
    return " +\n".join(f"  '{part}'" for part in parts)


def write_tables():
    word = encode_ranges(ranges(lambda c: c.isalnum() or c == "_"))
    digit = encode_ranges(ranges(str.isdecimal))
    space = encode_ranges(ranges(str.isspace))
    TABLES.parent.mkdir(parents=True, exist_ok=True)
    with open(TABLES, "w", encoding="utf-8") as out:
        out.write(
            "// Made by scripts/make-pattern-oracle.py from CPython %d.%d, Unicode %s. Do not edit.\n"
            "// Ranges: first and last code point in turn, each as its distance from the one before, base 36.\n\n"
            % (*sys.version_info[:2], unicodedata.unidata_version)
        )
        for name, text in (("WORD", word), ("DIGIT", digit), ("SPACE", space)):
            out.write(f"export const {name}_RANGES =\n{lines(text)};\n\n")
        runs = " ".join(",".join(map(str, run)) for run in lower_runs())
        out.write("/** Runs `first,count,step,distance` of characters whose simple lower case is another one. */\n")
        out.write(f"export const LOWER_RUNS =\n{lines(runs)};\n\n")
        groups = " ".join(",".join(map(str, group)) for group in extra_groups())
        out.write("/** Lower-case characters that are equal without case although they differ (same upper case). */\n")
        out.write(f"export const EXTRA_CASES =\n{lines(groups)};\n")


def write_oracle():
    with open(CORPUS, encoding="utf-8") as source:
        corpus = json.load(source)
    values = corpus["values"]
    results = []
    for pattern in corpus["patterns"]:
        try:
            compiled = re.compile(pattern)
        except (re.error, OverflowError, ValueError, RecursionError) as error:
            results.append([pattern, None, getattr(error, "msg", str(error)), getattr(error, "pos", None)])
            continue
        bits = bytearray((len(values) + 7) // 8)
        for index, value in enumerate(values):
            if compiled.search(value):
                bits[index >> 3] |= 1 << (index & 7)
        results.append([pattern, base64.b64encode(bytes(bits)).decode()])
    ORACLE.parent.mkdir(parents=True, exist_ok=True)
    with open(ORACLE, "w", encoding="utf-8") as out:
        out.write('{\n"made": "scripts/make-pattern-oracle.py with CPython %d.%d: [pattern, bits of the matching values]'
                  ' or [pattern, null, message, position]",\n"values": [\n' % sys.version_info[:2])
        out.write(",\n".join(json.dumps(value) for value in values))
        out.write('\n],\n"patterns": [\n')
        out.write(",\n".join(json.dumps(result) for result in results))
        out.write("\n]}\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    write_tables()
    write_oracle()
