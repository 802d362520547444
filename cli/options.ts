// Values of options that several commands have.
import { ditagError } from '../core/errors/errors.ts';

/** `--threads`. Throws `bad-option`. */
export function threadCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const threads = Number(text);
  if (/^\d+$/.test(text) && threads >= 1 && threads <= 64) return threads;
  throw ditagError('bad-option', { option: '--threads', value: text, allowed: 'give a whole number from 1 to 64' });
}
