// A series as its document in Elasticsearch: fields that are searched and counted, the CSV line, the full header.
// What the fields are is in mappings.ts; where the pieces come from, in series-writes.ts.
import { Buffer } from 'node:buffer';
import { issueNames } from '../../core/dicom/issues.ts';
import { INDEXED_ATTRIBUTES } from '../../core/instance/attributes.ts';
import { decodeHeader, type FlatHeader } from '../../core/instance/header-codec.ts';
import { issuesText } from '../../core/instance/series-issues.ts';
import { indexedValues, rowDate, rowLine } from '../../core/query/series-row.ts';
import type { OwnTexts } from './header-fields.ts';
import { encodeSeries, type SeriesPieces, seriesState } from './series-state.ts';

/** A document as JSON, and its values of INDEXED_ATTRIBUTES. */
export interface SeriesDocument {
  readonly body: string;
  readonly values: readonly string[];
}

const STUDY_TIME = '00080030';

export function seriesDocument(SeriesInstanceUID: string, pieces: SeriesPieces): SeriesDocument {
  const state = seriesState(pieces);
  if (state === undefined) {
    const body = JSON.stringify({ SeriesInstanceUID, alive: false, ...encodeSeries(pieces) });
    return { body, values: [] };
  }
  const { fold, speaker } = state;
  const issues = fold.issues | speaker.issues;
  const header = decodeHeader(speaker.header);
  const values = indexedValues(header).map((value) => value.toWellFormed());
  const date = rowDate(values);
  const own = {
    SeriesInstanceUID: SeriesInstanceUID.toWellFormed(),
    ...Object.fromEntries(values.map((value, attribute) => [INDEXED_ATTRIBUTES[attribute]!, value])),
  } as OwnTexts;
  const body = JSON.stringify({
    ...own,
    alive: true,
    date,
    StudyDateTime: date === 0 ? undefined : dateTime(date, header),
    instances: fold.instances,
    bytes: fold.bytes,
    mixed: fold.mixed,
    issues: issueNames(issues),
    issuesText: issuesText(issues, fold.mixed) || undefined,
    archive: state.archive.name,
    archives: state.archives,
    line: shortened(Buffer.from(rowLine(values, SeriesInstanceUID)).toString('utf8'), own.SeriesInstanceUID),
    ...encodeSeries(pieces, { piece: speaker, own }),
  });
  return { body, values };
}

/** A CSV line without the SeriesInstanceUID at its end, which every answer has beside it, as base64. */
function shortened(line: string, SeriesInstanceUID: string): string {
  const end = `,${SeriesInstanceUID}\n`;
  return Buffer.from(line.endsWith(end) ? line.slice(0, 1 - end.length) : line).toString('base64');
}

/** The CSV line of a document's `line`. */
export function csvLineOf(line: string, SeriesInstanceUID: string): string {
  const text = Buffer.from(line, 'base64').toString('utf8');
  return text.endsWith('\n') ? text : `${text}${SeriesInstanceUID}\n`;
}

/** StudyDate with StudyTime, where that is one, as ISO 8601. */
function dateTime(date: number, header: FlatHeader): string {
  const digits = String(date).padStart(8, '0');
  const day = `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)}`;
  for (let at = 0; at < header.length; at += 3) {
    if (header[at] !== STUDY_TIME) continue;
    const time = /^([01]\d|2[0-3]):?([0-5]\d)?:?([0-5]\d)?/.exec(header[at + 2]!);
    if (time !== null) return `${day}T${time[1]}:${time[2] ?? '00'}:${time[3] ?? '00'}`;
  }
  return day;
}
