// The stage that sends instances to a peer: over several associations at a time, each instance with exactly one outcome,
// whatever happens to peer, associations and files. What may pass is tried again, with pauses that grow.
import type { Buffer } from 'node:buffer';
import { allUids } from '../dicom/dictionary.ts';
import { ReEncodeError, reEncode } from '../dicom/re-encode.ts';
import type { TransferSyntax } from '../dicom/transfer-syntaxes.ts';
import { statusText } from '../dimse/reasons.ts';
import { isTemporary, isWarning } from '../dimse/statuses.ts';
import { DitagError } from '../errors/errors.ts';
import { isSent, type SendOutcome, type SendResult } from '../instance/send-outcome.ts';
import type { InstanceFiles } from '../ports/instance-files.ts';
import type { InstanceIndex, SeriesFile } from '../ports/instance-index.ts';
import type { StoreAssociation, StoreContext, StorePeer } from '../ports/store-peer.ts';
import { type OtherCopy, openCopy } from './open-copy.ts';
import { type OutgoingInstance, Unsendable } from './outgoing-instance.ts';
import { pause } from './pause.ts';
import { chooseSyntax, isProposed, StoreContexts } from './store-contexts.ts';

export interface SendPorts {
  readonly index: Pick<InstanceIndex, 'instancesOf'>;
  readonly files: InstanceFiles;
  readonly peer: StorePeer;
}

export interface SendOptions {
  /** Associations at a time. */
  readonly threads: number;
  /** Instances that are not to be sent: they have no outcome. */
  readonly skip?: (SOPInstanceUID: string, SeriesInstanceUID: string) => boolean;
  /** Called with every outcome, as it is known. */
  readonly onResult: (result: SendResult) => void;
  /** Called when it is known how many instances of a series are to go, before the first of them does. */
  readonly onSeries?: (instances: number) => void;
  /** Ends it when what is under way is done. */
  readonly signal: AbortSignal;
  /** So many milliseconds after the signal the instance under way is given up; undefined: its answer is waited for. */
  readonly abandon?: number | undefined;
  /** Pauses before something is tried again (milliseconds); as many attempts more. */
  readonly pauses?: readonly number[];
}

export const SEND_PAUSES: readonly number[] = [1_000, 2_000, 4_000, 8_000, 16_000];
/** After so many instances in a row that were tried again in vain, further ones are tried once, until one is taken. */
export const MOST_IN_VAIN = 10;
/** An instance over which so many associations more were lost is left: it may be what the peer cannot bear. */
const MOST_LOSSES = 2;
/** Series whose files are looked up together. */
const SERIES_AT_ONCE = 100;

/** Files of one instance: the first is sent, the next one where that is gone. */
type Copies = readonly SeriesFile[];

/** An instance on its way: the file that goes, and the others that it stands in. */
interface Going {
  opened: OutgoingInstance;
  others: readonly OtherCopy[];
}

/** Sends all instances of these series. Resolves when each has its outcome, or `signal` has aborted. */
export async function sendInstances(series: readonly string[], ports: SendPorts, options: SendOptions): Promise<void> {
  await new Sending(series, ports, options).run();
}

class Sending {
  private readonly ports: SendPorts;
  private readonly options: SendOptions;
  private readonly instances: AsyncIterator<Copies>;
  private readonly contexts = new StoreContexts();
  /** Given back by those who have lost their association. */
  private readonly returned: Going[] = [];
  private taking: Promise<unknown> = Promise.resolve();
  /** Senders that have an association, or may still get one. */
  private senders = 0;
  /** Why a sender got no association any more, however often it tried. */
  private lost: DitagError | undefined;
  /** The peer took no further association. */
  private wasFull = false;

  constructor(series: readonly string[], ports: SendPorts, options: SendOptions) {
    this.ports = ports;
    this.options = options;
    this.instances = instancesToSend(series, ports, options)[Symbol.asyncIterator]();
  }

  async run(): Promise<void> {
    const { threads } = this.options;
    this.senders = threads;
    const sent = await Promise.allSettled(Array.from({ length: threads }, () => this.send()));
    // Where one has failed the others have come to their end too: nothing goes on behind the caller's back.
    for (const one of sent) if (one.status === 'rejected') throw one.reason;
    // The peer had room for fewer: what was given back goes when the others have made room.
    while (this.returned.length > 0 && this.wasFull && this.lost === undefined && !this.options.signal.aborted) {
      this.senders = 1;
      await this.send();
    }
    for (let next = await this.next(); next !== undefined; next = await this.next()) await this.giveUp(next);
  }

