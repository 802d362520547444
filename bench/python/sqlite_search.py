"""Queries with Python's sqlite3 and re.search as an SQL function: how it was done before.

    sqlite_search.py SERIES.tsv HEADERS.tsv QUERIES.json DATABASE ROUNDS

Loads the rows into DATABASE (unless it is there), runs every query ROUNDS
times and prints {"queries": [...], "tags": [...]}: for each the rows found and
the milliseconds to the first and to the last row, one for each round.
"""

import json
import os
import re
import sqlite3
import sys
import time

COLUMNS = ["StudyDescription", "SeriesDescription", "PatientName", "PatientID", "StudyDate", "SeriesInstanceUID"]


def rows_of(name):
    """The fields of each line."""
    with open(name, encoding="utf-8") as lines:
        for line in lines:
            yield line.rstrip("\n").split("\t")


def load(series, headers, name):
    """A table of the series with an index on the date, and one of the headers as JSON text."""
    database = sqlite3.connect(name + ".part")
    database.execute(f"CREATE TABLE series ({', '.join(f'{column} TEXT' for column in COLUMNS)})")
    database.execute("CREATE TABLE header (SeriesInstanceUID TEXT PRIMARY KEY, attributes TEXT)")
    database.executemany("INSERT INTO series VALUES (?, ?, ?, ?, ?, ?)", rows_of(series))
    database.execute("CREATE INDEX series_date ON series(StudyDate)")
    database.executemany("INSERT INTO header VALUES (?, ?)", rows_of(headers))
    database.commit()
    database.close()
    os.rename(name + ".part", name)


def timed(database, sql, parameters):
    """Rows, and milliseconds to the first and the last."""
    start = time.perf_counter()
    cursor = database.execute(sql, parameters)
    first = cursor.fetchone()
    first_at = time.perf_counter()
    count = 0 if first is None else 1 + len(cursor.fetchall())
    return count, (first_at - start) * 1000, (time.perf_counter() - start) * 1000


def query_sql(query):
    """The statement of one query of the list, and its parameters."""
    conditions, parameters = [], []
    if query["targets"]:
        conditions.append("(" + " OR ".join(f"search(?, {column})" for column in query["targets"]) + ")")
        parameters += [query["pattern"]] * len(query["targets"])
    if query["from"] or query["to"]:
        conditions.append("StudyDate BETWEEN ? AND ?")
        parameters += [query["from"] or "0", query["to"] or "9"]
    return (
        f"SELECT {', '.join(COLUMNS)} FROM series WHERE {' AND '.join(conditions)} ORDER BY StudyDate, SeriesInstanceUID",
        parameters,
    )


def main():
    series, headers, queries, name, rounds = sys.argv[1:6]
    if not os.path.exists(name):
        load(series, headers, name)
    database = sqlite3.connect(name)
    compiled = {}

    def search(pattern, text):
        if pattern not in compiled:
            compiled[pattern] = re.compile(pattern)
        return compiled[pattern].search(text) is not None

    database.create_function("search", 2, search, deterministic=True)
    with open(queries, encoding="utf-8") as file:
        asked = json.load(file)
    tag_sql = "SELECT SeriesInstanceUID FROM header WHERE search(?, ifnull(json_extract(attributes, ?), ''))"
    statements = {
        "queries": [query_sql(query) for query in asked["queries"]],
        "tags": [(tag_sql, [query["pattern"], f'$."{query["tag"]}"']) for query in asked["tags"]],
    }
    answers = {}
    for kind, each in statements.items():
        answers[kind] = []
        for statement in each:
            runs = [timed(database, *statement) for _ in range(int(rounds))]
            answers[kind].append({"rows": runs[0][0], "first": [run[1] for run in runs], "last": [run[2] for run in runs]})
    print(json.dumps(answers))


main()
