// Starts `ditag serve` as users do, and asks it; and the PACS to which it sends.
import assert from 'node:assert/strict';
import path from 'node:path';
import { HOST, type RunningOrthanc, startOrthanc } from '../projects/orthanc-here.ts';
import { runDitag, startDitag } from './run-ditag.ts';

/** Asks an API, with a token where one is given. */
export type Ask = (
  method: string,
  where: string,
  options?: { readonly token?: string | undefined; readonly body?: unknown },
) => Promise<Response>;

/** One who asks the API at this address. */
export function askerOf(url: string): Ask {
  return (method, where, { token, body } = {}) =>
    fetch(`${url}${where}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
}

export interface Serving {
  readonly url: string;
  readonly ask: Ask;
  stop(): void;
}

/** Starts it on any free port. */
export async function startServing(home: string, ...args: string[]): Promise<Serving> {
  const served = startDitag(['serve', '--port', '0', ...args], { home });
  let told = '';
  let url = '';
  for await (const data of served.child.stderr!) {
    told += String(data);
    url = /Serving at (https?:\/\/[^\s/]+)/.exec(told)?.[1] ?? '';
    if (url !== '') break;
  }
  assert.match(url, /^https?:\/\/[\d.]+:\d+$/, told);
  return {
    url,
    ask: askerOf(url),
    stop: () => void served.child.kill('SIGKILL'),
  };
}

/** Starts an Orthanc and has the commands of this home know it as their PACS. Throws MissingPart where there is no Orthanc. */
export async function orthancOf(home: string): Promise<RunningOrthanc> {
  const orthanc = await startOrthanc({ folder: path.join(home, 'orthanc') });
  const to = ['--destination', HOST, '--port', String(orthanc.port), '--pacs-aetitle', orthanc.aeTitle];
  const { code, stderr } = await runDitag(['echo', ...to], { home });
  assert.equal(code, 0, stderr);
  return orthanc;
}
