// `ditag gateway`: runs until Ctrl-C; what it does is told as JSON lines on stderr, which is the audit.
import { pino } from 'pino';
import type { CommandContext, ExitCode } from '../command.ts';

export async function gateway({ workspace, stderr, signal }: CommandContext): Promise<ExitCode> {
  const log = pino({ base: undefined }, stderr);
  await workspace.gateway({
    log,
    onReady: ({ aeTitle, host, port }) => log.info({ aeTitle, host, port }, 'ready'),
    signal,
  });
  return 0;
}
