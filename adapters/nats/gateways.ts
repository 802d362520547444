// The ports Gateways and GatewaySource: a request that every gateway answers.
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { NoRespondersError, RequestError } from '@nats-io/transport-node';
import type { GatewayAnswers, GatewayDoing, GatewaySource, Gateways } from '../../core/ports/gateways.ts';
import { encodeFrame } from '../../core/wire/frame.ts';
import {
  decodeGatewayAnswer,
  decodeGatewayRequest,
  type GatewayAnswer,
  type GatewayRequest,
} from '../../core/wire/gateway-messages.ts';
import { encodeFailure } from '../../core/wire/index-messages.ts';

const ASK = 'ditag.gateway.ask';
/** The first answer is waited for so long; once one has come, further ones that long after each other (milliseconds). */
const PATIENCE = 3_000;
const GATHER = 200;

export class NatsGateways implements Gateways {
  private readonly connection: NatsConnection;

  constructor(connection: NatsConnection) {
    this.connection = connection;
  }

  async call(queue?: string): Promise<ReadonlySet<string> | undefined> {
    const answers = await this.ask({ ask: 'work', ...(queue === undefined ? {} : { queue }) });
    return answers.length === 0 ? undefined : new Set(answers.flatMap(({ archives }) => archives));
  }

  async canDownload(): Promise<boolean> {
    return (await this.ask({ ask: 'work' })).some(({ downloads }) => downloads === true);
  }

  async freeSpace(): Promise<number | undefined> {
    const told = (await this.ask({ ask: 'work' })).map(({ freeSpace }) => freeSpace).filter((one) => one !== undefined);
    return told.length === 0 ? undefined : Math.min(...told);
  }

  async doing(send: string): Promise<readonly GatewayDoing[]> {
    return (await this.ask({ ask: 'doing', send })).map(({ doing }) => doing).filter((doing) => doing !== undefined);
  }

  async cancel(send: string): Promise<number> {
    const answers = await this.ask({ ask: 'cancel', send });
    return answers.reduce((sum, { underWay }) => sum + underWay, 0);
  }

  private async ask(request: GatewayRequest): Promise<GatewayAnswer[]> {
    const answers: GatewayAnswer[] = [];
    try {
      const options = { strategy: 'stall', stall: GATHER, maxWait: PATIENCE } as const;
      for await (const { data } of await this.connection.requestMany(ASK, encodeFrame(request), options))
        answers.push(decodeGatewayAnswer(data));
    } catch (error) {
      if (!(error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders())))
        throw error;
    }
    return answers;
  }
}

export class NatsGatewaySource implements GatewaySource {
  private readonly connection: NatsConnection;
  private subscription: Subscription | undefined;

  constructor(connection: NatsConnection) {
    this.connection = connection;
  }

  serve({ archives, canDownload: downloads, freeSpace, doing, called, cancelled }: GatewayAnswers): void {
    const answer = (data: Uint8Array): Uint8Array => {
      try {
        const request = decodeGatewayRequest(data);
        if (request.ask === 'work' && request.queue !== undefined) called(request.queue);
        const underWay = request.ask === 'cancel' ? cancelled(request.send) : 0;
        const free = request.ask === 'work' ? freeSpace() : undefined;
        const more = request.ask === 'doing' ? { doing: doing(request.send) } : {};
        return encodeFrame({
          archives,
          downloads,
          underWay,
          ...(free === undefined ? {} : { freeSpace: free }),
          ...more,
        });
      } catch (error) {
        return encodeFailure(error);
      }
    };
    const callback = (error: Error | null, message: Msg) => {
      if (error === null) message.respond(answer(message.data));
    };
    this.subscription = this.connection.subscribe(ASK, { callback });
  }

  async stop(): Promise<void> {
    await this.subscription?.drain();
  }
}
