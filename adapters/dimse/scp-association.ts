// One association as its acceptor serves it: what is agreed on, and each request of the peer to the port Scp.
import { COMMAND, type CommandSet, operationName, responseTo } from '../../core/dimse/command-set.ts';
import { answerContexts, isStorageClass } from '../../core/dimse/negotiation.ts';
import { type AssociateAccept, type AssociateReject, type AssociateRequest, PduError } from '../../core/dimse/pdu.ts';
import { STATUS } from '../../core/dimse/statuses.ts';
import { VERIFICATION } from '../../core/dimse/uids.ts';
import type { DitagError } from '../../core/errors/errors.ts';
import type { AdmittedPeer, Refusal, Scp } from '../../core/ports/scp.ts';
import { acceptance } from './agreement.ts';
import type { Acceptor, Association, RequestTaker } from './association.ts';
import type { DataTaker } from './data-taker.ts';
import { answerFinds, isFindClass } from './find-scp.ts';
import { IdentifierRequests } from './identifier-requests.ts';
import { answerRetrieve, retrieveRight } from './retrieve-scp.ts';
import { takeStore } from './store-scp.ts';

/** Requests of one association that are whole and whose answer has not gone out: a peer that asks for more does not listen. */
const MOST_UNANSWERED = 16;

/** Result, source and reason of PS3.8 table 9-21. */
const REFUSALS: Readonly<Record<Refusal, readonly [number, number, number]>> = {
  'calling-not-known': [1, 1, 3],
  'called-not-known': [1, 1, 7],
  'too-many': [2, 3, 2],
};

const FOREIGN: Readonly<Record<'application-context' | 'protocol-version', readonly [number, number, number]>> = {
  'application-context': [1, 1, 2],
  'protocol-version': [1, 2, 2],
};

function rejection([result, source, reason]: readonly [number, number, number]): AssociateReject {
  return { pdu: 'associate-reject', result, source, reason };
}

export class ScpAssociation implements Acceptor {
  private readonly scp: Scp;
  private readonly address: string;
  /** SOP classes of which the peer takes instances itself, by C-GET. */
  private taken: ReadonlySet<string> = new Set();
  private peer: AdmittedPeer | undefined;
  private association: Association | undefined;
  private requests: IdentifierRequests | undefined;
  private callingAETitle = '';
  private unanswered = 0;

  constructor(scp: Scp, address: string) {
    this.scp = scp;
    this.address = address;
  }

  decide(request: AssociateRequest): AssociateAccept | AssociateReject {
    const { callingAETitle, calledAETitle, foreign } = request;
    if (foreign !== undefined) return rejection(FOREIGN[foreign]);
    const admitted = this.scp.admit({ callingAETitle, calledAETitle, address: this.address });
    if (typeof admitted === 'string') {
      return rejection(REFUSALS[admitted]);
    }
    this.peer = admitted;
    this.callingAETitle = callingAETitle;
    // Classes of which the peer wants to take instances itself, by C-GET.
    const roles = (admitted.rights.has('get') ? (request.roles ?? []) : []).filter(
      ({ SOPClassUID, isScp }) => isScp && isStorageClass(SOPClassUID),
    );
    const gets = new Set(roles.map(({ SOPClassUID }) => SOPClassUID));
    const rule = (uid: string) => {
      if (uid === VERIFICATION) return 'taken';
      if (isFindClass(uid)) return admitted.rights.has('find') ? 'taken' : 'not-allowed';
      const retrieve = retrieveRight(uid);
      if (retrieve !== undefined) return admitted.rights.has(retrieve) ? 'taken' : 'not-allowed';
      if (!isStorageClass(uid)) return 'unknown';
      return admitted.rights.has('store') || gets.has(uid) ? 'taken' : 'not-allowed';
    };
    const answers = answerContexts(request.contexts, rule, isStorageClass);
    // Once for each class that has a context (PS3.7 D.3.3.4): what may be proposed beside that has no end.
    const proposed = new Set(request.contexts.map(({ abstractSyntax }) => abstractSyntax));
    const agreed = new Map(
      roles
        .filter(({ SOPClassUID }) => proposed.has(SOPClassUID))
        .map((role) => [role.SOPClassUID, { ...role, isScu: role.isScu && admitted.rights.has('store') }]),
    );
    this.taken = new Set(agreed.keys());
    return acceptance(request, answers, [...agreed.values()]);
  }

