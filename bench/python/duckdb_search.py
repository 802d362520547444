"""The same queries with DuckDB and its regexp_matches (RE2: no look-around, no back-references).

    duckdb_search.py SERIES.tsv HEADERS.tsv QUERIES.json DATABASE ROUNDS

Prints what sqlite_search.py prints; a pattern that RE2 does not take has
"refused" with the reason instead.
"""

import json
import os
import sys
import time

import duckdb

COLUMNS = ["StudyDescription", "SeriesDescription", "PatientName", "PatientID", "StudyDate", "SeriesInstanceUID"]
READ = "read_csv(?, delim = '\\t', header = false, quote = '', escape = '', columns = {%s}, max_line_size = 1000000)"


def columns_of(names):
    """The columns of a file for read_csv, all text."""
    return ", ".join(f"'{name}': 'VARCHAR'" for name in names)


def load(series, headers, name):
    """The same two tables."""
    database = duckdb.connect(name + ".part")
    empty = ", ".join(f"ifnull({column}, '') AS {column}" for column in COLUMNS)
    database.execute(f"CREATE TABLE series AS SELECT {empty} FROM {READ % columns_of(COLUMNS)}", [series])
    parts = columns_of(["SeriesInstanceUID", "attributes"])
    database.execute(
        f"CREATE TABLE header AS SELECT SeriesInstanceUID, CAST(attributes AS JSON) AS attributes FROM {READ % parts}", [headers]
    )
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
        conditions.append("(" + " OR ".join(f"regexp_matches({column}, ?)" for column in query["targets"]) + ")")
        parameters += [query["pattern"]] * len(query["targets"])
    if query["from"] or query["to"]:
        conditions.append("StudyDate BETWEEN ? AND ?")
        parameters += [query["from"] or "0", query["to"] or "9"]
    return (
        f"SELECT {', '.join(COLUMNS)} FROM series WHERE {' AND '.join(conditions)} ORDER BY StudyDate, SeriesInstanceUID",
        parameters,
    )


def answer(database, statement, rounds):
    """The figures of one query."""
    try:
        runs = [timed(database, *statement) for _ in range(rounds)]
    except duckdb.Error as error:
        return {"refused": str(error).splitlines()[0]}
    return {"rows": runs[0][0], "first": [run[1] for run in runs], "last": [run[2] for run in runs]}


def main():
    series, headers, queries, name, rounds = sys.argv[1:6]
    if not os.path.exists(name):
        load(series, headers, name)
    database = duckdb.connect(name, read_only=True)
    with open(queries, encoding="utf-8") as file:
        asked = json.load(file)
    tag_sql = "SELECT SeriesInstanceUID FROM header WHERE regexp_matches(ifnull(json_extract_string(attributes, ?), ''), ?)"
    statements = {
        "queries": [query_sql(query) for query in asked["queries"]],
        "tags": [(tag_sql, [f'$."{query["tag"]}"', query["pattern"]]) for query in asked["tags"]],
    }
    print(
        json.dumps(
            {kind: [answer(database, statement, int(rounds)) for statement in each] for kind, each in statements.items()}
        )
    )


main()