  /** One association at a time, until nothing is left. The next file is opened while one is on its way. */
  private async send(): Promise<void> {
    const sender = new Sender(this.ports.peer, this.contexts, this.options);
    let ahead = this.next();
    try {
      for (let instance = await ahead; instance !== undefined; instance = await ahead) {
        if (this.options.signal.aborted) {
          this.returned.push(instance);
          return;
        }
        ahead = this.next();
        ahead.catch(() => {});
        const loss = await this.sendOne(instance, sender);
        if (loss === undefined) continue;
        if (loss.isFull) this.wasFull = true;
        // Interrupted, they have no outcome.
        else if (!this.options.signal.aborted) this.lost = loss.why;
        // The others go on with it, while there are others.
        this.returned.push(instance);
        const opened = await ahead;
        if (opened !== undefined) this.returned.push(opened);
        return;
      }
    } finally {
      this.senders--;
      await sender.end();
    }
  }

  /** Gives why there is no association for it; undefined where it has its outcome. */
  private async sendOne(going: Going, sender: Sender): Promise<NoAssociation | undefined> {
    try {
      for (;;) {
        const outcome = await sender.store(going.opened, this.senders > 1);
        if (outcome.isOfFile === true && (await this.useOther(going, outcome))) continue;
        this.tell(going, outcome);
        break;
      }
    } catch (error) {
      if (error instanceof NoAssociation) return error;
      await going.opened.close();
      throw error;
    }
    await going.opened.close();
    return undefined;
  }

  /** Another file may have the instance whole, or as the peer takes it. False where none is left. */
  private async useOther(going: Going, { reason }: Outcome): Promise<boolean> {
    const untried = going.others.filter(({ why }) => why === undefined).map(({ file }) => file);
    const { opened, others } = await openCopy(untried, this.ports.files);
    const refused = { file: going.opened.file, why: new Unsendable('failed', reason) };
    const tried = going.others.filter(({ why }) => why !== undefined);
    if (opened === undefined) {
      going.others = [...tried, ...others];
      return false;
    }
    await going.opened.close();
    going.opened = opened;
    going.others = [...tried, refused, ...others];
    return true;
  }

  private async giveUp(going: Going): Promise<void> {
    await going.opened.close();
    // Without a reason it was interrupted: then it has no outcome.
    if (this.lost !== undefined)
      this.tell(going, { outcome: 'failed', status: undefined, reason: this.lost.message, isForNow: true });
  }

  private tell({ opened, others }: Going, outcome: Outcome): void {
    const { file, bytes, isCut } = opened;
    const sent = isSent(outcome.outcome);
    const reason = sent && isCut ? [outcome.reason, CUT].filter((one) => one !== '').join('; ') : outcome.reason;
    const { SeriesInstanceUID } = file;
    for (const other of others) {
      const text = sent ? GOES_FOR_IT : NEITHER_GOES;
      this.tellFile(other.file, 'copy', other.why === undefined ? text : `${text} (${other.why.message})`);
    }
    const { status, isForNow } = outcome;
    this.options.onResult({
      SeriesInstanceUID,
      file,
      outcome: outcome.outcome,
      status,
      reason,
      bytes: sent ? (outcome.bytes ?? bytes) : 0,
      ...(isForNow === true ? { isForNow } : {}),
    });
  }

  private tellFile(file: SeriesFile, outcome: SendOutcome, reason: string): void {
    const { SeriesInstanceUID } = file;
    this.options.onResult({ SeriesInstanceUID, file, outcome, status: undefined, reason, bytes: 0 });
  }

  /** The next instance of which a file can be opened; those of the others have their outcome. */
  private next(): Promise<Going | undefined> {
    const next = this.taking.then(async () => {
      const { signal } = this.options;
      for (;;) {
        const returned = this.returned.pop();
        if (returned !== undefined) return returned;
        if (signal.aborted) return undefined;
        const { value: copies, done } = await this.instances.next();
        if (done === true) return undefined;
        const { opened, others } = await openCopy(copies, this.ports.files);
        if (opened === undefined) {
          for (const { file, why } of others) this.tellFile(file, why!.outcome, why!.message);
          continue;
        }
        this.contexts.need(opened.file.SOPClassUID, opened.transferSyntax);
        return { opened, others };
      }
    });
    this.taking = next.catch(() => {});
    return next;
  }
}

