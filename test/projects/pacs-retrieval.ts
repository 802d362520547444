// C-MOVE and C-GET as a scripted PACS carries them out (PS3.4 C.4.2, C.4.3), with its faults.
import type { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Association } from '../../adapters/dimse/association.ts';
import { GetPeer } from '../../adapters/dimse/get-peer.ts';
import type { Asked, FinalAnswer } from '../../adapters/dimse/identifier-requests.ts';
import { DimseStorePeer } from '../../adapters/dimse/store-scu.ts';
import { COMMAND, type CommandSet, responseTo } from '../../core/dimse/command-set.ts';
import { identifierOf } from '../../core/dimse/identifier.ts';
import { encodeIdentifier } from '../../core/dimse/identifier-encoding.ts';
import { isWarning } from '../../core/dimse/statuses.ts';
import { EXPLICIT_VR_LITTLE_ENDIAN } from '../../core/dimse/uids.ts';
import { FindError } from '../../core/ports/scp.ts';
import type { StoreAssociation, StorePeer } from '../../core/ports/store-peer.ts';
import { foreignSeriesOf, foreignStudyOf, type PacsContent, type PacsInstance } from './pacs-content.ts';
import { happens, type PacsFaults } from './pacs-faults.ts';
import { namedInstances } from './pacs-find.ts';

/** Statuses of PS3.4 C.4.2.1.5. */
const SUCCESS = 0x0000;
const SOME_FAILED = 0xb000;
const OUT_OF_RESOURCES = 0xa702;
const DESTINATION_UNKNOWN = 0xa801;
const CANCELLED = 0xfe00;
const PENDING = 0xff00;
const PENDING_EVERY = 50;
/** For a destination (milliseconds). */
const PATIENCE = { connect: 5_000, answer: 20_000 };

/** Where a C-MOVE sends to. */
export interface Destination {
  readonly host: string;
  readonly port: number;
}

/** What a PACS has for its retrievals. */
export interface RetrievalState {
  readonly aeTitle: string;
  readonly content: PacsContent;
  readonly faults: PacsFaults;
  readonly destinations: ReadonlyMap<string, Destination>;
  /** SOPInstanceUIDs, one for each C-STORE. */
  readonly sent: string[];
  /** By SOPInstanceUID: retrievals that named it. */
  readonly attempts: Map<string, number>;
  /** What is being sent: it ends when the PACS dies. */
  readonly senders: Set<Sender>;
}

export async function answerRetrieval(
  asked: Asked,
  association: Association,
  callingAETitle: string,
  pacs: RetrievalState,
): Promise<FinalAnswer> {
  const { command, identifier } = asked;
  const { faults, destinations, content, attempts } = pacs;
  const isMove = command.CommandField === COMMAND.moveRequest;
  const destination = destinations.get(command.MoveDestination ?? '');
  if (isMove && (destination === undefined || faults.unknownDestination === true))
    throw new FindError(DESTINATION_UNKNOWN, 'The move destination is not known here');
  if (happens(faults, 'refusesTimes'))
    throw new FindError(faults.refusesWith ?? OUT_OF_RESOURCES, 'The scripted PACS has no resources');
  const named = namedInstances(content, identifier);
  for (const { SOPInstanceUID } of named) attempts.set(SOPInstanceUID, (attempts.get(SOPInstanceUID) ?? 0) + 1);
  const originator = {
    MoveOriginatorApplicationEntityTitle: callingAETitle,
    MoveOriginatorMessageID: command.MessageID ?? 0,
  };
  const titles = { calledAETitle: command.MoveDestination ?? '', callingAETitle: pacs.aeTitle };
  const peer = isMove
    ? new DimseStorePeer({ ...destination!, ...titles }, PATIENCE, originator)
    : new GetPeer(association, new Set([...association.contexts.values()].map(({ abstractSyntax }) => abstractSyntax)));
  return new PacsRetrieval(asked, association, pacs, named).answer(peer);
}

