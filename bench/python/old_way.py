"""The old way: pydicom reads a file, SQLite commits it, then the next file.

    old_way.py DIR LIMIT DATABASE

Indexes the first LIMIT files below DIR into a new DATABASE and prints the
files and the seconds, without the start of Python, as JSON.
"""

import json
import os
import sqlite3
import sys
import time

import pydicom

SCHEMA = """
CREATE TABLE series (
  id INTEGER PRIMARY KEY, series_instance_uid TEXT UNIQUE, study_instance_uid TEXT, study_description TEXT,
  series_description TEXT, patient_name TEXT, patient_id TEXT, study_date TEXT);
CREATE TABLE instances (
  id INTEGER PRIMARY KEY, sop_instance_uid TEXT UNIQUE, series_id INTEGER REFERENCES series(id), file_path TEXT);
CREATE INDEX instances_series ON instances(series_id);
"""


def text(dataset, keyword):
    """The value as text; an absent one is empty."""
    return str(dataset.get(keyword, "") or "")


def files_below(folder):
    """All files, in the order of os.walk."""
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield os.path.join(root, name)


def index_file(database, path):
    """Reads one file and commits what it says."""
    dataset = pydicom.dcmread(path, stop_before_pixels=True)
    uid = text(dataset, "SeriesInstanceUID")
    keywords = ("StudyInstanceUID", "StudyDescription", "SeriesDescription", "PatientName", "PatientID", "StudyDate")
    database.execute(
        "INSERT OR IGNORE INTO series (series_instance_uid, study_instance_uid, study_description, series_description,"
        " patient_name, patient_id, study_date) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (uid, *(text(dataset, keyword) for keyword in keywords)),
    )
    (series,) = database.execute("SELECT id FROM series WHERE series_instance_uid = ?", (uid,)).fetchone()
    database.execute(
        "INSERT OR REPLACE INTO instances (sop_instance_uid, series_id, file_path) VALUES (?, ?, ?)",
        (text(dataset, "SOPInstanceUID"), series, path),
    )
    database.commit()


def main():
    folder, limit, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    database = sqlite3.connect(name)
    database.executescript(SCHEMA)
    start = time.perf_counter()
    count = 0
    for path in files_below(folder):
        if count == limit:
            break
        index_file(database, path)
        count += 1
    print(json.dumps({"files": count, "seconds": time.perf_counter() - start}))


main()
