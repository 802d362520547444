// The program `ditag`: commands and their options, and everything that touches the process. What a command does is in
// commands/; it is loaded when it is called, so that a query starts quickly.
import { Command, CommanderError } from 'commander';
import type { CommandContext, ExitCode } from './command.ts';
import type { IndexArchiveOptions } from './commands/index-archive.ts';
import type { QueryOptions } from './commands/query.ts';
import type { StatsOptions } from './commands/stats.ts';
import { readConfiguration } from './configuration/configuration.ts';
import { LocalWorkspace, MOST_CALLS } from './workspaces/local/local-workspace.ts';

/** Runs the command line and returns the exit code. */
export async function main(argv: string[]): Promise<ExitCode> {
  // The pool is made at its first use: calls to a slow mount wait in it side by side.
  process.env.UV_THREADPOOL_SIZE ??= String(MOST_CALLS);
  // Whoever reads the messages may go away; the work goes on.
  process.stderr.on('error', () => {});
  const interruption = new Interruption();
  let exitCode: ExitCode = 0;
  const program = commands(async (run, configFile) => {
    const context: CommandContext = {
      workspace: new LocalWorkspace(readConfiguration(configFile)),
      stdout: process.stdout,
      stderr: process.stderr,
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
  }
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
  if (interrupted) {
    process.stderr.write('Interrupted. Run the same command again; `index` goes on where it was.\n');
    return 130;
  }
  if (error instanceof DitagError) {
    process.stderr.write(`${error.message}\n`);
    return error.exitCode;
  }
  process.stderr.write(`ditag failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 1;
}

type Run = (run: (context: CommandContext) => Promise<ExitCode>, configFile: string | undefined) => Promise<void>;

function commands(run: Run): Command {
  const program = new Command('ditag')
    .description('Indexes DICOM archives in place and finds series by date, regular expression and any tag.')
    .option('--config-file <file>', 'configuration file (default: ~/.ditag/config.ini)')
    .exitOverride()
    .showHelpAfterError('(ditag --help shows the commands)');
  const add = <Options>(command: Command, action: (options: Options, context: CommandContext) => Promise<ExitCode>) => {
    command
      .option('--config-file <file>', 'configuration file (default: ~/.ditag/config.ini)')
      .exitOverride()
      .action(async (options: Options & { configFile?: string }) => {
        await run(
          (context) => action(options, context),
          options.configFile ?? program.opts<{ configFile?: string }>().configFile,
        );
      });
    program.addCommand(command);
  };
  const collect = (value: string, all: string[] | undefined) => [...(all ?? []), value];

  add<IndexArchiveOptions>(
    new Command('index')
      .description('index an archive: afterwards the index holds this archive only, unless --append is given')
      .option('--archive <dir>', 'folder of the archive (default: the one indexed last)')
      .option('--append', 'keep the other archives of the index')
      .option('--threads <n>', 'scan workers (default: one a processor)')
      .option('--skipped <file>', 'list the files that were not taken, with the reason, as CSV')
      .option('--accept-deletions', 'believe that files are gone, however many they are')
      .option('--quiet', 'print nothing but errors'),
    async (options, context) => (await import('./commands/index-archive.ts')).indexArchive(options, context),
  );
  add<QueryOptions>(
    new Command('query')
      .description('find series')
      .option('--sdate <YYYYMMDD>', 'StudyDate on this day or later')
      .option('--edate <YYYYMMDD>', 'StudyDate on this day or earlier')
      .option('--date <YYYYMMDD>', 'StudyDate on this day')
      .option('--targets <tags>', 'comma-separated tags that --pattern is matched against, any of them')
      .option('--pattern <regex>', "regular expression, with the syntax of Python's re.search")
      .option('--where <TAG=REGEX>', 'the tag matches too (repeatable)', collect)
      .option('--where-not <TAG=REGEX>', 'the tag does not match (repeatable)', collect)
      .option('--columns <tags>', 'comma-separated tags to print after the six columns')
      .option('--format <format>', 'csv, json, ndjson or table', 'csv')
      .option('--count', 'print only the number of series')
      .option('--output <file>', 'write to a file instead of stdout')
      .option('--project-name <name>', "ask a project's index"),
    async (options, context) => (await import('./commands/query.ts')).query(options, context),
  );
  add<StatsOptions>(
    new Command('stats')
      .description('what the index holds')
      .option('--format <format>', 'text or json', 'text')
      .option('--project-name <name>', "ask a project's index"),
    async (options, context) => (await import('./commands/stats.ts')).stats(options, context),
  );
  return program;
}
