// C-FIND as its acceptor answers it (PS3.7 9.1.2, PS3.4 C.4.1): the identifier in, answers out one after the other, the
// next only when the one before has gone out; a cancel in between.
import type { Buffer } from 'node:buffer';
import { transferSyntax as syntaxOf, type TransferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { type CommandSet, NO_DATA_SET, responseTo, WITH_DATA_SET } from '../../core/dimse/command-set.ts';
import { type Identifier, IdentifierError, values } from '../../core/dimse/identifier.ts';
import { decodeIdentifier } from '../../core/dimse/identifier-decoding.ts';
import { encodeIdentifier } from '../../core/dimse/identifier-encoding.ts';
import { PduError } from '../../core/dimse/pdu.ts';
import { PATIENT_ROOT_FIND, STUDY_ROOT_FIND } from '../../core/dimse/uids.ts';
import { type AdmittedPeer, FindError, type InformationModel } from '../../core/ports/scp.ts';
import { type AgreedContext, type Association, collector, type DataTaker } from './association.ts';

/** Statuses of PS3.4 C.4.1.1.4. */
const SUCCESS = 0x0000;
const CANCELLED = 0xfe00;
const PENDING = 0xff00;
const PENDING_WITHOUT_SOME_KEYS = 0xff01;
const UNABLE_TO_PROCESS = 0xc000;
/** An ErrorComment is an LO (PS3.7 annex C). */
const MOST_COMMENT = 64;

const MODELS: ReadonlyMap<string, InformationModel> = new Map([
  [PATIENT_ROOT_FIND, 'patient-root'],
  [STUDY_ROOT_FIND, 'study-root'],
]);

export function isFindClass(abstractSyntax: string): boolean {
  return MODELS.has(abstractSyntax);
}

/** The C-FIND of one association, of which there is one at a time. */
export class FindScp {
  private readonly association: Association;
  private readonly peer: AdmittedPeer;
  private running: { readonly messageId: number; readonly ending: AbortController } | undefined;

  constructor(association: Association, peer: AdmittedPeer) {
    this.association = association;
    this.peer = peer;
  }

  /** Takes a C-FIND-RQ. */
  take(command: CommandSet, context: AgreedContext): DataTaker {
    if (this.running !== undefined) throw new PduError('it sent a C-FIND before the one before was answered');
    if ((command.CommandDataSetType ?? NO_DATA_SET) === NO_DATA_SET)
      throw new PduError('it sent a C-FIND without an identifier');
    this.running = { messageId: command.MessageID ?? 0, ending: new AbortController() };
    const { signal } = this.running.ending;
    return collector((bytes) => void this.answer(command, context, bytes, signal));
  }

  /** Ends the one that a C-CANCEL-RQ is for, if it is still running. */
  cancel(messageId: number | undefined): void {
    if (this.running?.messageId === messageId) this.running?.ending.abort();
  }

  /** Nobody waits for answers any more. */
  end(): void {
    this.running?.ending.abort();
  }

  /** Never rejects: where the association has ended nobody waits for the answer. */
  private async answer(command: CommandSet, context: AgreedContext, bytes: Buffer, signal: AbortSignal): Promise<void> {
    let final: CommandSet;
    try {
      await this.answerAll(command, context, bytes, signal);
      final = { Status: signal.aborted ? CANCELLED : SUCCESS };
    } catch (error) {
      if (!this.association.isOpen) return;
      const isExplained = error instanceof FindError || error instanceof IdentifierError;
      const comment = isExplained ? error.message : 'An answer could not be made';
      const Status = error instanceof FindError ? error.status : UNABLE_TO_PROCESS;
      final = { Status, ErrorComment: comment.slice(0, MOST_COMMENT) };
    } finally {
      this.running = undefined;
    }
    await this.association.send(context.id, { ...responseTo(command), ...final }).catch(() => {});
  }

  private async answerAll(
    command: CommandSet,
    { id, abstractSyntax, transferSyntax }: AgreedContext,
    bytes: Buffer,
    signal: AbortSignal,
  ): Promise<void> {
    const syntax = syntaxOf(transferSyntax)!;
    const identifier = decodeIdentifier(bytes, syntax);
    const characterSet = values(identifier, 'SpecificCharacterSet').join('\\');
    const pending = { ...responseTo(command), CommandDataSetType: WITH_DATA_SET };
    let isFirst = true;
    for await (const answer of this.peer.find(MODELS.get(abstractSyntax)!, identifier, signal)) {
      if (signal.aborted) return;
      // The first one goes out by itself, at once.
      if (!isFirst) this.association.gather();
      isFirst = false;
      const Status = answer.isFull ? PENDING : PENDING_WITHOUT_SOME_KEYS;
      await this.association.send(id, { ...pending, Status }, [encoded(answer.identifier, syntax, characterSet)]);
    }
  }
}

function encoded(answer: Identifier, syntax: TransferSyntax, characterSet: string): Buffer {
  return encodeIdentifier(answer, syntax, { characterSet });
}
