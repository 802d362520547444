// Values of options that several commands have.
import { ditagError } from '../core/errors/errors.ts';

/** `--threads`. Throws `bad-option`. */
export function threadCount(text: string | undefined): number | undefined {
  return wholeNumber('--threads', text, 1, 64);
}

/** A whole number of a range; undefined where the option is not given. Throws `bad-option`. */
export function wholeNumber(option: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw ditagError('bad-option', { option, value: text, allowed: `give a whole number from ${least} to ${most}` });
}

/** `--project-name`, which has to be given. Throws `bad-option`. */
export function projectName(name: string | undefined): string {
  if (name !== undefined) return name;
  throw ditagError('bad-option', { option: '--project-name', value: '', allowed: 'say which project' });
}