const GOES_FOR_IT = 'the same instance stands in another file, which goes for it';
const NEITHER_GOES = 'the same instance stands in another file, which was not sent either';
const CUT = 'the file ends before its data set does';
const ODD = 'in the middle of two bytes: peers take no data set of an odd length';
const NOT_RE_ENCODED = 'so it cannot be re-encoded as the peer takes it';

interface Outcome extends Pick<SendResult, 'outcome' | 'status' | 'reason'> {
  /** It is due to this file of the instance; nothing was sent, or not to its end. */
  readonly isOfFile?: boolean;
  /** As of the result. */
  readonly isForNow?: boolean;
  /** Of a data set that was re-encoded. */
  readonly bytes?: number;
}

function ofFile(outcome: SendOutcome, reason: string): Outcome {
  return { outcome, status: undefined, reason, isOfFile: true };
}

/** No association is to be had. */
class NoAssociation extends Error {
  readonly why: DitagError;
  /** The peer takes no further one, beside those that others have. */
  readonly isFull: boolean;

  constructor(why: DitagError, isFull: boolean) {
    super(why.message);
    this.why = why;
    this.isFull = isFull;
  }
}

/** Sends over one association at a time. */
class Sender {
  private readonly peer: StorePeer;
  private readonly contexts: StoreContexts;
  private readonly pauses: readonly number[];
  private readonly signal: AbortSignal;
  private readonly abandon: number | undefined;
  private association: StoreAssociation | undefined;
  /** Instances in a row that were tried again in vain. */
  private inVain = 0;
  private proposal: readonly StoreContext[] = [];

  constructor(peer: StorePeer, contexts: StoreContexts, { pauses = SEND_PAUSES, signal, abandon }: SendOptions) {
    this.peer = peer;
    this.contexts = contexts;
    this.pauses = pauses;
    this.signal = signal;
    this.abandon = abandon;
  }

  /** Sends one instance. Throws NoAssociation. @param hasOthers whether others send to the same peer */
  async store(instance: OutgoingInstance, hasOthers: boolean): Promise<Outcome> {
    const attempts = this.inVain < MOST_IN_VAIN ? this.pauses.length : 0;
    let losses = 0;
    for (let attempt = 0; ; attempt++) {
      const association = await this.associate(instance, hasOthers);
      try {
        const outcome = await this.unlessAbandoned(association, () => storeOver(association, instance));
        const isForNow = outcome.status !== undefined && isTemporary(outcome.status);
        if (isSent(outcome.outcome)) this.inVain = 0;
        const isLast = attempt >= attempts || this.signal.aborted;
        if (isForNow && isLast) this.inVain++;
        if (!isForNow || isLast) return outcome;
      } catch (error) {
        const reason = (error as Error).message;
        const isOfFile = error instanceof Unsendable || error instanceof ReEncodeError;
        if (!isOfFile) association.abort();
        if (!association.isOpen) this.association = undefined;
        if (error instanceof Unsendable) return ofFile(error.outcome, reason);
        if (error instanceof ReEncodeError) return ofFile('failed', `it cannot be re-encoded: ${reason}`);
        if (!(error instanceof DitagError)) throw error;
        if (++losses > MOST_LOSSES || attempt >= this.pauses.length || this.signal.aborted)
          return { outcome: 'failed', status: undefined, reason, isForNow: true };
      }
      await pause(this.pauses[attempt]!, this.signal);
    }
  }

  /** What `store` gives; where its peer does not answer after the signal, its association is ended. */
  private async unlessAbandoned<T>(association: StoreAssociation, store: () => Promise<T>): Promise<T> {
    const { signal, abandon } = this;
    if (abandon === undefined) return store();
    let timer: NodeJS.Timeout | undefined;
    const begin = () => {
      timer = setTimeout(() => association.abort(), abandon);
    };
    if (signal.aborted) begin();
    else signal.addEventListener('abort', begin, { once: true });
    try {
      return await store();
    } finally {
      signal.removeEventListener('abort', begin);
      clearTimeout(timer);
    }
  }

  async end(): Promise<void> {
    // All that was sent has been answered: how the association ends changes nothing.
    await this.association?.release().catch(() => {});
  }

