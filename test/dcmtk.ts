// Servers of DCMTK for tests: programs that others wrote, on a port of this machine.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, isHere } from '../scripts/parts/parts.ts';

/** How often, every 25 ms, it is looked whether a server listens. */
const MOST_TRIES = 400;

/**
 * Starts a server, which ends with the test. Gives its port; undefined, and the test skipped, where there is no such
 * program. @param args the command's arguments; `folder` is empty and the server's own @param at its port; else a free one
 */
export async function startDcmtk(
  t: TestContext,
  program: string,
  args: (port: number, folder: string) => string[],
  at?: number,
): Promise<number | undefined> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ditag-test-'));
  const port = at ?? (await freePort());
  // Nagle's algorithm would cost 44 ms a message.
  const child = spawn(program, args(port, folder), { stdio: 'ignore', env: { ...process.env, TCP_NODELAY: '1' } });
  t.after(() => {
    child.kill('SIGKILL');
    fs.rmSync(folder, { recursive: true, force: true });
  });
  const isMissing = new Promise<boolean>((resolve) => child.once('error', () => resolve(false)));
  const started = await Promise.race([isMissing, listens(port)]);
  return isHere(t, started, `there is no ${program} (Debian package dcmtk)`) ? port : undefined;
}

async function listens(port: number): Promise<boolean> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const socket = net.connect(port, '127.0.0.1');
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (connected) return true;
    await sleep(25);
  }
  return false;
}
