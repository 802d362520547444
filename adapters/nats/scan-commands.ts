// The ports ScanCommands and ScanCommandSource as requests over NATS: each archive has a subject, which the scanners that
// can see it share.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { NoRespondersError, RequestError, TimeoutError } from '@nats-io/transport-node';
import { ditagError } from '../../core/errors/errors.ts';
import type { ScanCommandSource, ScanCommands, StartedScan, StartScan } from '../../core/ports/scan-commands.ts';
import { encodeFrame } from '../../core/wire/frame.ts';
import { encodeFailure } from '../../core/wire/index-messages.ts';
import { decodeStart, decodeStarted } from '../../core/wire/scan-messages.ts';
import { isFull } from './conflicts.ts';
import { archiveToken } from './subjects.ts';

const LIST = 'ditag.scanner.list';
const GROUP = 'scanner';
/** How long an answer is waited for, and after what time it is asked again (milliseconds). */
export interface Patience {
  readonly most: number;
  readonly askAgain: number;
}

/** A slow mount takes its time to be looked at; and whoever was asked may have gone: then another one is asked. */
const PATIENCE: Patience = { most: 30_000, askAgain: 3_000 };
/** How long the answers of scanners are gathered (milliseconds). */
const GATHER = 500;

function startSubject(archive: string): string {
  return `ditag.scanner.start.${archiveToken(archive)}`;
}

/** An id for a scan that is about to be asked for. */
export function newScan(): string {
  return randomUUID().slice(0, 8);
}

export class NatsScanCommands implements ScanCommands {
  private readonly connection: NatsConnection;
  private readonly patience: Patience;

  constructor(connection: NatsConnection, patience = PATIENCE) {
    this.connection = connection;
    this.patience = patience;
  }

  async start(request: StartScan): Promise<StartedScan> {
    const { archive, scan } = request;
    const { most, askAgain } = this.patience;
    const subject = startSubject(archive.replace(/(?<=.)\/+$/, ''));
    const asked: Promise<Msg>[] = [];
    for (let left = most; left > 0; left -= askAgain) {
      const again = sleep(Math.min(left, askAgain));
      asked.push(this.connection.request(subject, encodeFrame(request), { timeout: left }));
      const answer = await Promise.race([Promise.any(asked).catch((none: AggregateError) => none), again]);
      if (answer instanceof AggregateError) {
        const lost = answer.errors.find((error) => !isAlone(error) && !(error instanceof TimeoutError));
        if (lost !== undefined) throw lost;
        const hasNoScanner = answer.errors.every(isAlone) && asked.length === 1;
        if (hasNoScanner) throw ditagError('no-scanner', { archive, hint: hint(await this.archives()) }, answer);
        // Whoever was asked has gone, and nobody else is there yet.
        await again;
      } else if (answer !== undefined) return decodeStarted(answer.data);
    }
    throw ditagError('scanner-silent', { archive, scan, seconds: most / 1000 });
  }

  async archives(): Promise<readonly string[]> {
    const names = new Set<string>();
    try {
      const answers = await this.connection.requestMany(LIST, undefined, { strategy: 'timer', maxWait: GATHER });
      for await (const { data } of answers)
        for (const name of JSON.parse(data.length === 0 ? '[]' : new TextDecoder().decode(data))) names.add(name);
    } catch (error) {
      if (!(error instanceof NoRespondersError || error instanceof RequestError)) throw error;
    }
    return [...names].sort();
  }
}

function isAlone(error: unknown): boolean {
  return error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders());
}

function hint(archives: readonly string[]): string {
  return archives.length === 0
    ? 'No scanner is running at all: start one.'
    : `Known to the scanners that run: ${archives.join(', ')}.`;
}

export class NatsScanCommandSource implements ScanCommandSource {
  private readonly connection: NatsConnection;
  private readonly onFailure: (error: unknown) => void;
  private readonly subscriptions: Subscription[] = [];
  private readonly names: string[] = [];

  constructor(connection: NatsConnection, onFailure: (error: unknown) => void) {
    this.connection = connection;
    this.onFailure = onFailure;
    const list = (_: Error | null, message: Msg) => void message.respond(JSON.stringify(this.names));
    this.subscriptions.push(connection.subscribe(LIST, { callback: list }));
  }

  serve(archive: string, folder: string, start: (request: StartScan) => Promise<StartedScan>): void {
    this.names.push(archive);
    const answer = (error: Error | null, message: Msg) => {
      if (error !== null) return;
      const started = async () => encodeFrame(await start(decodeStart(message.data)));
      started().then(
        (reply) => message.respond(reply),
        (failure: unknown) => {
          this.onFailure(failure);
          message.respond(encodeFailure(isFull(failure) ? ditagError('jetstream-full', {}, failure) : failure));
        },
      );
    };
    for (const name of new Set([archive, folder.replace(/(?<=.)\/+$/, '')])) {
      this.subscriptions.push(this.connection.subscribe(startSubject(name), { queue: GROUP, callback: answer }));
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.subscriptions.map((subscription) => subscription.drain()));
  }
}
