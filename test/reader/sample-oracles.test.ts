// Every sample file, element by element, against pydicom (what it read is in oracle/pydicom.generated.json), dcmdump
// (run here, if installed) and dcmjs. What they disagree on stands in disagreements.ts.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isHere } from '../../scripts/parts/parts.ts';
import { disagreements, type OtherReader } from './disagreements.ts';
import { compareRows } from './oracle/compare.ts';
import { dcmdumpVersion, dump } from './oracle/dcmdump.ts';
import { readWithDcmjs } from './oracle/dcmjs.ts';
import { type OracleElement, type Rows, rowsOfHeader, rowsOfTree } from './oracle/oracle-rows.ts';
import { type Reading, readBytes } from './scripted-source.ts';

interface PydicomFile {
  readonly elements?: readonly (readonly [path: string, vr: string, text: string])[];
  readonly SOPInstanceUID?: string;
  readonly SeriesInstanceUID?: string;
  /** No instance: does it have the prefix? */
  readonly isDicom?: boolean;
  readonly notDicom?: boolean;
}

const samples = fileURLToPath(new URL('../samples/', import.meta.url));
const oracle = JSON.parse(readFileSync(new URL('oracle/pydicom.generated.json', import.meta.url), 'utf8')) as Record<
  string,
  PydicomFile
>;
const names = Object.keys(oracle);
const readings = new Map<string, Reading>(names.map((name) => [name, readBytes(readFileSync(samples + name))]));
const NOTHING: ReadonlySet<string> = new Set();

/** Compares all files with what `rowsOf` gives (undefined: it refuses the file), and all entries of the table. */
function compareAll(
  reader: OtherReader,
  rowsOf: (name: string) => { rows: Rows; ignore?: ReadonlySet<string> } | undefined,
): number {
  const expected = disagreements.filter((entry) => entry.reader === reader);
  const met = new Set<object>();
  const unexpected: string[] = [];
  let agreements = 0;
  const note = (file: string, path: string, text: string): void => {
    const entries = expected.filter((entry) => entry.file === file && matches(entry.path, path));
    if (entries.length === 0) unexpected.push(`${file} ${path}: ${text}`);
    for (const entry of entries) met.add(entry);
  };
  for (const name of names) {
    const { outcome, elements } = readings.get(name)!;
    const theirs = rowsOf(name);
    if (theirs === undefined) {
      if (outcome === 'instance') note(name, 'file', 'refused');
    } else if (outcome === 'instance') {
      const compared = compareRows(rowsOfHeader(elements!), theirs.rows, theirs.ignore ?? NOTHING);
      agreements += compared.agreements;
      for (const { path, theirs: their, ours } of compared.differences) note(name, path, `${their} / ours ${ours}`);
    } else if (outcome !== 'dicomdir') {
      const isInstance = theirs.rows.has('00080018') && (theirs.rows.get('0020000E')?.text ?? '') !== '';
      if (isInstance) note(name, 'file', `taken / ours ${outcome}`);
    }
  }
  assert.deepEqual(unexpected, [], `${reader} disagrees`);
  assert.deepEqual(
    expected.filter((entry) => !met.has(entry)),
    [],
    'entries of the table that are not met',
  );
  return agreements;
}

function matches(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

describe('samples', () => {
  test('pydicom reads the same elements', (t) => {
    const agreements = compareAll('pydicom', (name) => {
      const { elements, notDicom } = oracle[name]!;
      if (notDicom === true || elements === undefined || elements.length === 0) return undefined;
      return { rows: new Map(elements.map(([path, vr, text]) => [path, { vr, text }])) };
    });
    t.diagnostic(`${agreements} elements agree`);
    assert.ok(agreements > 10_000);
  });

  test('pydicom finds the same identity', () => {
    for (const name of names) {
      const found = oracle[name]!;
      const { outcome, SOPInstanceUID, SeriesInstanceUID } = readings.get(name)!;
      if ((found.SeriesInstanceUID ?? '') === '') {
        if (name !== 'no_meta.dcm') assert.notEqual(outcome, 'instance', name);
        if (found.isDicom === true) assert.notEqual(outcome, 'not-dicom', name);
        continue;
      }
      assert.deepEqual(
        [outcome, SOPInstanceUID, SeriesInstanceUID],
        ['instance', found.SOPInstanceUID, found.SeriesInstanceUID],
        name,
      );
    }
  });

  test('dcmdump reads the same elements', (t) => {
    const version = dcmdumpVersion();
    if (!isHere(t, version !== undefined, 'dcmdump is not here (Debian package dcmtk)')) return;
    const dumped = dump(names.map((name) => samples + name));
    // It says what character set it has converted text to, not what the file says.
    const ignore = new Set(['00080005']);
    const agreements = compareAll('dcmdump', (name) => {
      const found = dumped.get(samples + name);
      return found && { rows: rowsOfTree(found.elements), ignore };
    });
    t.diagnostic(`${version}: ${agreements} elements agree`);
    assert.ok(agreements > 10_000);
  });

  test('dcmjs reads the same elements', (t) => {
    const agreements = compareAll('dcmjs', (name) => {
      const elements: OracleElement[] | string = readWithDcmjs(readFileSync(samples + name));
      return typeof elements === 'string' ? undefined : { rows: rowsOfTree(elements) };
    });
    t.diagnostic(`${agreements} elements agree`);
    assert.ok(agreements > 10_000);
  });
});
