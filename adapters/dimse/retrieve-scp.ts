// C-MOVE and C-GET as their acceptor carries them out (PS3.7 9.1.3, 9.1.4, PS3.4 C.4.2, C.4.3): the identifier in, an answer
// with the counts of sub-operations after each of them, and at the end which instances failed.
import type { Buffer } from 'node:buffer';
import type { TransferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { COMMAND, type CommandSet, responseTo } from '../../core/dimse/command-set.ts';
import { identifierOf } from '../../core/dimse/identifier.ts';
import { encodeIdentifier } from '../../core/dimse/identifier-encoding.ts';
import { retrieveStatus } from '../../core/dimse/retrieve-status.ts';
import { STATUS } from '../../core/dimse/statuses.ts';
import { PATIENT_ROOT_GET, PATIENT_ROOT_MOVE, STUDY_ROOT_GET, STUDY_ROOT_MOVE } from '../../core/dimse/uids.ts';
import type { AdmittedPeer, InformationModel, SubOperations } from '../../core/ports/scp.ts';
import type { Association } from './association.ts';
import { GetPeer } from './get-peer.ts';
import type { Asked, FinalAnswer } from './identifier-requests.ts';

/** Counts are US. */
const MOST_COUNT = 65_535;
/** Instances that are named as failed: a longer list does not fit into an element of explicit VR. */
export const MOST_FAILURES_NAMED = 1_000;
/** The value of an element with a length of 16 bits has at most so many. */
export const MOST_CHARACTERS = 65_534;

const MOVES: ReadonlyMap<string, InformationModel> = new Map([
  [PATIENT_ROOT_MOVE, 'patient-root'],
  [STUDY_ROOT_MOVE, 'study-root'],
]);
const GETS: ReadonlyMap<string, InformationModel> = new Map([
  [PATIENT_ROOT_GET, 'patient-root'],
  [STUDY_ROOT_GET, 'study-root'],
]);

/** What a peer needs for a SOP class of this service; undefined for other ones. */
export function retrieveRight(abstractSyntax: string): 'move' | 'get' | undefined {
  if (MOVES.has(abstractSyntax)) return 'move';
  return GETS.has(abstractSyntax) ? 'get' : undefined;
}

/**
 * Carries out a C-MOVE or C-GET. Rejects with FindError. @param taken the SOP classes of which the requestor takes instances
 * itself: for which it has the role of an SCP
 */
export async function answerRetrieve(
  asked: Asked,
  association: Association,
  { peer, taken }: { readonly peer: AdmittedPeer; readonly taken: ReadonlySet<string> },
): Promise<FinalAnswer> {
  const { command, context, syntax, identifier, signal } = asked;
  const isMove = command.CommandField === COMMAND.moveRequest;
  let isTelling = false;
  const outcome = await peer.retrieve({
    model: (isMove ? MOVES : GETS).get(context.abstractSyntax)!,
    identifier,
    to: isMove
      ? { destination: command.MoveDestination ?? '', messageId: command.MessageID ?? 0 }
      : new GetPeer(association, taken),
    signal,
    onProgress: (counts) => {
      // A peer that is slow to take the counts gets the next ones.
      if (isTelling || counts.remaining === 0) return;
      isTelling = true;
      const pending = { ...responseTo(command), Status: STATUS.pending, ...countsOf(counts, true) };
      const told = association.send(context.id, pending).catch(() => {});
      void told.then(() => (isTelling = false));
    },
  });
  const final = { Status: retrieveStatus(outcome), ...countsOf(outcome, outcome.isCancelled) };
  const { failures } = outcome;
  return failures.length === 0 ? { command: final } : { command: final, identifier: failed(failures, syntax) };
}

/** @param withRemaining whether there may be more to come (PS3.7 9.1.3.1.6) */
function countsOf(
  { remaining, completed, failed: failures, warning }: SubOperations,
  withRemaining: boolean,
): CommandSet {
  const count = (number: number) => Math.min(number, MOST_COUNT);
  return {
    ...(withRemaining ? { NumberOfRemainingSuboperations: count(remaining) } : {}),
    NumberOfCompletedSuboperations: count(completed),
    NumberOfFailedSuboperations: count(failures),
    NumberOfWarningSuboperations: count(warning),
  };
}

function failed(failures: readonly string[], syntax: TransferSyntax): Buffer {
  let list = '';
  for (const uid of failures.slice(0, MOST_FAILURES_NAMED)) {
    const longer = list === '' ? uid : `${list}\\${uid}`;
    // UIDs of files may be longer than UIDs are.
    if (longer.length > MOST_CHARACTERS) break;
    list = longer;
  }
  return encodeIdentifier(identifierOf({ FailedSOPInstanceUIDList: list }), syntax);
}
