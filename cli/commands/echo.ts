// `ditag echo`: does the PACS answer?
import type { CommandContext, ExitCode } from '../command.ts';
import type { PacsOptions } from '../workspaces/pacs.ts';

export async function echo(options: PacsOptions, { pacs, stdout }: CommandContext): Promise<ExitCode> {
  const settings = pacs.settings(options);
  await pacs.echo(settings);
  const { destination, port, aetitle, myaet } = settings;
  stdout.write(`${aetitle} at ${destination}:${port} answers ${myaet}.\n`);
  return 0;
}
