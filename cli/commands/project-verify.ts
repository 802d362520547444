// `ditag project verify`: compares a download with its manifest, file by file.
import path from 'node:path';
import { ditagError } from '../../core/errors/errors.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { expandHome } from '../configuration/configuration.ts';
import { projectName } from '../options.ts';
import { streamOutput } from '../output.ts';
import { grouped } from '../reporters/statistics-text.ts';

export interface ProjectVerifyOptions {
  readonly projectName?: string;
  readonly output?: string;
  readonly folder?: string;
  readonly quiet?: boolean;
}

export async function projectVerify(options: ProjectVerifyOptions, context: CommandContext): Promise<ExitCode> {
  const { workspace, stdout, stderr } = context;
  const folder =
    options.folder === undefined ? await latestFolder(options, context) : path.resolve(expandHome(options.folder));
  const quiet = options.quiet === true;
  const progress = await context.progress(quiet);
  const output = streamOutput(stdout);
  const lines: string[] = [];
  const { signal } = context;
  let outcome: Awaited<ReturnType<typeof workspace.verify>>;
  try {
    outcome = await workspace.verify(folder, {
      onProblem: (file, detail) => lines.push(`${file}: ${detail}\n`),
      onProgress: (files, bytes) =>
        progress.update(() => {
          const text = `${grouped(files)} files, ${(bytes / 1e6).toFixed(1)} MB`;
          return { step: 'verifying', done: 0, text, unit: 'files', amount: files };
        }),
      signal,
    });
  } finally {
    progress.stop();
  }
  await output.write(lines.join(''));
  await output.finish();
  const { good, problems, missing, unknown } = outcome;
  const told = [`${grouped(good)} files are as the manifest has them`];
  if (problems > 0) told.push(`${grouped(problems)} are not`);
  if (missing > 0) told.push(`${grouped(missing)} instances are missing as it says`);
  if (unknown > 0) told.push(`${grouped(unknown)} files are not in it`);
  if (!quiet) stderr.write(`${told.join(', ')}: ${folder}\n`);
  if (!quiet && problems > 0)
    stderr.write('Remove a file that is not right, or the zip that it is in: the next download brings it anew.\n');
  return problems + missing + unknown === 0 ? 0 : 1;
}

/** The project's latest download; below `--output`, where that is given. */
async function latestFolder(options: ProjectVerifyOptions, { workspace }: CommandContext): Promise<string> {
  const name = projectName(options.projectName);
  const project = await workspace.project(name, { isNew: false });
  try {
    const within = options.output === undefined ? undefined : path.resolve(expandHome(options.output));
    const downloads = await project.store.downloads();
    const found = downloads.find(({ folder }) => within === undefined || path.dirname(folder) === within);
    if (found !== undefined && path.isAbsolute(found.folder)) return found.folder;
    const where =
      found === undefined
        ? within === undefined
          ? ''
          : ` in ${within}`
        : ` on this machine (${found.folder} is where the gateways keep downloads)`;
    throw ditagError('no-download', { project: name, where });
  } finally {
    await project.close();
  }
}
