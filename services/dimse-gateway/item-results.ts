// What becomes of the files of an item, on its way to who waits for it: in pages, so that it is known soon and survives
// the gateway. What an earlier attempt has told is not done again.
import { setTimeout as wait } from 'node:timers/promises';
import { instanceKey, isSent, type SendResult, untoldFiles } from '../../core/instance/send-outcome.ts';
import type { SeriesFile } from '../../core/ports/instance-index.ts';
import type { KnownResults, ResultPage, StoredFile, StoreResults } from '../../core/ports/store-results.ts';
import type { StoreItem } from '../../core/ports/work-queue.ts';

/** Results of a page: it has to fit into a message. */
const MOST_RESULTS = 500;

export class ItemResults {
  private readonly item: StoreItem;
  private readonly attempt: number;
  private readonly known: ReadonlySet<number>;
  /** Attempts that were begun before this one: not those of gateways that gave it back unseen, nor those that the PACS refused. */
  readonly tries: number;
  private readonly results: StoreResults;
  private readonly pauses: readonly number[];
  private readonly places: ReadonlyMap<SeriesFile, number>;
  private waiting: StoredFile[] = [];
  /** Failures that may not be for good. */
  private readonly forNow = new WeakSet<StoredFile>();
  private pages = 0;
  private writing: Promise<void> = Promise.resolve();
  /** How many had which outcome, in this attempt. */
  readonly outcomes: Record<string, number> = {};
  bytes = 0;
  sent = 0;
  notSent = 0;

  private constructor(
    item: StoreItem,
    attempt: number,
    { files, tries, refusals }: KnownResults,
    { results, pauses }: { readonly results: StoreResults; readonly pauses: readonly number[] },
  ) {
    this.item = item;
    this.attempt = attempt;
    this.known = files;
    this.tries = tries - refusals;
    this.results = results;
    this.pauses = pauses;
    this.places = new Map(item.files.map((file, place) => [file, place]));
  }

  /** @param pauses before what cannot be told is told again (milliseconds): it would be sent again otherwise */
  static async open(
    item: StoreItem,
    attempt: number,
    results: StoreResults,
    pauses: readonly number[],
  ): Promise<ItemResults> {
    const known =
      attempt === 1 ? { files: new Set<number>(), tries: 0, refusals: 0 } : await results.known(item.send, item.item);
    const own = new ItemResults(item, attempt, known, { results, pauses });
    // Told whatever becomes of it: it may be what ends this gateway.
    own.write(false);
    await own.writing;
    return own;
  }

  /** Files of instances of which something is not known. */
  rest(): readonly SeriesFile[] {
    const { files } = this.item;
    const open = new Set(files.filter((_, place) => !this.known.has(place)).map(instanceKey));
    return files.filter((file) => open.has(instanceKey(file)));
  }

  add({ file, outcome, status, reason, bytes, isForNow }: SendResult): void {
    const place = file === undefined ? undefined : this.places.get(file);
    if (place === undefined) return;
    const stored = { file: place, outcome, ...(status === undefined ? {} : { status }), reason, bytes };
    if (isForNow === true) this.forNow.add(stored);
    this.waiting.push(stored);
  }

  /** What failed for the association or the PACS is not told, and tried again if need be. */
  forgetFailures(): void {
    this.takeFailures();
  }

  /** Tells what has come together, but for what has failed and may not have for good; where that fails `end` does. */
  flush(): void {
    const failed = this.takeFailures();
    while (this.waiting.length > 0) this.write(false);
    this.waiting = failed;
  }

  /** Results of instances that failed for now, with those of their further files: another of these may go the next time. */
  private takeFailures(): StoredFile[] {
    const keyOf = ({ file }: StoredFile) => instanceKey(this.item.files[file]!);
    const failed = new Set(this.waiting.filter((result) => this.forNow.has(result)).map(keyOf));
    const taken = this.waiting.filter((result) => failed.has(keyOf(result)));
    this.waiting = this.waiting.filter((result) => !failed.has(keyOf(result)));
    return taken;
  }

  /** Tells the rest. @param isLast whether that is all of the item @param isRefused as of a page */
  async end(isLast: boolean, isRefused = false): Promise<void> {
    while (this.waiting.length > MOST_RESULTS) this.write(false);
    if (isLast || isRefused || this.waiting.length > 0) this.write(isLast, isRefused);
    await this.writing;
  }

  /** What has no result has failed. */
  async failRest(reason: string): Promise<void> {
    for (const { file, outcome } of untoldFiles(this.item.files, (place) => this.known.has(place)))
      this.add({ SeriesInstanceUID: '', file, outcome, status: undefined, reason, bytes: 0 });
    await this.end(true);
  }

  private write(isLast: boolean, isRefused = false): void {
    const { send, item } = this.item;
    const results = this.waiting.splice(0, MOST_RESULTS);
    for (const { outcome, bytes } of results) {
      this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
      this.bytes += bytes;
      if (isSent(outcome)) this.sent++;
      else this.notSent++;
    }
    const page = {
      send,
      item,
      attempt: this.attempt,
      page: this.pages++,
      results,
      isLast,
      ...(isRefused ? { isRefused } : {}),
    };
    this.writing = this.writing.then(() => this.tell(page));
    // It is looked at in the end.
    this.writing.catch(() => {});
  }

  private async tell(page: ResultPage): Promise<void> {
    for (const pause of this.pauses) {
      try {
        await this.results.add(page);
        return;
      } catch {
        await wait(pause);
      }
    }
    await this.results.add(page);
  }
}
