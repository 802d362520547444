// Orthanc as a PACS on this machine, for tests and measurements: in a folder of its own, filled from an archive by DCMTK's
// dcmsend, so that nothing in it has gone through ditag.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { echo } from '../../adapters/dimse/echo.ts';
import { findOnPath, freePort, MissingPart, runToEnd } from '../../scripts/parts/parts.ts';

export const HOST = '127.0.0.1';
/** How often, every 50 ms, it is asked whether it answers. */
const MOST_TRIES = 400;
/** Nagle's algorithm would cost 44 ms a message. */
const ENVIRONMENT = { ...process.env, TCP_NODELAY: '1' };

export interface PacsHere {
  readonly aeTitle: string;
  readonly port: number;
}

export interface RunningOrthanc extends PacsHere {
  readonly pid: number;
  /** What it has logged. */
  log(): string;
  stop(): Promise<void>;
}

export interface OrthancOptions {
  /** Of its own: settings, database, instances, log. */
  readonly folder: string;
  /** Ports of this machine to which a C-MOVE may send, by AE title. */
  readonly destinations?: Readonly<Record<string, number>>;
  /** In place of those below. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** For Orthanc's own arguments, for example `--verbose`. */
  readonly args?: readonly string[];
}

/** Starts one and waits until it answers. Throws MissingPart where there is no Orthanc. */
export async function startOrthanc({
  folder,
  destinations = {},
  settings = {},
  args = [],
}: OrthancOptions): Promise<RunningOrthanc> {
  const program = findOnPath('Orthanc');
  if (program === undefined) throw new MissingPart('there is no Orthanc (Debian package orthanc)');
  const pacs = { aeTitle: 'ORTHANC', port: await freePort() };
  const modalities = Object.entries(destinations).map(([title, port]) => [title, [title, HOST, port]]);
  const file = path.join(folder, 'orthanc.json');
  const log = path.join(folder, 'orthanc.log');
  const all = {
    DicomAet: pacs.aeTitle,
    DicomPort: pacs.port,
    HttpServerEnabled: false,
    StorageDirectory: path.join(folder, 'orthanc'),
    IndexDirectory: path.join(folder, 'orthanc'),
    DicomModalities: Object.fromEntries(modalities),
    DicomAlwaysAllowFind: true,
    DicomAlwaysAllowGet: true,
    DicomAlwaysAllowMove: true,
    // Else it answers in Latin-1, whatever the names are.
    DefaultEncoding: 'Utf8',
    ...settings,
  };
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(file, JSON.stringify(all));
  const output = fs.openSync(log, 'w');
  const child = spawn(program, [...args, file], { stdio: ['ignore', output, output], env: ENVIRONMENT });
  fs.closeSync(output);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = () => {
    child.kill('SIGKILL');
    return ended;
  };
  await untilAnswers(pacs).catch(async (error) => {
    await stop();
    throw error;
  });
  return { ...pacs, pid: child.pid!, log: () => fs.readFileSync(log, 'utf8'), stop };
}

/** Sends all files below a folder, with their own transfer syntax. Throws where not all of them were taken. */
export async function fillPacs({ aeTitle, port }: PacsHere, archive: string): Promise<void> {
  if (findOnPath('dcmsend') === undefined) throw new MissingPart('there is no dcmsend (Debian package dcmtk)');
  const args = ['-aec', aeTitle, '--decompress-never', '--scan-directories', '--recurse', HOST, String(port), archive];
  const { code, output } = await runToEnd('dcmsend', args, ENVIRONMENT);
  if (code !== 0) throw new Error(`dcmsend has ended with ${code}: ${output}`);
}

async function untilAnswers({ aeTitle, port }: PacsHere): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await echo({ host: HOST, port, calledAETitle: aeTitle, callingAETitle: 'DITAG' });
    } catch (error) {
      if (tries === MOST_TRIES) throw error;
      await sleep(50);
    }
  }
}
