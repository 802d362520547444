// C-MOVE and C-GET as their acceptor carries them out (PS3.7 9.1.3, 9.1.4, PS3.4 C.4.2, C.4.3): the identifier in, an answer
// with the counts of sub-operations after each of them, and at the end which instances failed.
import type { Buffer } from 'node:buffer';
import type { TransferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { COMMAND, type CommandSet, responseTo } from '../../core/dimse/command-set.ts';
import { identifierOf } from '../../core/dimse/identifier.ts';
import { encodeIdentifier } from '../../core/dimse/identifier-encoding.ts';
import { PATIENT_ROOT_GET, PATIENT_ROOT_MOVE, STUDY_ROOT_GET, STUDY_ROOT_MOVE } from '../../core/dimse/uids.ts';
import type { AdmittedPeer, RetrieveOutcome, SubOperations } from '../../core/ports/scp.ts';
import type { Association } from './association.ts';
import { GetPeer } from './get-peer.ts';
import type { Asked, FinalAnswer } from './identifier-requests.ts';

/** Statuses of PS3.4 C.4.2.1.5 and C.4.3.1.4. */
const SUCCESS = 0x0000;
const SOME_FAILED = 0xb000;
const ALL_FAILED = 0xa702;
const CANCELLED = 0xfe00;
const PENDING = 0xff00;
/** Counts are US. */
const MOST_COUNT = 65_535;
/** Instances that are named as failed: a longer list does not fit into an element of explicit VR. */
const MOST_NAMED = 1_000;

const MOVES = new Set([PATIENT_ROOT_MOVE, STUDY_ROOT_MOVE]);
const GETS = new Set([PATIENT_ROOT_GET, STUDY_ROOT_GET]);

/** What a peer needs for a SOP class of this service; undefined for other ones. */
export function retrieveRight(abstractSyntax: string): 'move' | 'get' | undefined {
  if (MOVES.has(abstractSyntax)) return 'move';
  return GETS.has(abstractSyntax) ? 'get' : undefined;
}

/** Carries out a C-MOVE or C-GET. Rejects with FindError. */
export async function answerRetrieve(asked: Asked, association: Association, peer: AdmittedPeer): Promise<FinalAnswer> {
  const { command, context, syntax, identifier, signal } = asked;
  const isMove = command.CommandField === COMMAND.moveRequest;
  let isTelling = false;
  const outcome = await peer.retrieve({
    identifier,
    to: isMove
      ? { destination: command.MoveDestination ?? '', messageId: command.MessageID ?? 0 }
      : new GetPeer(association),
    signal,
    onProgress: (counts) => {
      // A peer that is slow to take the counts gets the next ones.
      if (isTelling || counts.remaining === 0) return;
      isTelling = true;
      const pending = { ...responseTo(command), Status: PENDING, ...countsOf(counts, true) };
      const told = association.send(context.id, pending).catch(() => {});
      void told.then(() => (isTelling = false));
    },
  });
  const final = { Status: finalStatus(outcome), ...countsOf(outcome, outcome.isCancelled) };
  const { failures } = outcome;
  return failures.length === 0 ? { command: final } : { command: final, identifier: failed(failures, syntax) };
}

function finalStatus({ completed, warning, failed, isCancelled }: RetrieveOutcome): number {
  if (isCancelled) return CANCELLED;
  if (failed === 0) return SUCCESS;
  return completed + warning === 0 ? ALL_FAILED : SOME_FAILED;
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
  const list = failures.slice(0, MOST_NAMED).join('\\');
  return encodeIdentifier(identifierOf({ FailedSOPInstanceUIDList: list }), syntax);
}
