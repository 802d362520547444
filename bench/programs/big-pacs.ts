/**
 * A PACS for `download-big` that answers C-ECHO and C-MOVE at SERIES and IMAGE level, and
 * makes each instance as it sends it, over one association a caller.
 *
 *   node big-pacs.ts PORT DESTINATION    DESTINATION: the port of this machine to which it sends
 */

import { DimseListener } from '../../adapters/dimse/listener.ts';
import { DimseStorePeer } from '../../adapters/dimse/store-scu.ts';
import { transferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { type Identifier, identifierOf, text, values } from '../../core/dimse/identifier.ts';
import { encodeIdentifier } from '../../core/dimse/identifier-encoding.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN } from '../../core/dimse/uids.ts';
import type { AdmittedPeer, Retrieval, RetrieveOutcome } from '../../core/ports/scp.ts';
import type { StoreAssociation } from '../../core/ports/store-peer.ts';
import { INSTANCES, instanceUid, OWN, PACS, SOP_CLASS, seriesOf } from '../big-project.ts';

const HOST = '127.0.0.1';
const [port, destination] = process.argv.slice(2).map(Number) as [number, number];
const syntax = transferSyntax(EXPLICIT_VR_LITTLE_ENDIAN)!;
const receiver = new DimseStorePeer({
  host: HOST,
  port: destination,
  calledAETitle: OWN,
  callingAETitle: PACS,
});
/** Associations that wait for the next retrieval. */
const idle: StoreAssociation[] = [];

function dataSet(StudyInstanceUID: string, SeriesInstanceUID: string, SOPInstanceUID: string): Buffer {
  const keys = { SOPClassUID: SOP_CLASS, SOPInstanceUID, PatientID: 'BIG', StudyInstanceUID, SeriesInstanceUID };
  return encodeIdentifier(identifierOf(keys), syntax);
}

function named(identifier: Identifier): readonly string[] {
  const series = seriesOf(text(identifier, 'SeriesInstanceUID'));
  return text(identifier, 'QueryRetrieveLevel') === 'SERIES'
    ? Array.from({ length: INSTANCES }, (_, instance) => instanceUid(series, instance))
    : values(identifier, 'SOPInstanceUID');
}

async function retrieve({ identifier }: Retrieval): Promise<RetrieveOutcome> {
  const [study, series] = [text(identifier, 'StudyInstanceUID'), text(identifier, 'SeriesInstanceUID')];
  const contexts = [{ SOPClassUID: SOP_CLASS, transferSyntaxes: [EXPLICIT_VR_LITTLE_ENDIAN] }];
  const waiting = idle.pop();
  const association = waiting?.isOpen === true ? waiting : await receiver.open(contexts);
  const failures: string[] = [];
  let completed = 0;
  for (const uid of named(identifier)) {
    const as = { SOPClassUID: SOP_CLASS, SOPInstanceUID: uid, transferSyntax: EXPLICIT_VR_LITTLE_ENDIAN };
    if ((await association.store(as, [dataSet(study, series, uid)])) === 0) completed++;
    else failures.push(uid);
  }
  idle.push(association);
  const counts = { remaining: 0, completed, failed: failures.length, warning: 0 };
  return { ...counts, failures, reasons: new Map(), isCancelled: false };
}

/** Whoever it sends to waits for its associations to end: they do when nobody asks any more. */
let asking = 0;

async function ended(): Promise<void> {
  if (--asking > 0) return;
  for (const association of idle.splice(0)) if (association.isOpen) await association.release().catch(() => {});
}

function peer(): AdmittedPeer {
  asking++;
  return {
    rights: new Set(['move']),
    receive: () => {
      throw new Error('It takes nothing');
    },
    refused: () => {},
    find: () => {
      throw new Error('It answers no queries');
    },
    retrieve,
    ended: () => void ended(),
  };
}

await DimseListener.open({ admit: peer }, { host: HOST, port });
