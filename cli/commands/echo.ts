// `ditag echo`: does the PACS answer?
import type { CommandContext, ExitCode } from '../command.ts';
import { streamOutput } from '../output.ts';
import type { PacsOptions } from '../workspaces/pacs.ts';

export async function echo(options: PacsOptions, { pacs, stdout, stderr }: CommandContext): Promise<ExitCode> {
  const settings = pacs.settings(options);
  const unkept = await pacs.echo(settings);
  const { destination, port, aetitle, myaet } = settings;
  const output = streamOutput(stdout);
  await output.write(`${aetitle} at ${destination}:${port} answers ${myaet}.\n`);
  await output.finish();
  if (unkept !== undefined) stderr.write(`${unkept}\n`);
  return 0;
}
