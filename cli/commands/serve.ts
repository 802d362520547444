// `ditag serve`: the HTTP API over the index, until Ctrl-C.
import type { CommandContext, ExitCode } from '../command.ts';
import { wholeNumber } from '../options.ts';

export interface ServeOptions {
  readonly host?: string;
  readonly port?: string;
}

const HOST = '127.0.0.1';
const PORT = 8080;

export async function serve(options: ServeOptions, { workspace, stderr, signal }: CommandContext): Promise<ExitCode> {
  await workspace.serve({
    host: options.host ?? HOST,
    port: wholeNumber('--port', options.port, 0, 65_535) ?? PORT,
    onReady: (url) => stderr.write(`Serving at ${url} until Ctrl-C; ${url}/openapi.json says what can be asked.\n`),
    signal,
  });
  return 0;
}