class PacsRetrieval {
  private readonly asked: Asked;
  private readonly association: Association;
  private readonly pacs: RetrievalState;
  private readonly named: readonly PacsInstance[];
  private readonly lost: ReadonlySet<string>;
  private readonly failures: string[] = [];
  private counts = { completed: 0, warning: 0 };
  /** Instances that were sent. */
  private done = 0;

  constructor(asked: Asked, association: Association, pacs: RetrievalState, named: readonly PacsInstance[]) {
    this.asked = asked;
    this.association = association;
    this.pacs = pacs;
    this.named = named;
    const { faults, attempts } = pacs;
    const uids = named.map(({ SOPInstanceUID }) => SOPInstanceUID);
    this.lost = new Set(uids.filter((uid) => faults.loses?.(uid, attempts.get(uid)!) === true));
  }

  async answer(peer: StorePeer): Promise<FinalAnswer> {
    const { faults } = this.pacs;
    if (happens(faults, 'pendingForever')) await this.stayPending();
    const unasked = (faults.unasked ?? []).map((uid) => this.pacs.content.instances.get(uid)!);
    const classes = new Set([...this.named, ...unasked].map(({ SOPClassUID }) => SOPClassUID));
    const sender = new Sender(peer, classes, this.pacs);
    if (faults.late !== undefined) {
      void this.sendLate(faults.late, sender, unasked);
      this.counts.completed = this.named.length;
      return { command: { Status: SUCCESS, ...this.countsOf(false) } };
    }
    try {
      await this.sendAll(sender, unasked);
    } finally {
      await sender.end();
    }
    return this.final();
  }

  /** Ends only with the association; a cancel is not heard. */
  private async stayPending(): Promise<never> {
    for (;;) {
      await this.tell();
      await sleep(PENDING_EVERY, undefined, { ref: false });
    }
  }

  private async sendLate(milliseconds: number, sender: Sender, unasked: readonly PacsInstance[]): Promise<void> {
    await sleep(milliseconds, undefined, { ref: false });
    for (const instance of [...this.named.filter(({ SOPInstanceUID }) => !this.lost.has(SOPInstanceUID)), ...unasked])
      await sender.send(instance);
    await sender.end();
  }

  private async sendAll(sender: Sender, unasked: readonly PacsInstance[]): Promise<void> {
    await this.mayBreak(sender);
    for (const instance of this.named) {
      if (this.asked.signal.aborted) return;
      const { SOPInstanceUID } = instance;
      const isLost = this.lost.has(SOPInstanceUID);
      const status = isLost ? SUCCESS : await sender.send(instance);
      if (status === SUCCESS) this.counts.completed++;
      else if (status !== undefined && isWarning(status)) this.counts.warning++;
      else this.failures.push(SOPInstanceUID);
      if (!isLost) await this.sentOne(sender);
      if (this.remaining > 0) await this.tell();
    }
    for (const instance of unasked) {
      await sender.send(instance);
      await this.sentOne(sender);
    }
  }

  private async sentOne(sender: Sender): Promise<void> {
    this.done++;
    await this.mayBreak(sender);
  }

  /** Breaks off where that is due; what it throws nobody hears. */
  private async mayBreak(sender: Sender): Promise<void> {
    const { faults } = this.pacs;
    if (faults.breaksAfter === this.done) {
      faults.breaksTimes ??= 1;
      if (happens(faults, 'breaksTimes')) {
        sender.abort();
        this.association.abort();
      }
    }
    if (!this.association.isOpen) throw new Error('the association is over');
  }

  private tell(): Promise<void> {
    const { command, context } = this.asked;
    return this.association.send(context.id, { ...responseTo(command), Status: PENDING, ...this.countsOf(true) });
  }

  private final(): FinalAnswer {
    const { failures, counts, asked } = this;
    const isCancelled = asked.signal.aborted && this.remaining > 0;
    const done = counts.completed + counts.warning;
    const Status = isCancelled
      ? CANCELLED
      : failures.length === 0
        ? SUCCESS
        : done === 0
          ? OUT_OF_RESOURCES
          : SOME_FAILED;
    const command = { Status, ...this.countsOf(isCancelled) };
    if (failures.length === 0) return { command };
    const list = identifierOf({ FailedSOPInstanceUIDList: failures.join('\\') });
    return { command, identifier: encodeIdentifier(list, asked.syntax) };
  }

