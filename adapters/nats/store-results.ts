// The port StoreResults over a stream with a subject for each page. The waiting side looks what is new instead of being
// sent it: it keeps its own pace, and a connection that was away has missed nothing.
import type { KnownResults, ResultPage, StoreResults } from '../../core/ports/store-results.ts';
import { decodePage, encodePage } from '../../core/wire/gateway-messages.ts';
import type { Cluster } from './connection.ts';
import { fitting } from './message-size.ts';
import { storedMessages } from './stored-messages.ts';
import { RESULTS } from './streams.ts';
import { itemResults, resultSubject, sendResults } from './subjects.ts';

export class NatsStoreResults implements StoreResults {
  private readonly cluster: Cluster;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  async add(page: ResultPage): Promise<void> {
    const subject = resultSubject(page.send, page.item, page.attempt, page.page);
    await this.cluster.jetstream.publish(subject, fitting(this.cluster, encodePage(page), 'a page of results'));
  }

  async *pages(send: string, from: number): AsyncIterable<{ page: ResultPage; next: number }> {
    for await (const { data, seq } of storedMessages(this.cluster, RESULTS, sendResults(send), Math.max(1, from)))
      yield { page: decodePage(data), next: seq + 1 };
  }

  async known(send: string, item: number): Promise<KnownResults> {
    const files = new Set<number>();
    const attempts = new Set<number>();
    const refused = new Set<number>();
    for await (const { data } of storedMessages(this.cluster, RESULTS, itemResults(send, item))) {
      const { attempt, results, isRefused } = decodePage(data);
      attempts.add(attempt);
      if (isRefused === true) refused.add(attempt);
      for (const { file } of results) files.add(file);
    }
    return { files, tries: attempts.size, refusals: refused.size };
  }

  async remove(send: string): Promise<void> {
    await this.cluster.manager.streams.purge(RESULTS, { filter: sendResults(send) });
  }
}
