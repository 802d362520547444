// The request that starts a scan, and its answer.
import Type from 'typebox';
import { Compile } from 'typebox/compile';
import type { StartedScan, StartScan } from '../ports/scan-commands.ts';
import { decodeMessage } from './index-messages.ts';

export const StartScanMessage = Type.Object({
  scan: Type.String({ pattern: '^[0-9a-f]{8}$' }),
  archive: Type.String(),
  append: Type.Boolean(),
  acceptDeletions: Type.Boolean(),
});

export const StartedScanMessage = Type.Object({
  scan: Type.String(),
  archive: Type.Object({ name: Type.String(), number: Type.Integer({ minimum: 1 }) }),
  knownFiles: Type.Integer({ minimum: 0 }),
});

const start = Compile(StartScanMessage);
const started = Compile(StartedScanMessage);

export function decodeStart(frame: Uint8Array): StartScan {
  return decodeMessage<StartScan>(start, frame).description;
}

/** Throws what the scanner says is wrong. */
export function decodeStarted(frame: Uint8Array): StartedScan {
  return decodeMessage<StartedScan>(started, frame).description;
}
