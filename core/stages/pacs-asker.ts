// Asks a PACS query after query over an association that is kept open, opens another one where it is lost, and waits
// where the PACS says that it can not at the moment.
import { type Identifier, text } from '../dimse/identifier.ts';
import { isTemporary } from '../dimse/statuses.ts';
import { DitagError, ERRORS } from '../errors/errors.ts';
import type { Pacs, PacsQueries } from '../ports/pacs.ts';
import type { Answered } from './find-accession.ts';
import { pauseUnlessAborted } from './pause.ts';

/** How often a query is asked, and the pause before it is asked again, which doubles (milliseconds). */
const TRIES = 4;
const FIRST_PAUSE = 500;
/** One that gives more answers than this to one query does not understand it. */
const MOST_ANSWERS = 200_000;
/** So long all answers may be ones that were given before (milliseconds). */
const NOTHING_NEW = 60_000;
const UIDS = ['StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID'];

export class PacsAsker {
  private readonly pacs: Pacs;
  private readonly signal: AbortSignal;
  private readonly patience: number;
  private queries: PacsQueries | undefined;

  /** @param patience milliseconds; only tests have another one */
  constructor(pacs: Pacs, signal: AbortSignal, patience = NOTHING_NEW) {
    this.pacs = pacs;
    this.signal = signal;
    this.patience = patience;
    signal.addEventListener('abort', this.abort);
  }

  /** Throws what the last try threw. */
  readonly ask = async (keys: Identifier): Promise<Answered> => {
    for (let tries = 1, pause = FIRST_PAUSE; ; tries++, pause *= 2) {
      this.signal.throwIfAborted();
      try {
        const answered = await this.askOnce(keys);
        if (!isTemporary(answered.status) || tries === TRIES) return answered;
      } catch (error) {
        this.queries?.abort();
        this.queries = undefined;
        const mayPass = error instanceof DitagError && ERRORS[error.code].retry === 'later';
        if (!mayPass || tries === TRIES) throw error;
      }
      await pauseUnlessAborted(pause, this.signal);
    }
  };

  private async askOnce(keys: Identifier): Promise<Answered> {
    if (this.queries?.isOpen !== true) this.queries = await this.pacs.queries();
    const { queries } = this;
    const answers: Identifier[] = [];
    const seen = new Set<string>();
    let newAt = performance.now();
    const status = await queries.find(keys, (answer) => {
      const key = UIDS.map((keyword) => text(answer, keyword)).join(' ');
      if (!seen.has(key)) newAt = performance.now();
      seen.add(key);
      // One that says the same again and again never ends.
      const isNew = performance.now() - newAt < this.patience;
      if (answers.push(answer) > MOST_ANSWERS || !isNew) queries.abort();
    });
    return { answers, status };
  }

  private readonly abort = () => this.queries?.abort();

  async close(): Promise<void> {
    this.signal.removeEventListener('abort', this.abort);
    if (this.queries?.isOpen === true) await this.queries.close().catch(() => {});
  }
}
