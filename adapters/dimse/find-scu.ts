// C-FIND as SCU (PS3.7 9.1.2, PS3.4 annex C): queries one after the other over one association, which is kept open.
import type { Buffer } from 'node:buffer';
import type { TransferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { COMMAND, MEDIUM, WITH_DATA_SET } from '../../core/dimse/command-set.ts';
import { type Identifier, IdentifierError } from '../../core/dimse/identifier.ts';
import { decodeIdentifier } from '../../core/dimse/identifier-decoding.ts';
import { encodeIdentifier } from '../../core/dimse/identifier-encoding.ts';
import { ditagError } from '../../core/errors/errors.ts';
import type { PacsQueries } from '../../core/ports/pacs.ts';
import { Association, type Patience } from './association.ts';
import type { Peer } from './connection.ts';
import { MESSAGE_SYNTAXES, offeredSyntax } from './offered.ts';

const CONTEXT_ID = 1;

export class FindAssociation implements PacsQueries {
  private readonly association: Association;
  private readonly model: string;
  private readonly syntax: TransferSyntax;

  private constructor(association: Association, model: string, syntax: TransferSyntax) {
    this.association = association;
    this.model = model;
    this.syntax = syntax;
  }

  /** @param model the SOP class of the query model. Throws what `Association.open` throws, and `not-offered`. */
  static async open(peer: Peer, model: string, patience?: Patience): Promise<FindAssociation> {
    const contexts = [{ id: CONTEXT_ID, abstractSyntax: model, transferSyntaxes: MESSAGE_SYNTAXES }];
    const association = await Association.open(peer, { contexts }, patience);
    return new FindAssociation(association, model, offeredSyntax(association, CONTEXT_ID, 'C-FIND'));
  }

  /**
   * Asks, and gives the status of the last answer (PS3.4 C.4.1.1.4). @param onAnswer gets each answer as it comes.
   * Throws what `Association.request` throws; for an answer that cannot be read `not-dicom`.
   */
  async find(keys: Identifier, onAnswer: (answer: Identifier) => void): Promise<number> {
    const { association, model, syntax } = this;
    const command = {
      AffectedSOPClassUID: model,
      CommandField: COMMAND.findRequest,
      MessageID: association.nextMessageId(),
      Priority: MEDIUM,
      CommandDataSetType: WITH_DATA_SET,
    };
    const take = (_: unknown, bytes: Buffer) => {
      try {
        onAnswer(decodeIdentifier(bytes, syntax));
      } catch (error) {
        // It is thrown to whoever asks, not to the socket. What follows what cannot be read is not wanted.
        if (!(error instanceof IdentifierError)) throw error;
        const reason = `its answer cannot be read: ${error.message}`;
        association.abort(ditagError('not-dicom', { peer: association.name, reason }, error));
      }
    };
    const { Status } = await association.request(CONTEXT_ID, command, [encodeIdentifier(keys, syntax)], take);
    if (Status !== undefined) return Status;
    throw ditagError('not-dicom', { peer: association.name, reason: 'its answer has no status' });
  }

  get isOpen(): boolean {
    return this.association.isOpen;
  }

  async close(): Promise<void> {
    await this.association.release();
  }

  abort(): void {
    this.association.abort();
  }
}
