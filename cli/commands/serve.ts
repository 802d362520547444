// `ditag serve`: the HTTP API over the index, until Ctrl-C.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ditagError } from '../../core/errors/errors.ts';
import { Proxies } from '../../services/api/app.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { expandHome } from '../configuration/configuration.ts';
import { CommandOperations } from '../operations.ts';
import { wholeNumber } from '../options.ts';

export interface ServeOptions {
  readonly host?: string;
  readonly port?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly plainHttp?: boolean;
  readonly proxy?: string;
  readonly output?: string;
}

const HOST = '127.0.0.1';
const PORT = 8080;

export async function serve(options: ServeOptions, context: CommandContext): Promise<ExitCode> {
  const { configuration, workspace, pacs, stderr, signal } = context;
  const output = options.output === undefined ? undefined : path.resolve(expandHome(options.output));
  // Lists and results of what is started over HTTP.
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-serve-'));
  await using _ = { [Symbol.asyncDispose]: async () => fs.rmSync(folder, { recursive: true, force: true }) };
  await workspace.serve({
    operations: new CommandOperations({ configuration, workspace, pacs, folder, output }),
    host: options.host ?? HOST,
    port: wholeNumber('--port', options.port, 0, 65_535) ?? PORT,
    tls: tlsOf(options),
    isPlain: options.plainHttp === true,
    proxies: proxiesOf(options.proxy),
    onReady: (url) => stderr.write(`Serving at ${url} until Ctrl-C; ${url}/openapi.json says what can be asked.\n`),
    signal,
  });
  return 0;
}

function proxiesOf(value: string | undefined): Proxies | undefined {
  try {
    return value === undefined ? undefined : Proxies.of(value);
  } catch (error) {
    const allowed = 'give IP addresses or networks like 10.1.0.0/16, with commas between them';
    throw ditagError('bad-option', { option: '--proxy', value: value ?? '', allowed }, error);
  }
}

function tlsOf({ tlsCert, tlsKey }: ServeOptions) {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert !== undefined && tlsKey !== undefined) return { cert: tlsCert, key: tlsKey };
  const [option, value] = tlsCert === undefined ? ['--tls-key', tlsKey!] : ['--tls-cert', tlsCert];
  throw ditagError('bad-option', { option, value, allowed: 'give both --tls-cert and --tls-key' });
}
