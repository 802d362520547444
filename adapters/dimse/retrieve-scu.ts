// C-MOVE and C-GET as SCU (PS3.7 9.1.4, 9.1.3, PS3.4 C.4.2, C.4.3): one after the other over one association, which is
// kept open. What a C-GET brings comes over the same association.
import type { TransferSyntax } from '../../core/dicom/transfer-syntaxes.ts';
import { COMMAND, type CommandSet, MEDIUM, responseTo, WITH_DATA_SET } from '../../core/dimse/command-set.ts';
import type { Identifier } from '../../core/dimse/identifier.ts';
import { encodeIdentifier } from '../../core/dimse/identifier-encoding.ts';
import { PduError, type ProposedContext, type Role } from '../../core/dimse/pdu.ts';
import { STUDY_ROOT_GET, STUDY_ROOT_MOVE } from '../../core/dimse/uids.ts';
import { ditagError } from '../../core/errors/errors.ts';
import type { PacsRetrievals, Retrieved } from '../../core/ports/pacs.ts';
import { Association, type Patience } from './association.ts';
import type { Peer } from './connection.ts';
import { MESSAGE_SYNTAXES, offeredSyntax } from './offered.ts';
import { type Storing, takeStore } from './store-scp.ts';

const CONTEXT_ID = 1;

/** What is stored over the association itself. */
export interface Getting {
  /** One context each: a SOP class and transfer syntaxes of which the peer chooses one. */
  readonly contexts: readonly { readonly SOPClassUID: string; readonly transferSyntaxes: readonly string[] }[];
  readonly peer: Storing['peer'];
}

export class RetrieveAssociation implements PacsRetrievals {
  private readonly association: Association;
  private readonly destination: string | undefined;
  private readonly syntax: TransferSyntax;

  private constructor(association: Association, destination: string | undefined, syntax: TransferSyntax) {
    this.association = association;
    this.destination = destination;
    this.syntax = syntax;
  }

  /**
   * @param to the AE title to which a C-MOVE sends, or what a C-GET takes. Throws what `Association.open` throws, and
   * `not-offered`.
   */
  static async open(peer: Peer, to: string | Getting, patience?: Patience): Promise<RetrieveAssociation> {
    const isMove = typeof to === 'string';
    const contexts: ProposedContext[] = [
      { id: CONTEXT_ID, abstractSyntax: isMove ? STUDY_ROOT_MOVE : STUDY_ROOT_GET, transferSyntaxes: MESSAGE_SYNTAXES },
    ];
    if (!isMove)
      for (const { SOPClassUID: abstractSyntax, transferSyntaxes } of to.contexts)
        contexts.push({ id: 2 * contexts.length + 1, abstractSyntax, transferSyntaxes });
    const association: Association = await Association.open(
      peer,
      isMove ? { contexts } : { contexts, roles: rolesOf(to) },
      patience,
      isMove ? {} : { takeRequest: (contextId, command) => takeRequest(association, contextId, command, peer, to) },
    );
    const syntax = offeredSyntax(association, CONTEXT_ID, isMove ? 'C-MOVE' : 'C-GET');
    return new RetrieveAssociation(association, isMove ? to : undefined, syntax);
  }

  get isOpen(): boolean {
    return this.association.isOpen;
  }

  get sendsElsewhere(): boolean {
    return this.destination !== undefined;
  }

  async retrieve(identifier: Identifier, onPending: () => void): Promise<Retrieved> {
    const { association, destination, syntax } = this;
    const isMove = destination !== undefined;
    const command: CommandSet = {
      AffectedSOPClassUID: isMove ? STUDY_ROOT_MOVE : STUDY_ROOT_GET,
      CommandField: isMove ? COMMAND.moveRequest : COMMAND.getRequest,
      MessageID: association.nextMessageId(),
      Priority: MEDIUM,
      CommandDataSetType: WITH_DATA_SET,
      ...(isMove ? { MoveDestination: destination } : {}),
    };
    const answer = await association.request(CONTEXT_ID, command, [encodeIdentifier(identifier, syntax)], onPending);
    const { Status: status, NumberOfCompletedSuboperations: completed, NumberOfFailedSuboperations: failed } = answer;
    if (status === undefined)
      throw ditagError('not-dicom', { peer: association.name, reason: 'its answer has no status' });
    return { status, completed, failed, comment: answer.ErrorComment ?? '' };
  }

  async close(): Promise<void> {
    await this.association.release();
  }

  abort(): void {
    this.association.abort();
  }
}

/** For a C-GET its requestor is the SCP of what comes (PS3.7 D.3.3.4). */
function rolesOf({ contexts }: Getting): Role[] {
  const classes = new Set(contexts.map(({ SOPClassUID }) => SOPClassUID));
  return [...classes].map((SOPClassUID) => ({ SOPClassUID, isScu: false, isScp: true }));
}

function takeRequest(association: Association, contextId: number, command: CommandSet, peer: Peer, to: Getting) {
  const context = association.contexts.get(contextId);
  if (context === undefined || command.CommandField !== COMMAND.storeRequest)
    throw new PduError('it sent a request that is no C-STORE of what was agreed on');
  return takeStore(command, context, {
    peer: to.peer,
    sourceAETitle: peer.calledAETitle,
    answer: (request, status) => {
      const { AffectedSOPInstanceUID = '' } = request;
      const respond = (Status: number) =>
        // Where it has ended meanwhile nobody waits for the answer.
        association.send(contextId, { ...responseTo(request), AffectedSOPInstanceUID, Status }).catch(() => {});
      if (typeof status === 'number') void respond(status);
      else void status.then(respond);
    },
  });
}