  private async associate({ file, transferSyntax }: OutgoingInstance, hasOthers: boolean): Promise<StoreAssociation> {
    const { association } = this;
    if (association?.isOpen === true && isProposed(this.proposal, file.SOPClassUID, transferSyntax)) return association;
    await this.end();
    this.association = undefined;
    for (let attempt = 0; ; attempt++) {
      this.contexts.need(file.SOPClassUID, transferSyntax);
      this.proposal = this.contexts.proposal();
      try {
        this.association = await this.peer.open(this.proposal, this.signal);
        return this.association;
      } catch (error) {
        if (!(error instanceof DitagError)) throw error;
        // A peer that takes no further association takes instances over those that it has.
        const isFull = hasOthers && error.code === 'association-rejected';
        if (isFull || attempt >= this.pauses.length || this.signal.aborted) throw new NoAssociation(error, isFull);
        await pause(this.pauses[attempt]!, this.signal);
      }
    }
  }
}

async function storeOver(association: StoreAssociation, instance: OutgoingInstance): Promise<Outcome> {
  const { file, transferSyntax: own } = instance;
  const { SOPClassUID, SOPInstanceUID } = file;
  const accepted = association.accepted(SOPClassUID);
  const chosen = chooseSyntax(own, accepted);
  if (chosen === undefined) return ofFile('refused', association.refusal?.(SOPClassUID) ?? refusal(SOPClassUID, own));
  // It would end the association in the middle: DCMTK takes no odd fragment, and what cannot be read cannot be re-encoded.
  if (instance.isCut && chosen !== own) return ofFile('failed', `${CUT}, ${NOT_RE_ENCODED}`);
  if (instance.isCut && instance.bytes % 2 === 1 && !own.deflated) return ofFile('failed', `${CUT}, ${ODD}`);
  const dataSet = instance.dataSet();
  const counted = { bytes: 0 };
  const sent = chosen === own ? dataSet : counting(reEncode(iterate(dataSet), own, chosen), counted);
  const status = await association.store({ SOPClassUID, SOPInstanceUID, transferSyntax: chosen.uid }, sent);
  const outcome = { outcome: outcomeOf(status), status, reason: status === 0 ? '' : statusText(status) };
  return chosen === own ? outcome : { ...outcome, ...counted };
}

async function* counting(pieces: AsyncIterable<Buffer>, counted: { bytes: number }): AsyncIterable<Buffer> {
  for await (const piece of pieces) {
    counted.bytes += piece.length;
    yield piece;
  }
}

function outcomeOf(status: number): SendOutcome {
  if (status === 0) return 'stored';
  return isWarning(status) ? 'warning' : 'refused';
}

function refusal(SOPClassUID: string, { name: syntax, encapsulated }: TransferSyntax): string {
  const name = allUids().get(SOPClassUID)?.name ?? `SOP class ${SOPClassUID}`;
  const why = encapsulated ? ', and ditag does not decompress' : '';
  return `the peer does not take ${name} in ${syntax}${why}`;
}

async function* iterate(pieces: Iterable<Buffer> | AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  yield* pieces;
}

/** The instances of these series, each with all its files. A series that has none is told. */
export async function* instancesToSend(
  series: readonly string[],
  { index }: Pick<SendPorts, 'index'>,
  { skip, onResult, onSeries, signal }: Pick<SendOptions, 'skip' | 'onResult' | 'onSeries' | 'signal'>,
): AsyncIterable<Copies> {
  for (let at = 0; at < series.length && !signal.aborted; at += SERIES_AT_ONCE) {
    const asked = series.slice(at, at + SERIES_AT_ONCE);
    for await (const { SeriesInstanceUID, copies } of bySeries(asked, index)) {
      if (copies.size === 0) {
        const reason = 'the series is not in the index';
        onResult({ SeriesInstanceUID, file: undefined, outcome: 'not-indexed', status: undefined, reason, bytes: 0 });
      }
      const wanted = [...copies].filter(([SOPInstanceUID]) => skip?.(SOPInstanceUID, SeriesInstanceUID) !== true);
      onSeries?.(wanted.length);
      for (const [, files] of wanted) yield files;
    }
  }
}

async function* bySeries(asked: readonly string[], index: SendPorts['index']) {
  let copies = new Map<string, SeriesFile[]>();
  let next = 0;
  for await (const files of index.instancesOf(asked)) {
    for (const file of files) {
      for (; asked[next] !== file.SeriesInstanceUID; next++) {
        if (next === asked.length) throw new Error('files of series came in another order than they were asked for in');
        yield { SeriesInstanceUID: asked[next]!, copies };
        copies = new Map();
      }
      const known = copies.get(file.SOPInstanceUID);
      if (known === undefined) copies.set(file.SOPInstanceUID, [file]);
      else known.push(file);
    }
  }
  for (; next < asked.length; next++) {
    yield { SeriesInstanceUID: asked[next]!, copies };
    copies = new Map();
  }
}
