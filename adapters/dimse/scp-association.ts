// One association as its acceptor serves it: what is agreed on, and each request of the peer to the port Scp.
import { COMMAND, type CommandSet, NO_DATA_SET, responseTo } from '../../core/dimse/command-set.ts';
import { answerContexts, isStorageClass } from '../../core/dimse/negotiation.ts';
import { type AssociateAccept, type AssociateReject, type AssociateRequest, PduError } from '../../core/dimse/pdu.ts';
import { VERIFICATION } from '../../core/dimse/uids.ts';
import type { DitagError } from '../../core/errors/errors.ts';
import type { AdmittedPeer, Refusal, Scp } from '../../core/ports/scp.ts';
import { type Acceptor, type Association, acceptance, type DataTaker, type RequestTaker } from './association.ts';

/** Statuses of PS3.7 annex C.5. */
const SUCCESS = 0x0000;
const SOP_CLASS_NOT_SUPPORTED = 0x0122;
const UNRECOGNIZED_OPERATION = 0x0211;
/** Instances of one association that are whole and not yet on disk: a peer that does not wait for answers waits then. */
const MOST_UNANSWERED = 16;

/** Result, source and reason of PS3.8 table 9-21. */
const REFUSALS: Readonly<Record<Refusal, readonly [number, number, number]>> = {
  'calling-not-known': [1, 1, 3],
  'called-not-known': [1, 1, 7],
  'too-many': [2, 3, 2],
};

export class ScpAssociation implements Acceptor {
  private readonly scp: Scp;
  private readonly address: string;
  private peer: AdmittedPeer | undefined;
  private association: Association | undefined;
  private callingAETitle = '';
  private unanswered = 0;

  constructor(scp: Scp, address: string) {
    this.scp = scp;
    this.address = address;
  }

  decide(request: AssociateRequest): AssociateAccept | AssociateReject {
    const { callingAETitle, calledAETitle } = request;
    const admitted = this.scp.admit({ callingAETitle, calledAETitle, address: this.address });
    if (typeof admitted === 'string') {
      const [result, source, reason] = REFUSALS[admitted];
      return { pdu: 'associate-reject', result, source, reason };
    }
    this.peer = admitted;
    this.callingAETitle = callingAETitle;
    const rule = (uid: string) => {
      if (uid === VERIFICATION) return 'taken';
      if (!isStorageClass(uid)) return 'unknown';
      return admitted.rights.has('store') ? 'taken' : 'not-allowed';
    };
    return acceptance(request, answerContexts(request.contexts, rule, isStorageClass));
  }

  begin(association: Association): RequestTaker {
    this.association = association;
    return (contextId, command) => this.take(contextId, command);
  }

  ended(failure: DitagError | undefined): void {
    this.peer?.ended(failure?.message);
    this.peer = undefined;
  }

  private take(contextId: number, command: CommandSet): DataTaker | undefined {
    const context = this.association!.contexts.get(contextId);
    if (context === undefined) throw new PduError('it sent a request in a presentation context that was not accepted');
    switch (command.CommandField) {
      case COMMAND.echoRequest:
        this.answer(contextId, command, SUCCESS);
        return undefined;
      case COMMAND.storeRequest:
        return this.store(contextId, command, context);
      case COMMAND.cancelRequest:
        // What it is for has been answered already.
        return undefined;
      default:
        this.answer(contextId, command, UNRECOGNIZED_OPERATION);
        return undefined;
    }
  }

  private store(
    contextId: number,
    command: CommandSet,
    { abstractSyntax, transferSyntax }: { abstractSyntax: string; transferSyntax: string },
  ): DataTaker | undefined {
    const { AffectedSOPClassUID: SOPClassUID, AffectedSOPInstanceUID: SOPInstanceUID = '' } = command;
    if ((command.CommandDataSetType ?? NO_DATA_SET) === NO_DATA_SET)
      throw new PduError('it sent a C-STORE without a data set');
    if (SOPClassUID !== abstractSyntax || abstractSyntax === VERIFICATION) {
      this.answer(contextId, command, SOP_CLASS_NOT_SUPPORTED);
      return undefined;
    }
    if (this.unanswered >= MOST_UNANSWERED)
      throw new PduError('it sends instance after instance without waiting for an answer');
    const { callingAETitle: sourceAETitle } = this;
    const receiving = this.peer!.receive({
      SOPClassUID,
      SOPInstanceUID,
      transferSyntaxUID: transferSyntax,
      sourceAETitle,
    });
    return {
      write: (bytes) => receiving.write(bytes),
      drained: () => receiving.drained(),
      lost: () => receiving.lost(),
      end: () => {
        this.unanswered++;
        void receiving.end().then((status) => {
          this.unanswered--;
          this.answer(contextId, { ...command, AffectedSOPInstanceUID: SOPInstanceUID }, status);
        });
      },
    };
  }

  private answer(contextId: number, request: CommandSet, Status: number): void {
    const { AffectedSOPInstanceUID } = request;
    const own = AffectedSOPInstanceUID === undefined ? {} : { AffectedSOPInstanceUID };
    // Where it has ended meanwhile nobody waits for the answer.
    this.association!.send(contextId, { ...responseTo(request), ...own, Status }).catch(() => {});
  }
}
