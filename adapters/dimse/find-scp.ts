// C-FIND as its acceptor answers it (PS3.7 9.1.2, PS3.4 C.4.1): the identifier in, answers out one after the other, the
// next only when the one before has gone out; a cancel in between.
import type { Buffer } from 'node:buffer';
import type { TransferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { responseTo, WITH_DATA_SET } from '../../core/dimse/command-set.ts';
import { type Identifier, values } from '../../core/dimse/identifier.ts';
import { encodeIdentifier } from '../../core/dimse/identifier-encoding.ts';
import { STATUS } from '../../core/dimse/statuses.ts';
import { PATIENT_ROOT_FIND, STUDY_ROOT_FIND } from '../../core/dimse/uids.ts';
import type { AdmittedPeer, InformationModel } from '../../core/ports/scp.ts';
import type { Association } from './association.ts';
import type { Asked, FinalAnswer } from './identifier-requests.ts';

const MODELS: ReadonlyMap<string, InformationModel> = new Map([
  [PATIENT_ROOT_FIND, 'patient-root'],
  [STUDY_ROOT_FIND, 'study-root'],
]);

export function isFindClass(abstractSyntax: string): boolean {
  return MODELS.has(abstractSyntax);
}

/** Answers a C-FIND. Rejects with FindError. */
export async function answerFinds(asked: Asked, association: Association, peer: AdmittedPeer): Promise<FinalAnswer> {
  const { command, context, syntax, identifier, signal } = asked;
  const characterSet = values(identifier, 'SpecificCharacterSet').join('\\');
  const pending = { ...responseTo(command), CommandDataSetType: WITH_DATA_SET };
  let isFirst = true;
  for await (const answer of peer.find(MODELS.get(context.abstractSyntax)!, identifier, signal)) {
    if (signal.aborted) break;
    // The first one goes out by itself, at once.
    if (!isFirst) association.gather();
    isFirst = false;
    const Status = answer.isFull ? STATUS.pending : STATUS.pendingWithoutSomeKeys;
    await association.send(context.id, { ...pending, Status }, [encoded(answer.identifier, syntax, characterSet)]);
  }
  return { command: { Status: signal.aborted ? STATUS.cancelled : STATUS.success } };
}

function encoded(answer: Identifier, syntax: TransferSyntax, characterSet: string): Buffer {
  return encodeIdentifier(answer, syntax, { characterSet });
}