  private get remaining(): number {
    return this.named.length - this.counts.completed - this.counts.warning - this.failures.length;
  }

  private countsOf(withRemaining: boolean): CommandSet {
    if (this.pacs.faults.withoutCounts === true) return {};
    return {
      ...(withRemaining ? { NumberOfRemainingSuboperations: this.remaining } : {}),
      NumberOfCompletedSuboperations: this.counts.completed,
      NumberOfFailedSuboperations: this.failures.length,
      NumberOfWarningSuboperations: this.counts.warning,
    };
  }
}

/** Sends instances over one association, which begins with the first of them. */
export class Sender {
  private readonly peer: StorePeer;
  private readonly classes: ReadonlySet<string>;
  private readonly pacs: RetrievalState;
  private association: StoreAssociation | undefined;
  private isOver = false;

  constructor(peer: StorePeer, classes: ReadonlySet<string>, pacs: RetrievalState) {
    pacs.senders.add(this);
    this.peer = peer;
    this.classes = classes;
    this.pacs = pacs;
  }

  /** Gives the status of the answer; undefined where there is none. */
  async send(instance: PacsInstance): Promise<number | undefined> {
    const { faults } = this.pacs;
    if (faults.slow !== undefined) await sleep(faults.slow);
    const status = await this.store(instance);
    return faults.sendsTwice === true ? await this.store(instance) : status;
  }

  async end(): Promise<void> {
    this.pacs.senders.delete(this);
    if (this.association?.isOpen === true) await this.association.release().catch(() => {});
  }

  /** Nothing more is sent. */
  abort(): void {
    this.isOver = true;
    this.association?.abort();
  }

  private async store(instance: PacsInstance): Promise<number | undefined> {
    const { SOPInstanceUID, SOPClassUID } = instance;
    try {
      if (this.association?.isOpen !== true && !this.isOver) await this.open();
      if (this.isOver || this.association?.isOpen !== true) return undefined;
      if (!this.association.accepted(SOPClassUID).includes(EXPLICIT_VR_LITTLE_ENDIAN)) return undefined;
      const dataSet = this.dataSet(instance);
      this.pacs.sent.push(SOPInstanceUID);
      const stored = { SOPClassUID, SOPInstanceUID, transferSyntax: EXPLICIT_VR_LITTLE_ENDIAN };
      return await this.association.store(stored, [dataSet]);
    } catch {
      // Whoever takes instances is gone, or will not have them: a failed sub-operation.
      return undefined;
    }
  }

  private async open(): Promise<void> {
    const transferSyntaxes = [EXPLICIT_VR_LITTLE_ENDIAN];
    this.association = await this.peer.open(
      [...this.classes].map((SOPClassUID) => ({ SOPClassUID, transferSyntaxes })),
      new AbortController().signal,
    );
  }

  private dataSet({ SOPInstanceUID, SeriesInstanceUID, StudyInstanceUID }: PacsInstance): Buffer {
    const { faults, content, sent } = this.pacs;
    const isForeign = faults.foreignSeries?.includes(SOPInstanceUID) === true;
    const changes = faults.changesBytes?.includes(SOPInstanceUID) === true;
    const isOfOther = faults.foreignStudy?.includes(SOPInstanceUID) === true;
    const whole = content.dataSet(SOPInstanceUID, {
      ...(isForeign ? { SeriesInstanceUID: foreignSeriesOf(SeriesInstanceUID) } : {}),
      ...(isOfOther ? { StudyInstanceUID: foreignStudyOf(StudyInstanceUID) } : {}),
      version: changes ? sent.filter((uid) => uid === SOPInstanceUID).length : 0,
    });
    return faults.cutsOff?.includes(SOPInstanceUID) === true ? whole.subarray(0, -2) : whole;
  }
}
