// The life of a service's process: a logger, signals, health over HTTP, and an exit code. The first SIGTERM or Ctrl-C
// lets it finish what it has taken; the second ends it at once.

import { setTimeout as wait } from 'node:timers/promises';
import { pino } from 'pino';
import { DitagError } from '../../core/errors/errors.ts';
import type { Log } from '../../core/ports/log.ts';

/** A service that was put together. */
export interface RunningService {
  /** Ends when the service was stopped; rejects when it cannot go on. Calls `ready` when it answers. */
  run(ready: () => void): Promise<void>;
  stop(): Promise<void>;
}

export interface ServiceTools {
  readonly logger: Log;
  /** Tries until it succeeds, for a part of the cluster that is not there yet. */
  waitFor<T>(part: string, attempt: () => Promise<T>): Promise<T>;
}

const WAIT = 1_000;

/** Puts a service together and runs it to its end. */
export async function runService(name: string, build: (tools: ServiceTools) => Promise<RunningService>): Promise<void> {
  const logger = pino({ name: `ditag-${name}`, base: { name: `ditag-${name}`, pid: process.pid } });
  let service: RunningService | undefined;
  let signals = 0;
  const onSignal = () => {
    if (++signals > 1 || service === undefined) process.exit(130);
    service.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    service = await build({
      logger,
      waitFor: async (part, attempt) => {
        for (;;) {
          try {
            return await attempt();
          } catch (error) {
            if (error instanceof DitagError && error.retry === 'never') throw error;
            logger.warn({ reason: (error as Error).message }, `${part} does not answer yet`);
            await wait(WAIT);
          }
        }
      },
    });
    await service.run(() => logger.info({}, 'ready'));
  } catch (error) {
    if (signals > 0) return;
    const message = error instanceof DitagError ? error.message : ((error as Error).stack ?? String(error));
    logger.error({}, message);
    process.exit(error instanceof DitagError ? error.exitCode : 1);
  }
}
