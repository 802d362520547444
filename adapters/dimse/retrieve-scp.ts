// C-MOVE and C-GET as their acceptor carries them out (PS3.7 9.1.3, 9.1.4, PS3.4 C.4.2, C.4.3): the identifier in, an answer
// with the counts of sub-operations after each of them, and at the end which instances failed.
import type { Buffer } from 'node:buffer';
import { transferSyntax as syntaxOf, type TransferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { COMMAND, type CommandSet, NO_DATA_SET, responseTo, WITH_DATA_SET } from '../../core/dimse/command-set.ts';
import { IdentifierError, identifierOf } from '../../core/dimse/identifier.ts';
import { decodeIdentifier } from '../../core/dimse/identifier-decoding.ts';
import { encodeIdentifier } from '../../core/dimse/identifier-encoding.ts';
import { PduError } from '../../core/dimse/pdu.ts';
import { PATIENT_ROOT_GET, PATIENT_ROOT_MOVE, STUDY_ROOT_GET, STUDY_ROOT_MOVE } from '../../core/dimse/uids.ts';
import { type AdmittedPeer, FindError, type RetrieveOutcome, type SubOperations } from '../../core/ports/scp.ts';
import { type AgreedContext, type Association, collector, type DataTaker } from './association.ts';
import { GetPeer } from './get-peer.ts';

/** Statuses of PS3.4 C.4.2.1.5 and C.4.3.1.4. */
const SUCCESS = 0x0000;
const SOME_FAILED = 0xb000;
const ALL_FAILED = 0xa702;
const CANCELLED = 0xfe00;
const PENDING = 0xff00;
const UNABLE_TO_PROCESS = 0xc000;
const MOST_COMMENT = 64;
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

/** The C-MOVE or C-GET of one association, of which there is one at a time. */
export class RetrieveScp {
  private readonly association: Association;
  private readonly peer: AdmittedPeer;
  private running: { readonly messageId: number; readonly ending: AbortController } | undefined;

  constructor(association: Association, peer: AdmittedPeer) {
    this.association = association;
    this.peer = peer;
  }

  /** Takes a C-MOVE-RQ or C-GET-RQ. */
  take(command: CommandSet, context: AgreedContext): DataTaker {
    if (this.running !== undefined) throw new PduError('it asked for instances before it had got those before');
    if ((command.CommandDataSetType ?? NO_DATA_SET) === NO_DATA_SET)
      throw new PduError('it asked for instances without an identifier');
    this.running = { messageId: command.MessageID ?? 0, ending: new AbortController() };
    const { signal } = this.running.ending;
    return collector((bytes) => void this.answer(command, context, bytes, signal));
  }

  /** Ends the one that a C-CANCEL-RQ is for, if it is still running. */
  cancel(messageId: number | undefined): void {
    if (this.running?.messageId === messageId) this.running?.ending.abort();
  }

  /** Nobody waits for instances any more. */
  end(): void {
    this.running?.ending.abort();
  }

  /** Never rejects: where the association has ended nobody waits for the answer. */
  private async answer(command: CommandSet, context: AgreedContext, bytes: Buffer, signal: AbortSignal): Promise<void> {
    const { id } = context;
    const syntax = syntaxOf(context.transferSyntax)!;
    let final: CommandSet;
    let failures: readonly string[] = [];
    try {
      const outcome = await this.retrieve(command, context, decodeIdentifier(bytes, syntax), signal);
      failures = outcome.failures;
      final = { Status: finalStatus(outcome), ...countsOf(outcome, outcome.isCancelled) };
    } catch (error) {
      if (!this.association.isOpen) return;
      const isExplained = error instanceof FindError || error instanceof IdentifierError;
      const comment = isExplained ? error.message : 'The instances could not be sent';
      const Status = error instanceof FindError ? error.status : UNABLE_TO_PROCESS;
      final = { Status, ErrorComment: comment.slice(0, MOST_COMMENT) };
    } finally {
      this.running = undefined;
    }
    const response = { ...responseTo(command), ...final };
    const sent =
      failures.length === 0
        ? this.association.send(id, response)
        : this.association.send(id, { ...response, CommandDataSetType: WITH_DATA_SET }, [failed(failures, syntax)]);
    await sent.catch(() => {});
  }

  private retrieve(
    command: CommandSet,
    { id }: AgreedContext,
    identifier: ReturnType<typeof decodeIdentifier>,
    signal: AbortSignal,
  ): Promise<RetrieveOutcome> {
    const { association } = this;
    const isMove = command.CommandField === COMMAND.moveRequest;
    let isTelling = false;
    return this.peer.retrieve({
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
        const told = association.send(id, pending).catch(() => {});
        void told.then(() => (isTelling = false));
      },
    });
  }
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
