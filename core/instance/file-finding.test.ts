// The record of what was found: files that differ in anything that is kept of them are of different kinds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FileFinding, knownFinding, recordOfFindings, skippedFinding } from './file-finding.ts';
import { decodeFolderRecord, encodeFolderRecord } from './folder-record.ts';

const BASE: FileFinding = {
  ...skippedFinding('', 'not-dicom', 1_000, 7),
  SOPInstanceUID: '1.2.3',
  SeriesInstanceUID: '1.2',
  SOPClassUID: '1.4',
  TransferSyntaxUID: '1.5',
  issues: 1,
  digest: 5,
  skipped: '',
  fresh: false,
};
const OTHERS: readonly Partial<FileFinding>[] = [
  { SeriesInstanceUID: '1.9' },
  { SOPClassUID: '1.9' },
  { TransferSyntaxUID: '1.9' },
  { issues: 2 },
  { digest: 6 },
];

test('what was found comes back of a record, whatever differs between neighbours', () => {
  for (const other of OTHERS) {
    const findings = [BASE, { ...BASE, ...other }, BASE, { ...BASE, ...other }].map((one, i) => {
      return { ...one, name: `${i}`, SOPInstanceUID: `1.2.3.${i}` };
    });
    const record = decodeFolderRecord(encodeFolderRecord(recordOfFindings(findings)));
    assert.deepEqual(
      record.files.map((file) => knownFinding(record, file)),
      findings,
    );
    assert.equal(record.kinds.length, 2);
  }
});

test('files that were skipped for different reasons stay so, in any order', () => {
  const reasons = ['not-dicom', 'dicomdir', 'not-dicom', 'dicomdir'] as const;
  const findings = reasons.map((reason, i) => ({ ...skippedFinding(`${i}`, reason, 9, 9), fresh: false }));
  const record = decodeFolderRecord(encodeFolderRecord(recordOfFindings(findings)));
  assert.deepEqual(
    record.files.map((file) => knownFinding(record, file).skipped),
    reasons,
  );
});
