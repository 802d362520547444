// What is known of one file of a chunk after it was looked at, and the folder record that a chunk's findings make.
import type { FileEntry, FileKind, FolderRecord } from './folder-record.ts';
import type { SkipReason } from './skipped.ts';

/** mtime of a file that has to be read again. */
export const READ_AGAIN = -1;

export interface FileFinding {
  readonly name: string;
  readonly size: number;
  mtime: number;
  readonly SOPInstanceUID: string;
  readonly SeriesInstanceUID: string;
  readonly SOPClassUID: string;
  readonly TransferSyntaxUID: string;
  readonly issues: number;
  /** Digest of the compared tags. */
  readonly digest: number;
  /** True for a file that was read now, not taken from the known record. */
  readonly fresh: boolean;
  readonly skipped: SkipReason | '';
}

/** A file as a known record has it. */
export function knownFinding({ kinds, series }: FolderRecord, known: FileEntry): FileFinding {
  const kind = kinds[known.kind]!;
  return {
    name: known.name,
    size: known.size,
    mtime: known.mtime,
    SOPInstanceUID: known.SOPInstanceUID,
    SeriesInstanceUID: kind.series < 0 ? '' : series[kind.series]!,
    SOPClassUID: kind.SOPClassUID,
    TransferSyntaxUID: kind.TransferSyntaxUID,
    issues: kind.issues,
    digest: kind.digest,
    fresh: false,
    skipped: kind.skipped,
  };
}

/** A file that is no instance. */
export function skippedFinding(name: string, skipped: SkipReason, size: number, mtime: number): FileFinding {
  return {
    name,
    size,
    mtime,
    SOPInstanceUID: '',
    SeriesInstanceUID: '',
    SOPClassUID: '',
    TransferSyntaxUID: '',
    issues: 0,
    digest: 0,
    fresh: true,
    skipped,
  };
}

/** The record of a chunk from what was found of its files, which stand in the order of their names. */
export function recordOfFindings(findings: readonly FileFinding[]): FolderRecord {
  const kinds: FileKind[] = [];
  const kindOf = new Map<string, number>();
  // Neighbours are mostly of one kind: no key has to be made for them.
  let lastKind = -1;
  const series: string[] = [];
  const seriesOf = new Map<string, number>();
  const files = findings.map((finding): FileEntry => {
    let at = -1;
    if (finding.SeriesInstanceUID !== '') {
      at = seriesOf.get(finding.SeriesInstanceUID) ?? -1;
      if (at < 0) {
        at = series.push(finding.SeriesInstanceUID) - 1;
        seriesOf.set(finding.SeriesInstanceUID, at);
      }
    }
    let kind = lastKind;
    if (kind < 0 || !isOfKind(finding, at, kinds[kind]!)) {
      const { SOPClassUID, TransferSyntaxUID, issues, digest, skipped } = finding;
      const key = `${at} ${SOPClassUID} ${TransferSyntaxUID} ${issues} ${digest} ${skipped}`;
      kind = kindOf.get(key) ?? kinds.push({ series: at, SOPClassUID, TransferSyntaxUID, issues, digest, skipped }) - 1;
      kindOf.set(key, kind);
      lastKind = kind;
    }
    const { name, size, mtime, SOPInstanceUID } = finding;
    return { name, size, mtime, SOPInstanceUID, kind };
  });
  return { kinds, series, files };
}

function isOfKind(finding: FileFinding, series: number, kind: FileKind): boolean {
  return (
    kind.series === series &&
    kind.digest === finding.digest &&
    kind.issues === finding.issues &&
    kind.SOPClassUID === finding.SOPClassUID &&
    kind.TransferSyntaxUID === finding.TransferSyntaxUID &&
    kind.skipped === finding.skipped
  );
}
