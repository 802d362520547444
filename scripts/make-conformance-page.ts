// Prints docs/conformance.md, a DICOM conformance statement in the order of PS3.2 annex N, from the tables in the code: SOP
// classes, transfer syntaxes, limits, statuses. `--check` compares instead of writing.
import fs from 'node:fs';
import { PATIENCE, STORE_PATIENCE } from '../adapters/dimse/association.ts';
import { LIMITS } from '../adapters/dimse/listener.ts';
import { MOST_CHARACTERS, MOST_FAILURES_NAMED } from '../adapters/dimse/retrieve-scp.ts';
import { MAXIMUM_LENGTH } from '../adapters/dimse/upper-layer.ts';
import { allUids } from '../core/dicom/dictionary.ts';
import { allTransferSyntaxes } from '../core/dicom/transfer-syntaxes.ts';
import { isStorageClass } from '../core/dimse/negotiation.ts';
import { statusText } from '../core/dimse/reasons.ts';
import { retrieveStatusText } from '../core/dimse/retrieve-status.ts';
import {
  APPLICATION_CONTEXT,
  EXPLICIT_VR_BIG_ENDIAN,
  EXPLICIT_VR_LITTLE_ENDIAN,
  IMPLEMENTATION_CLASS_UID,
  IMPLEMENTATION_VERSION_NAME,
  IMPLICIT_VR_LITTLE_ENDIAN,
  PATIENT_ROOT_FIND,
  PATIENT_ROOT_GET,
  PATIENT_ROOT_MOVE,
  STUDY_ROOT_FIND,
  STUDY_ROOT_GET,
  STUDY_ROOT_MOVE,
  VERIFICATION,
} from '../core/dimse/uids.ts';
import { IMAGE_KEYS, SERIES_KEYS, STUDY_KEYS } from '../core/stages/find-accession.ts';
import { MOST_NAMED } from '../core/stages/retrieval-requests.ts';
import { RETRIEVE_PAUSES } from '../core/stages/retrieve-instances.ts';
import { MOST_IN_VAIN, SEND_PAUSES } from '../core/stages/send-instances.ts';
import { UNCOMPRESSED } from '../core/stages/store-contexts.ts';
import { THREADS } from '../services/dimse-gateway/retrieve.ts';
import { PEERS_TRIED } from '../test/peers-tried.ts';
import { writeOrCheck } from './write-or-check.ts';

const name = (uid: string) => allUids().get(uid)?.name ?? allTransferSyntaxes().get(uid)?.name ?? uid;
const row = (...cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(...head), row(...head.map(() => '---')), ...rows.map((cells) => row(...cells))].join('\n');
const seconds = (milliseconds: number) => `${milliseconds / 1000} s`;

const storage = [...allUids().values()].filter(({ uid }) => isStorageClass(uid));
const syntaxes = [...allTransferSyntaxes().values()];
for (const { test, program } of PEERS_TRIED)
  if (!fs.readFileSync(test, 'utf8').includes(program)) throw new Error(`${test} does not name ${program}`);

const STORE_STATUSES: readonly (readonly [number, string])[] = [
  [
    0x0000,
    'The instance is on the disk, under its name, and its folder is synced; or the same instance was there before.',
  ],
  [0xa700, 'There is no room on the disk.'],
  [
    0xa900,
    'SOPClassUID or SOPInstanceUID of the data set are not those of the command, or it has no SeriesInstanceUID, which only objects of no patient (PS3.4 annex GG) may lack.',
  ],
  [0x0110, 'It could not be written.'],
  [0x0122, 'The SOP class of the command is not that of its presentation context, or none that is stored.'],
  [0x0124, 'The peer may take instances by C-GET in this presentation context, but not store any.'],
];

const RETRIEVE_STATUSES: readonly (readonly [number, string])[] = [
  [0x0000, 'C-FIND: all answers have been given. C-MOVE, C-GET: all instances have been sent.'],
  [0xff00, 'An answer; or an instance was sent, and more are to come.'],
  [0xff01, 'An answer; of some keys that were asked for nothing can be known, or they were not matched.'],
  [0xfe00, 'It was cancelled.'],
  [0xa700, 'C-FIND: there are more answers than the limit of the configuration, which the comment names.'],
  [0xa702, 'C-MOVE, C-GET: no instance could be sent.'],
  [0xa801, 'The move destination is no peer of the configuration, or one without a port.'],
  [
    0xa900,
    'The identifier names no level of its model. C-FIND at the level IMAGE: it names neither a study nor a series by UID. C-MOVE, C-GET: it has no value for the unique key of its level, or at the level IMAGE names no series.',
  ],
  [0xb000, 'C-MOVE, C-GET: some instances could not be sent, or were taken with a warning.'],
  [0xc000, 'The index cannot be asked, or a key has too many wild cards.'],
];