  begin(association: Association): RequestTaker {
    this.association = association;
    const peer = this.peer!;
    this.requests = new IdentifierRequests(
      association,
      (asked) =>
        isFindClass(asked.context.abstractSyntax)
          ? answerFinds(asked, association, peer)
          : answerRetrieve(asked, association, { peer, taken: this.taken }),
      ({ CommandField }, status) => peer.notServed?.(operationName(CommandField), status),
    );
    return (contextId, command) => this.take(contextId, command);
  }

  ended(failure: DitagError | undefined): void {
    this.requests?.end();
    this.peer?.ended(failure?.message);
    this.peer = undefined;
  }

  private take(contextId: number, command: CommandSet): DataTaker | undefined {
    const context = this.association!.contexts.get(contextId);
    if (context === undefined) throw new PduError('it sent a request in a presentation context that was not accepted');
    if (this.unanswered >= MOST_UNANSWERED && command.CommandField !== COMMAND.cancelRequest)
      throw new PduError('it sends request after request without waiting for an answer');
    switch (command.CommandField) {
      case COMMAND.echoRequest:
        this.peer?.echoed?.();
        this.answer(contextId, command, STATUS.success);
        return undefined;
      case COMMAND.storeRequest:
        return takeStore(command, context, {
          peer: this.peer!,
          sourceAETitle: this.callingAETitle,
          answer: (request, status) => this.answerStore(contextId, request, status),
        });
      case COMMAND.cancelRequest:
        // What it is for may have been answered already.
        this.requests!.cancel(command.MessageIDBeingRespondedTo);
        return undefined;
      case COMMAND.findRequest:
        if (command.AffectedSOPClassUID === context.abstractSyntax && isFindClass(context.abstractSyntax))
          return this.requests!.take(command, context);
        return this.answerUnserved(contextId, command, STATUS.sopClassNotSupported);
      case COMMAND.moveRequest:
      case COMMAND.getRequest:
        if (
          command.AffectedSOPClassUID === context.abstractSyntax &&
          retrieveRight(context.abstractSyntax) === (command.CommandField === COMMAND.moveRequest ? 'move' : 'get')
        )
          return this.requests!.take(command, context);
        return this.answerUnserved(contextId, command, STATUS.sopClassNotSupported);
      default:
        return this.answerUnserved(contextId, command, STATUS.unrecognizedOperation);
    }
  }

  private answerUnserved(contextId: number, command: CommandSet, status: number): undefined {
    this.peer?.notServed?.(operationName(command.CommandField), status);
    this.answer(contextId, command, status);
  }

  private answerStore(contextId: number, request: CommandSet, status: number | Promise<number>): void {
    if (typeof status === 'number') {
      this.answer(contextId, request, status);
      return;
    }
    this.unanswered++;
    // A disk that is slow to take it is no silence of the peer.
    void this.association!.serve(() => status).then((known) => {
      this.unanswered--;
      this.answer(contextId, request, known);
    });
  }

  private answer(contextId: number, request: CommandSet, Status: number): void {
    const { AffectedSOPInstanceUID } = request;
    const own = AffectedSOPInstanceUID === undefined ? {} : { AffectedSOPInstanceUID };
    this.unanswered++;
    // Where it has ended meanwhile nobody waits for the answer.
    const sent = this.association!.send(contextId, { ...responseTo(request), ...own, Status }).catch(() => {});
    void sent.then(() => this.unanswered--);
  }
}
