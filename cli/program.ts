// The program `ditag`: everything that touches the process. Its commands and their options are in command-line.ts.
import { CommanderError } from 'commander';
import { writeFailure } from '../core/errors/file-failure.ts';
import type { CommandContext, ExitCode } from './command.ts';
import { commands } from './command-line.ts';
import { type Configuration, readConfiguration } from './configuration/configuration.ts';
import { LocalWorkspace, MOST_CALLS } from './workspaces/local/local-workspace.ts';
import { Pacs } from './workspaces/pacs.ts';
import type { Workspace } from './workspaces/workspace.ts';

/** Runs the command line and returns the exit code. */
export async function main(argv: string[]): Promise<ExitCode> {
  // The pool is made at its first use: calls to a slow mount wait in it side by side.
  process.env.UV_THREADPOOL_SIZE ??= String(MOST_CALLS);
  // Whoever reads the messages may go away; the work goes on.
  process.stderr.on('error', () => {});
  process.stdout.on('error', endAlone);
  const interruption = new Interruption();
  let exitCode: ExitCode = 0;
  const program = commands(async (run, { configFile, ...choice }) => {
    const configuration = readConfiguration(configFile, { ...choice, environment: process.env });
    const context: CommandContext = {
      configuration,
      workspace: await workspaceOf(configuration),
      pacs: new Pacs(configuration),
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      progress: async (quiet) => (await import('./reporters/progress.ts')).progressReporter(process.stderr, quiet),
      get signal() {
        return interruption.watch();
      },
    };
    exitCode = await run(context);
  });
  try {
    await program.parseAsync(argv);
    return exitCode;
  } catch (error) {
    return await ended(error, interruption.happened);
  } finally {
    interruption.ignore();
    leaveSoon();
  }
}

/** What is written without an `Output`, as help is, may find that its reader has gone, or that there is no room. */
function endAlone(error: NodeJS.ErrnoException): void {
  if (process.stdout.listenerCount('error') > 1) return;
  if (error.code !== 'EPIPE') process.stderr.write(`${writeFailure('standard output', error).message}\n`);
  process.exit(error.code === 'EPIPE' ? 0 : 1);
}

/** So long what a command has left behind may keep the process (milliseconds). */
const LEFT_BEHIND = 1_000;

/** Where a server accepts a connection and is silent, its client leaves that open: it does not keep a command that has ended. */
function leaveSoon(): void {
  const isSaid = () => process.stdout.writableLength === 0 && process.stderr.writableLength === 0;
  setInterval(() => isSaid() && process.exit(), LEFT_BEHIND).unref();
}

/** The cluster's where one is named, else this machine's. */
async function workspaceOf(configuration: Configuration): Promise<Workspace> {
  const { cluster, archivePath, file } = configuration;
  if (cluster === undefined) return new LocalWorkspace(configuration);
  const { ClusterWorkspace } = await import('./workspaces/cluster/cluster-workspace.ts');
  return new ClusterWorkspace(cluster, archivePath, file);
}

/** Ctrl-C and SIGTERM. They end the process as ever, unless a command has asked to be told: then it ends itself. */
class Interruption {
  private readonly controller = new AbortController();
  private readonly onSignal = (): void => {
    if (this.happened) process.exit(130);
    this.controller.abort(new Error('interrupted'));
  };

  get happened(): boolean {
    return this.controller.signal.aborted;
  }

  watch(): AbortSignal {
    this.ignore();
    process.on('SIGINT', this.onSignal);
    process.on('SIGTERM', this.onSignal);
    return this.controller.signal;
  }

  ignore(): void {
    process.off('SIGINT', this.onSignal);
    process.off('SIGTERM', this.onSignal);
  }
}

/** The exit code of a command that threw, after saying why on stderr. */
async function ended(error: unknown, interrupted: boolean): Promise<ExitCode> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const { DitagError } = await import('../core/errors/errors.ts');
  const { ReaderGone } = await import('./output.ts');
  if (error instanceof ReaderGone) return 0;
  // Only the command has ended: what it watched goes on.
  if (error instanceof DitagError && (error.code === 'detached' || error.code === 'detached-rebuild')) {
    process.stderr.write(`${error.message}\n`);
    return 130;
  }
  if (interrupted) {
    process.stderr.write('Interrupted. Run the same command again: `index` and downloads go on where they were.\n');
    return 130;
  }
  // Loaded where everything else has failed.
  const known =
    error instanceof DitagError
      ? error
      : (await import('./workspaces/cluster/cluster-failure.ts')).clusterFailure(error);
  if (known !== undefined) {
    process.stderr.write(`${known.message}\n`);
    return known.exitCode;
  }
  process.stderr.write(`ditag failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 1;
}
