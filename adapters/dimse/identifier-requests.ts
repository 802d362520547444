// Requests with an identifier (C-FIND, C-MOVE, C-GET) as their acceptor serves them, one at a time: the identifier in, then
// what the service does with it, a cancel in between, and one final answer however that ended.
import type { Buffer } from 'node:buffer';
import { transferSyntax as syntaxOf, type TransferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { type CommandSet, NO_DATA_SET, responseTo, WITH_DATA_SET } from '../../core/dimse/command-set.ts';
import { type Identifier, IdentifierError } from '../../core/dimse/identifier.ts';
import { decodeIdentifier } from '../../core/dimse/identifier-decoding.ts';
import { PduError } from '../../core/dimse/pdu.ts';
import { STATUS } from '../../core/dimse/statuses.ts';
import { CANCELLED, FindError } from '../../core/ports/scp.ts';
import type { AgreedContext } from './agreement.ts';
import type { Association } from './association.ts';
import { collector, type DataTaker } from './data-taker.ts';

/** An ErrorComment is an LO (PS3.7 annex C). */
const MOST_COMMENT = 64;

/** A request of the peer that is being served. */
export interface Asked {
  readonly command: CommandSet;
  readonly context: AgreedContext;
  readonly syntax: TransferSyntax;
  readonly identifier: Identifier;
  /** Aborts when the peer cancels, or has gone. */
  readonly signal: AbortSignal;
}

/** The final answer, without what it has of its request. */
export interface FinalAnswer {
  readonly command: CommandSet;
  readonly identifier?: Buffer;
}

export class IdentifierRequests {
  private readonly association: Association;
  private readonly serve: (asked: Asked) => Promise<FinalAnswer>;
  private readonly notServed: (command: CommandSet, status: number) => void;
  private running: { readonly messageId: number; readonly ending: AbortController } | undefined;

  /**
   * @param serve rejects with FindError or IdentifierError where that is what the peer is told @param notServed is told of a
   * request whose identifier cannot be read
   */
  constructor(
    association: Association,
    serve: (asked: Asked) => Promise<FinalAnswer>,
    notServed: (command: CommandSet, status: number) => void,
  ) {
    this.association = association;
    this.serve = serve;
    this.notServed = notServed;
  }

  /** Takes a request. */
  take(command: CommandSet, context: AgreedContext): DataTaker {
    if (this.running !== undefined) throw new PduError('it sent a request before the one before was answered');
    if ((command.CommandDataSetType ?? NO_DATA_SET) === NO_DATA_SET)
      throw new PduError('it sent a request without an identifier');
    this.running = { messageId: command.MessageID ?? 0, ending: new AbortController() };
    const { signal } = this.running.ending;
    return collector((bytes) => void this.answer(command, context, bytes, signal));
  }

  /** Ends the one that a C-CANCEL-RQ is for, if it is still running. */
  cancel(messageId: number | undefined): void {
    if (this.running?.messageId === messageId) this.running?.ending.abort(CANCELLED);
  }

  /** Nobody waits for answers any more. */
  end(): void {
    this.running?.ending.abort();
  }

  /** Never rejects: where the association has ended nobody waits for the answer. */
  private async answer(command: CommandSet, context: AgreedContext, bytes: Buffer, signal: AbortSignal): Promise<void> {
    let final: FinalAnswer;
    let isRead = false;
    try {
      const syntax = syntaxOf(context.transferSyntax)!;
      const identifier = decodeIdentifier(bytes, syntax);
      isRead = true;
      final = await this.association.serve(() => this.serve({ command, context, syntax, identifier, signal }));
    } catch (error) {
      const told = failure(error);
      if (!isRead) this.notServed(command, told.Status!);
      if (!this.association.isOpen) return;
      final = { command: told };
    } finally {
      this.running = undefined;
    }
    const response = { ...responseTo(command), ...final.command };
    const { identifier } = final;
    const sent =
      identifier === undefined
        ? this.association.send(context.id, response)
        : this.association.send(context.id, { ...response, CommandDataSetType: WITH_DATA_SET }, [identifier]);
    await sent.catch(() => {});
  }
}

function failure(error: unknown): CommandSet {
  const isExplained = error instanceof FindError || error instanceof IdentifierError;
  const comment = isExplained ? error.message : 'The request could not be carried out';
  const Status = error instanceof FindError ? error.status : STATUS.unableToProcess;
  return { Status, ErrorComment: comment.slice(0, MOST_COMMENT) };
}