/** Of the models, the one that projects ask in. */
const SCU_MODELS = [STUDY_ROOT_FIND, STUDY_ROOT_MOVE, STUDY_ROOT_GET];
const keys = (keywords: readonly string[]) => keywords.map((keyword) => `\`${keyword}\``).join(', ');

const page = `# DICOM conformance statement

Printed by \`scripts/make-conformance-page.ts\` from the tables in the code, in the order of PS3.2 annex N. What is not named here is not supported.

## Overview

| SOP class | as SCU | as SCP |
| --- | --- | --- |
| ${name(VERIFICATION)} | yes | yes |
| Storage: all of PS3.4 annex B.5, and private ones | yes | yes |
${[PATIENT_ROOT_FIND, STUDY_ROOT_FIND, PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE, PATIENT_ROOT_GET, STUDY_ROOT_GET]
  .map((uid) => row(name(uid), SCU_MODELS.includes(uid) ? 'yes' : 'no', 'yes'))
  .join('\n')}

## Networking

### Application entities

| AE | what it does |
| --- | --- |
| \`ditag echo\`, \`ditag send\` | Ask for associations: Verification and Storage as SCU. |
| \`ditag gateway\` | Takes associations: Verification, Storage and Query/Retrieve as SCP; asks for some where a C-MOVE sends: Storage as SCU. |
| \`ditag project index\`, \`ditag project download\` | Ask for associations: Verification and Query/Retrieve as SCU. While a download by C-MOVE runs, takes associations: Storage as SCP. |

### Association policies

${table(
  ['what', 'value'],
  [
    ['application context', `\`${APPLICATION_CONTEXT}\``],
    ['implementation class UID', `\`${IMPLEMENTATION_CLASS_UID}\``],
    ['implementation version name', `\`${IMPLEMENTATION_VERSION_NAME}\``],
    ['longest PDU that is taken', `${MAXIMUM_LENGTH} bytes`],
    ['asynchronous operations', 'none: one operation at a time, in either role'],
    ['user identity, extended negotiation', 'not sent; ignored where a peer sends it'],
    ['associations as requestor', '`--threads`, 4 without it'],
    ['connections as acceptor', '32 more than `associations` of the configuration (32), which are served'],
    ['as acceptor: a peer is not waited for after silence of', seconds(LIMITS.idle)],
    ['as requestor: an answer to a C-STORE is waited for', seconds(STORE_PATIENCE.answer)],
    ['as requestor: any other answer is waited for', seconds(PATIENCE.answer)],
    ['as requestor: a connection is waited for', seconds(PATIENCE.connect)],
    ['a PDU may take', seconds(LIMITS.pdu)],
    ['an association may last', seconds(LIMITS.total)],
  ],
)}

As acceptor it knows its peers by AE title and address; who is not named in the configuration is rejected (result 1, source 1, reason 3), and who calls another AE
title (reason 7). Where no more associations are served the rejection is a temporary one (result 2, source 3, reason 2).

### Storage as SCU

The data set is sent as it lies in the file. Each SOP class is proposed with the transfer syntax of the files, a private or unknown one under its own UID, one a presentation context. For uncompressed files a
further context offers the uncompressed ones, into which a data set is re-encoded without loss where the peer takes no other: ${UNCOMPRESSED.map(name).join(', ')}.
Pixel data are never compressed or decompressed. Where 128 presentation contexts do not suffice further associations are opened.

| status | what is done |
| --- | --- |
| ${statusText(0)} | stored |
| Bxxx, 0001H, 0107H, 0116H | stored with warning |
| A7xx, 0213H | tried again up to ${SEND_PAUSES.length} times, with pauses of ${SEND_PAUSES[0]! / 1000} to ${SEND_PAUSES.at(-1)! / 1000} s; then refused. After ${MOST_IN_VAIN} instances in a row that were tried in vain, further ones are tried once, until one is taken |
| any other | refused |

### Storage as SCP

Every Storage SOP class, standard or private, in every transfer syntax that a peer proposes; of several in one presentation context the first, but explicit VR little
endian where that is implicit VR or big endian. Level 2 (full): data sets are kept byte for byte, with private elements. Nothing is coerced. Digital signatures are not looked at. Objects of no patient (PS3.4 annex GG) are kept as files; they are of no series, so no query and no retrieval finds them.

${table(
  ['status', 'when'],
  STORE_STATUSES.map(([status, when]) => [statusText(status), when]),
)}

