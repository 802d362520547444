// `ditag stats`: what the index holds.
import { ditagError } from '../../core/errors/errors.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { streamOutput } from '../output.ts';
import { statisticsText } from '../reporters/statistics-text.ts';

export interface StatsOptions {
  readonly format?: string;
  readonly projectName?: string;
}

export async function stats(options: StatsOptions, { workspace, stdout }: CommandContext): Promise<ExitCode> {
  const format = options.format ?? 'text';
  if (format !== 'text' && format !== 'json') {
    throw ditagError('bad-option', { option: '--format', value: format, allowed: 'choose one of text, json' });
  }
  const index = await workspace.openIndex(options.projectName);
  try {
    const statistics = await index.statistics();
    const output = streamOutput(stdout);
    await output.write(format === 'json' ? `${JSON.stringify(statistics, null, 2)}\n` : statisticsText(statistics));
    await output.finish();
    return 0;
  } finally {
    await index.close();
  }
}
