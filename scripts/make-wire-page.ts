// Prints docs/wire.md, every message between the parts of a cluster, from the schemas of core/wire and the tables of
// adapters/nats. `--check` compares instead of writing. What a message is for stands here; what its fields mean stands
// at the types in core/jobs and core/ports.
import fs from 'node:fs';
import type { TSchema } from 'typebox';
import { ASK, OPEN } from '../adapters/nats/index-server.ts';
import {
  ACK_WAIT,
  ARCHIVES,
  AUDIT,
  FAILED,
  INDEX,
  indexerConsumer,
  JOBS,
  MOST_UNACKED,
  PROJECTS,
  RECORDS,
  RESULTS,
  SCAN_STATES,
  SCANS,
  STORE_ACK_WAIT,
  STORES,
  streamTable,
  TOKENS,
} from '../adapters/nats/streams.ts';
import {
  AUDIT_SUBJECT,
  archiveSubject,
  archiveToken,
  chunkSubject,
  downloadSubject,
  folderSubject,
  heldSubject,
  jobSubject,
  listedSubject,
  notAskedForSubject,
  projectLockSubject,
  projectSubject,
  receivedSubject,
  resultSubject,
  storeSubject,
  tallySubject,
  targetSubject,
} from '../adapters/nats/subjects.ts';
import { AuditMessage, TokenMessage } from '../core/wire/access-messages.ts';
import { WIRE_VERSION } from '../core/wire/frame.ts';
import {
  FindItemMessage,
  GatewayAnswer,
  GatewayRequest,
  ResultPageMessage,
  RetrieveItemMessage,
  StoreItemMessage,
} from '../core/wire/gateway-messages.ts';
import {
  AskMessage,
  checks,
  OpenMessage,
  PageMessage,
  PageRequest,
  SeriesFilesMessage,
} from '../core/wire/index-messages.ts';
import { HeldChangeMessage, LogEntryMessage, ScanTallyMessage, ScanWorkMessage } from '../core/wire/messages.ts';
import {
  DownloadMessage,
  ListedSeriesMessage,
  NotAskedForMessage,
  ProjectJobMessage,
  ProjectMessage,
  ReceivedMessage,
  TargetMessage,
} from '../core/wire/project-messages.ts';
import { QueryMessage } from '../core/wire/query-message.ts';
import { StartedScanMessage, StartScanMessage } from '../core/wire/scan-messages.ts';
import { type Named, type Shape, schemaTables } from './schema-tables.ts';
import { writeOrCheck } from './write-or-check.ts';

const JOB = (ScanWorkMessage as Shape).properties!['jobs']!.items as Shape;

/** Shapes that have a section of their own. */
const NAMED: Named = [
  ['[query](#query)', QueryMessage],
  ['[entry](#entry-of-the-record-log)', LogEntryMessage],
  ['[job](#work-of-a-scan)', JOB],
  ['[files of a series](#files-of-a-series)', SeriesFilesMessage],
];

const tables = (schema: TSchema | Shape) => schemaTables(schema, NAMED);

const ARCHIVE_NAME = 'ARCHIVE';
const FOLDER_NAME = 'FOLDER';
const [, , , folderToken] = folderSubject(ARCHIVE_NAME, FOLDER_NAME).split('.') as [string, string, string, string];

/** A subject with capital letters in the place of what differs. */
function shown(subject: string): string {
  return `\`${subject.replace(archiveToken(ARCHIVE_NAME), ARCHIVE_NAME).replace(folderToken, FOLDER_NAME)}\``;
}

/** Placeholders where the subject has a number. */
const BITS = 'BITS' as never;
const INDEX_OF_CHUNK = 'INDEX' as never;
const NUMBER = 'NUMBER' as never;

/** A subject that its file keeps to itself; fails when it is not there any more. */
function written(file: string, start: string, rest: string): string {
  if (!fs.readFileSync(file, 'utf8').includes(start)) throw new Error(`${file} has no ${start} any more`);
  return `\`${start}${rest}\``;
}

const START = written('adapters/nats/scan-commands.ts', 'ditag.scanner.start.', ARCHIVE_NAME);
const LIST = written('adapters/nats/scan-commands.ts', 'ditag.scanner.list', '');
const GATEWAYS = written('adapters/nats/gateways.ts', 'ditag.gateway.ask', '');
const PAGES = written('adapters/nats/index-server.ts', 'ditag.index.pages.', 'ID');
/** The subjects of projects as the page has them. */
const PROJECT = 'PROJECT';
const projectSubjects = [
  projectSubject(PROJECT),
  targetSubject(PROJECT, 'x'),
  listedSubject(PROJECT, 'x'),
  downloadSubject(PROJECT, 'x'),
  receivedSubject(PROJECT, 'x', 'x', 'BATCH'),
  notAskedForSubject(PROJECT, 'x', 'x'),
  projectLockSubject(PROJECT),
].map((subject) => subject.split('.'));
for (const [kind, parts] of [
  ['settings', 4],
  ['target', 5],
  ['listed', 5],
  ['download', 5],
  ['received', 7],
  ['aside', 6],
  ['lock', 4],
] as const)
  if (!projectSubjects.some((found) => found[3] === kind && found.length === parts))
    throw new Error(`No subject of projects is ditag.project.PROJECT.${kind} with ${parts} parts any more`);
