// Values of options that several commands have.
import { ditagError } from '../core/errors/errors.ts';
import type { CommandOptions } from '../core/jobs/project-job.ts';

/** How a run tells of itself and where its cluster is: whoever resumes it has options of his own for that. */
const OF_A_RUN = new Set(['quiet', 'configFile', 'nats', 'local', 'listText']);

/** Options of a command as they are kept for `ditag jobs resume`. */
export function keptOptions(options: object): CommandOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([name, value]) => !OF_A_RUN.has(name) && value !== undefined),
  );
}

/** As it would be typed. */
export function typedOptions(options: CommandOptions): string {
  const typed = Object.entries(options).map(([name, value]) => {
    const option = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (value === true) return option;
    const text = String(value);
    return `${option} ${/^[\w./:~,-]+$/.test(text) ? text : JSON.stringify(text)}`;
  });
  return typed.join(' ');
}

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
