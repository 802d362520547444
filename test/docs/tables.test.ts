// Tables of the pages that repeat tables of the code have the same rows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SCHEMA } from '../../adapters/sqlite/schema.ts';
import { Issue } from '../../core/dicom/issues.ts';
import { CSV_COLUMNS, INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import { SKIP_REASONS } from '../../core/instance/skipped.ts';
import { readPage } from './markdown.ts';

/** Code in the first column of the tables of a section. */
function firstColumn(page: string, heading: string): string[] {
  const [, section] = readPage(page).split(`\n## ${heading}\n`) as [string, string?];
  assert.ok(section !== undefined, `${page} has no section "${heading}"`);
  return Array.from(section.split('\n## ')[0]!.matchAll(/^\| `([^`]+)` +\|/gm), (match) => match[1]!);
}

test('tables of an index', () => {
  const inCode = new Map<string, string[]>();
  for (const [, table, body] of SCHEMA.matchAll(/CREATE TABLE (\w+) \(([\s\S]*?)\)(?: WITHOUT ROWID)?;/g)) {
    const columns = Array.from(body!.matchAll(/(?:^|,)\s*([a-z_]+) (?:INTEGER|TEXT|BLOB)/g), (match) => match[1]!);
    inCode.set(table!, columns);
  }
  const [, page = ''] = readPage('docs/index-format.md').split('\n## Tables\n');
  const rows = firstColumn('docs/index-format.md', 'Tables');
  for (const [table, columns] of inCode) {
    assert.ok(rows.includes(table), `docs/index-format.md has no row for ${table}`);
    for (const column of columns)
      assert.match(page, new RegExp(`\\b${column}\\b`), `docs/index-format.md does not name ${table}.${column}`);
  }
  const known = new Set([...inCode.keys(), ...[...inCode.values()].flat()]);
  assert.deepEqual(
    rows.filter((row) => !known.has(row)),
    [],
  );
});

test('issues', () => {
  assert.deepEqual(firstColumn('docs/reading-dicom.md', 'Issues'), Object.keys(Issue));
});

test('skip reasons', () => {
  assert.deepEqual(firstColumn('docs/reading-dicom.md', 'What is an instance'), [...SKIP_REASONS]);
});

test('indexed attributes and CSV columns', () => {
  const page = readPage('docs/queries.md').replaceAll(/\s+/g, ' ');
  assert.ok(page.includes(`${INDEXED_ATTRIBUTES.join(', ')};`), 'docs/queries.md lists other indexed attributes');
  assert.ok(page.includes(CSV_COLUMNS.join(', ')), 'docs/queries.md lists other CSV columns');
});