const FAILED_SUBJECT = written('adapters/nats/failed-messages.ts', 'ditag.failed.', 'ORIGIN.SEQUENCE');

const SECOND = 1e9;
const DAY = 86_400 * SECOND;

const streams = streamTable(1).map(({ name, subjects, retention, max_msgs_per_subject, discard, max_age }) => {
  const age = max_age === undefined ? 'for ever' : `${max_age / DAY} days`;
  const last = max_msgs_per_subject === undefined ? 'all' : `last ${max_msgs_per_subject}`;
  const full = discard === 'old' ? 'the oldest goes' : 'new ones are refused';
  return `| \`${name}\` | ${subjects.map((one) => `\`${one}\``).join(', ')} | ${retention} | ${last} | ${age} | ${full} |`;
});

const page = `# Messages of a cluster

Printed by \`node scripts/make-wire-page.ts\` from \`core/wire/\`, \`adapters/nats/streams.ts\` and \`adapters/nats/subjects.ts\`: change it there.
What the fields mean stands at the types in \`core/jobs/\` and \`core/ports/\`; words are in [glossary.md](glossary.md).

## The frame

Every message is a frame (\`core/wire/frame.ts\`), unless its section says something else:

| bytes | what |
| --- | --- |
| 1 | version of the wire, now ${WIRE_VERSION} |
| 4 | length of the description, little endian |
| that many | the description: JSON in UTF-8, compressed with Zstandard |
| the rest | bytes as they are: the record of a chunk, or lines of CSV; in most messages none |

A newer version is refused (\`newer-message\`); in a stream it waits for a part that knows it. What cannot be unpacked or has not the shape that
its section says is \`damaged-message\`; in a stream it is put aside. Paths are byte paths: one character a byte.

## Streams

In subjects, \`${ARCHIVE_NAME}\` and \`${FOLDER_NAME}\` stand for the start of a digest of the name: names may hold anything, subjects may not. \`SCAN\` is the scan's id.

| stream | subjects | retention | kept of a subject | how long | when full |
| --- | --- | --- | --- | --- | --- |
${streams.join('\n')}

| consumer | of | shared by | acknowledgement |
| --- | --- | --- | --- |
| \`${indexerConsumer('GENERATION' as never)}\` | \`${RECORDS}\` | all indexers | within ${(2 * ACK_WAIT) / SECOND} s; up to ${MOST_UNACKED} entries at a time wait for one |
| \`scan-${ARCHIVE_NAME}\` | \`${JOBS}\`, the subjects of one archive | all scanners that see the archive | within ${ACK_WAIT / SECOND} s |
| \`PACS\` | \`${STORES}\`, the subjects of one PACS | all gateways | within ${STORE_ACK_WAIT / SECOND} s; as many items at a time wait for one as the PACS has associations |

Buckets of the key-value store hold JSON, without a frame, but for the tokens:

| bucket | key | value |
| --- | --- | --- |
| \`${SCAN_STATES}\` | \`SCAN\` | \`ScanState\` of \`core/jobs/scan-state.ts\` |
| \`${ARCHIVES}\` | \`${ARCHIVE_NAME}\` | \`{ name, number }\` |
| \`${ARCHIVES}\` | \`number-NUMBER\` | the archive's name as text |
| \`${INDEX}\` | \`generations\` | \`{ answering, building }\` |
| \`${TOKENS}\` | name of a token | [token](#tokens-and-the-audit-trail), in a frame |

## Entry of the record log

In \`${RECORDS}\`. Written by scanners on the condition that the subject's last message is the one that they have read; read by scanners, and by the indexers.

A chunk, on ${shown(chunkSubject(ARCHIVE_NAME, FOLDER_NAME, { bits: BITS, index: INDEX_OF_CHUNK }))}. Its record follows as bytes, unless it is gone; the bytes of a record are described in
[index-format.md](index-format.md).

${tables((LogEntryMessage as Shape).anyOf![0]!)}
A folder, on ${shown(folderSubject(ARCHIVE_NAME, FOLDER_NAME))}:

${tables((LogEntryMessage as Shape).anyOf![1]!)}
An archive, on ${shown(archiveSubject(ARCHIVE_NAME))}:

${tables((LogEntryMessage as Shape).anyOf![2]!)}
## Work of a scan

In \`${JOBS}\`, on ${shown(jobSubject(ARCHIVE_NAME, 'SCAN'))}. Written and taken by scanners.

${tables(ScanWorkMessage)}
A job is one of these:

${tables(JOB)}
## What a piece of work found

In \`${SCANS}\`, on ${shown(tallySubject('SCAN', 'PIECE'))}. \`PIECE\` is a digest of the work's jobs: the same jobs count once. The first message of a subject stays.

${tables(ScanTallyMessage)}
## Held change

In \`${SCANS}\`, on ${shown(heldSubject('SCAN', 'PIECE', NUMBER))}. Written by scanners, read at the end of the scan. The record of an entry follows as bytes.

${tables(HeldChangeMessage)}
## Message that was put aside

In \`${FAILED}\`, on ${FAILED_SUBJECT}: the message as it was, with the headers \`Ditag-Reason\` and \`Ditag-Subject\` (where it came from). \`ORIGIN\` is \`records\` or \`jobs\`.

## Start of a scan

A request on ${START}, of the archive's name or of its path on a scanner. One of the scanners that can see it answers.

${tables(StartScanMessage)}
The answer:

${tables(StartedScanMessage)}
An empty request on ${LIST}, without a frame, is answered by every scanner with the names of its archives as JSON.

## Item of a send

In \`${STORES}\`, on \`${storeSubject('PACS', 'SEND')}\`, where \`PACS\` is the start of a digest of its host, port and AE title. Written by \`ditag send\`, taken by
gateways. Its files are counted through, from 0 on: results name them by that number.

${tables(StoreItemMessage)}
## Accession numbers to be asked for

In the same place; written by \`ditag project index\`. What the PACS says of them is kept in the project by the gateway that asked.

${tables(FindItemMessage)}
## Series to be downloaded

In the same place; written by \`ditag project download\`, ten series an item, and in the end one without series: then the manifest is written.
\`folder\` is relative to where gateways keep downloads, \`patience\` in milliseconds, \`until\` (when the hours of a download end) in milliseconds since 1970.

${tables(RetrieveItemMessage)}
## Projects

In \`${PROJECTS}\`. \`PROJECT\`, \`DOWNLOAD\` and the like stand for starts of digests, of the project's name, of the download's folder and so on.

On \`ditag.project.PROJECT.settings\`, what the project is about; written by the commands of projects:

${tables(ProjectMessage)}
On \`ditag.project.PROJECT.target.ACCESSION\`, an accession number and what the PACS says of it; written by the command that adds it, then by gateways:

${tables(TargetMessage)}
On \`ditag.project.PROJECT.listed.SERIES\`, the instances of a series; written by gateways before the accession number:

${tables(ListedSeriesMessage)}
On \`ditag.project.PROJECT.download.DOWNLOAD\`, a download; written by \`ditag project download\`, as are the next two:

${tables(DownloadMessage)}
On \`ditag.project.PROJECT.received.DOWNLOAD.SERIES.BATCH\`, where \`BATCH\` is never used twice, what came of a series; all messages of a series together, in their order:

${tables(ReceivedMessage)}
On \`ditag.project.PROJECT.aside.DOWNLOAD.PATH\`, an instance that was not asked for:

${tables(NotAskedForMessage)}
On \`ditag.project.PROJECT.lock\`, who works on the project now, said again every few seconds; empty for nobody:

${tables(ProjectJobMessage)}
## What became of an item

In \`${RESULTS}\`, on \`${resultSubject('SEND', 'ITEM' as never, 'ATTEMPT' as never, 'PAGE' as never)}\`. Written by gateways while they send, read by the command that waits for it, which removes it at its end.

${tables(ResultPageMessage)}
## Requests to gateways

A request on ${GATEWAYS}, which every gateway answers: to look for work in a queue (\`PACS\`), or to end what it does for a send.

${tables(GatewayRequest)}
The answer:

${tables(GatewayAnswer)}
## Questions to the index

A request on \`${ASK}\`, answered by one of the APIs with \`{ answer }\`: what the port's function of the same name returns
(\`core/ports/instance-index.ts\`, \`core/ports/published-index.ts\`).

${tables(AskMessage)}
A question whose answer comes in pages is a request on \`${OPEN}\`; the answer is the first page.

${tables(OpenMessage)}
Further pages are requests on ${PAGES}, which the first page names:

${tables(PageRequest)}
A page. The lines of its rows follow as bytes.

${tables(PageMessage)}
### Files of a series

${tables(SeriesFilesMessage)}
## Query

\`from\` and \`to\` are dates as numbers (20260131).

${tables(QueryMessage)}
## Tokens and the audit trail

A token of the API, in the bucket \`${TOKENS}\`; written by \`ditag token create\`:

${tables(TokenMessage)}
An entry of the audit trail, in \`${AUDIT}\`, on \`${AUDIT_SUBJECT}\`; written by the API and by \`ditag token\`. Nobody can delete one.

${tables(AuditMessage)}
## Failure

The answer to any request that could not be done; the codes are those of [errors.md](errors.md).

${tables(checks.failure.Type())}`;

writeOrCheck('docs/wire.md', `${page.trimEnd()}\n`);
