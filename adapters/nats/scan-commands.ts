// The ports ScanCommands and ScanCommandSource as requests over NATS: each archive has a subject, which the scanners that
// can see it share.
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { NoRespondersError, RequestError } from '@nats-io/transport-node';
import { ditagError } from '../../core/errors/errors.ts';
import type { ScanCommandSource, ScanCommands, StartedScan, StartScan } from '../../core/ports/scan-commands.ts';
import { encodeFrame } from '../../core/wire/frame.ts';
import { encodeFailure } from '../../core/wire/index-messages.ts';
import { decodeStart, decodeStarted } from '../../core/wire/scan-messages.ts';
import { isFull } from './conflicts.ts';
import { archiveToken } from './subjects.ts';

const LIST = 'ditag.scanner.list';
const GROUP = 'scanner';
/** A slow mount takes its time to be looked at (milliseconds). */
const PATIENCE = 30_000;
/** How long the answers of scanners are gathered (milliseconds). */
const GATHER = 500;

function startSubject(archive: string): string {
  return `ditag.scanner.start.${archiveToken(archive)}`;
}

export class NatsScanCommands implements ScanCommands {
  private readonly connection: NatsConnection;

  constructor(connection: NatsConnection) {
    this.connection = connection;
  }

  async start(request: StartScan): Promise<StartedScan> {
    const names = [request.archive, request.archive.replace(/(?<=.)\/+$/, '')];
    try {
      const { data } = await this.connection.request(startSubject(names[1]!), encodeFrame(request), {
        timeout: PATIENCE,
      });
      return decodeStarted(data);
    } catch (error) {
      const isAlone = error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders());
      if (!isAlone) throw error;
      throw ditagError('no-scanner', { archive: request.archive, hint: hint(await this.archives()) }, error);
    }
  }

  private async archives(): Promise<string[]> {
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