While \`ditag project download\` takes instances, success is answered when an instance is whole and before it is on the disk: the sender keeps it, and what could not be stored is asked for again. It takes associations of the PACS that
it asks, known by its AE title or address, and of those of \`--accept-from\`.

### Query/Retrieve as SCU

In the Study Root model, without relational queries; one query at a time over an association that is kept open.

| level | unique and matching keys | return keys |
| --- | --- | --- |
| STUDY | \`AccessionNumber\` | ${keys(STUDY_KEYS)} |
| SERIES | \`StudyInstanceUID\`; where an answer may be cut short, also \`SeriesNumber\` | ${keys(SERIES_KEYS)} |
| IMAGE | \`StudyInstanceUID\`, \`SeriesInstanceUID\`; where an answer may be cut short, also \`InstanceNumber\` | ${keys(IMAGE_KEYS)} |

C-MOVE and C-GET ask at the level SERIES, then at the level IMAGE with up to ${MOST_NAMED} SOPInstanceUIDs. Statuses and counts decide nothing but the pace and what is told: an instance is received when its file is on the disk.
For a C-GET the SCP role of the Storage classes that the PACS has named is proposed, each with the transfer syntaxes of this statement as far as there is room.

| status | what is done |
| --- | --- |
| ${statusText(0)}, Bxxx | it is looked at what has come; what is missing is asked for by name |
| A7xx, 0213H | fewer retrievals at a time, after a pause |
| ${statusText(0xa801)} | the download ends |
| any other | what is missing is asked for at the other level |

### Query/Retrieve as SCP

C-FIND is answered from the index at the levels PATIENT, STUDY, SERIES and IMAGE. Matching: single value, list of UID (and lists in any other VR), universal, wildcard, range of dates and times, sequence. Names
match without regard to case, in any of their three component groups; IS and DS match as they are written (\`01\` is not \`1\`). Keys of any level may be given at any level (relational queries), whether or not the unique keys above are there; at the level IMAGE a study or a series has to be named by UID. Keys of images (SOPInstanceUID among them) are matched at the level IMAGE only: elsewhere they keep nothing out, and answers are of FF01H. Of long texts and sequences what the index keeps is matched and answered ([reading-dicom.md](reading-dicom.md), "What is cut"). Return keys are all attributes that the
index keeps of the first file of a series; at the levels PATIENT and STUDY those of patient and study alone, and what was matched; at the level IMAGE those of patient, study, series, equipment and frame of reference, and of the file itself SOPInstanceUID, SOPClassUID and InstanceNumber, which is read from the file when it is asked for (where it cannot be read, the answer is of FF01H): other attributes of images are not known of each file, so they are neither matched nor answered there, and answers are of FF01H. Answers come in the character set of the request where all text can be written in it, but for GB18030 and GBK, else in UTF-8
(ISO_IR 192). Not there: fuzzy matching, combined date and time matching, time zone adjustment.

C-MOVE sends to peers of the configuration that have a port, over up to ${THREADS} associations; C-GET sends over the association of the request, of which the SCU has to be the SCP by role selection. Instances are sent as
by the Storage SCU above, but A7xx is tried again only ${RETRIEVE_PAUSES.length} times, within ${RETRIEVE_PAUSES.reduce((sum, one) => sum + one, 0) / 1000} s. Counts of sub-operations are of instances, each once; a list of more than ${MOST_FAILURES_NAMED.toLocaleString('en-US')} failed instances, or ${MOST_CHARACTERS.toLocaleString('en-US')} characters, is cut.

${table(
  ['status', 'when'],
  RETRIEVE_STATUSES.map(([status, when]) => [
    status === 0xb000 ? retrieveStatusText(status) : statusText(status),
    when,
  ]),
)}

### Transfer syntaxes of messages

${[EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN].map((uid) => `${name(uid)} (\`${uid}\`)`).join(', ')}.

### Security

TLS 1.2 or newer in either role (the BCP 195 profiles of PS3.15 B.9 and B.10 allow 1.2 and 1.3; cipher suites are Node's), with certificates on either side. No user identity.

## Character sets

Data sets are sent and kept as they are. Character sets that are read for the index: every defined term of PS3.3 C.12.1.1.2.

## Peers that were tried

Each line is a test that runs in CI.

${table(
  ['peer', 'its role', 'what', 'test'],
  PEERS_TRIED.map(({ peer, role, what, test }) => [peer, role, what, `\`${test}\``]),
)}

## Tables

### Storage SOP classes

Those that are known by name; others below \`1.2.840.10008.5.1.4.1.1.\` and private ones are taken as well.

${table(
  ['SOP class', 'UID'],
  storage.map(({ uid, name: own, retired }) => [
    `${own === '' ? '(without a name in PS3.6)' : own}${retired && !own.includes('Retired') ? ' (retired)' : ''}`,
    `\`${uid}\``,
  ]),
)}

### Transfer syntaxes

Those that are known by name; as SCP others are taken as well.

${table(
  ['transfer syntax', 'UID'],
  syntaxes.map(({ uid, name: own }) => [own, `\`${uid}\``]),
)}
`;

writeOrCheck('docs/conformance.md', page);
