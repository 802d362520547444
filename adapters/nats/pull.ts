// Pulls messages from a consumer, and never has more than a given number of them here that nobody works on: the stream,
// not the memory, holds what waits. Those few are kept from being given to another one; at the end they are given back.
import type { Consumer, ConsumerMessages, JsMsg } from '@nats-io/jetstream';

/** A request for messages is made anew after this (milliseconds). */
const EXPIRES = 30_000;
/** The server is told this often that what waits here is not lost (milliseconds). */
const WORKING_EVERY = 3_000;

export class Pull {
  private readonly consumer: Consumer;
  private readonly most: number;
  private readonly onChange: () => void;
  private readonly timer: NodeJS.Timeout;
  private waiting: JsMsg[] = [];
  private request: ConsumerMessages | undefined;
  private isStopped = false;
  private roomMade: () => void = () => {};
  /** Why nothing comes any more. */
  lost: Error | undefined;

  /** @param onChange is called when there is something to take, or nothing more will come */
  constructor(consumer: Consumer, most: number, onChange: () => void) {
    this.consumer = consumer;
    this.most = most;
    this.onChange = onChange;
    this.timer = setInterval(() => this.waiting.forEach((message) => void message.working()), WORKING_EVERY);
    // The connection keeps the process, not this.
    this.timer.unref();
    this.run().catch((error: Error) => {
      this.lost = error;
      this.onChange();
    });
  }

  /** Messages that wait here. */
  get size(): number {
    return this.waiting.length;
  }

  /** Takes up to `most` messages, the oldest first. */
  take(most: number): JsMsg[] {
    const taken = this.waiting.splice(0, most);
    this.roomMade();
    return taken;
  }

  /** Ends, and gives back what waits: it comes to another one at once. */
  stop(): void {
    this.isStopped = true;
    clearInterval(this.timer);
    this.request?.stop();
    for (const message of this.take(this.waiting.length)) message.nak();
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      if (this.waiting.length > this.most / 2 || this.waiting.length === this.most) {
        await new Promise<void>((resolve) => (this.roomMade = resolve));
        continue;
      }
      const max_messages = this.most - this.waiting.length;
      this.request = await this.consumer.fetch({ max_messages, expires: EXPIRES });
      if (this.isStopped) this.request.stop();
      for await (const message of this.request) {
        if (this.isStopped) message.nak();
        else {
          this.waiting.push(message);
          this.onChange();
        }
      }
    }
  }
}
