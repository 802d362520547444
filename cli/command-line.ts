// The command line: commands and their options. What a command does is in commands/; it is loaded when it is called, so that
// a query starts quickly.
import { Command, Option } from 'commander';
import type { CommandContext, ExitCode } from './command.ts';
import type { CopiesOptions } from './commands/copies.ts';
import type { IndexArchiveOptions } from './commands/index-archive.ts';
import type { ProjectDownloadOptions } from './commands/project-download.ts';
import type { ProjectIndexOptions } from './commands/project-index.ts';
import type { ProjectReportOptions } from './commands/project-report.ts';
import type { ProjectVerifyOptions } from './commands/project-verify.ts';
import type { QueryOptions } from './commands/query.ts';
import type { SendOptions } from './commands/send.ts';
import type { ServeOptions } from './commands/serve.ts';
import type { StatsOptions } from './commands/stats.ts';
import type { CreateTokenOptions } from './commands/token.ts';
import { expandHome } from './configuration/configuration.ts';
import type { PacsOptions } from './workspaces/pacs.ts';

/** Options that every command has, before its name or behind it. */
export interface GlobalOptions {
  readonly configFile?: string;
  readonly nats?: string;
  readonly local?: boolean;
}

/** Runs what a command does, with the options that every command has. */
export type Run = (run: (context: CommandContext) => Promise<ExitCode>, options: GlobalOptions) => Promise<void>;

function withGlobalOptions(command: Command): Command {
  return command
    .option('--config-file <file>', 'configuration file (default: ~/.ditag/config.ini)')
    .option('--nats <url>', "work on the cluster of this NATS server (default: the configuration's)")
    .option('--local', 'work on this machine, even where a cluster is configured');
}

/** `--myaet` and `--my-aet` mean the same everywhere; the help of a command has the one that it has always had. */
function otherName(option: '--myaet' | '--my-aet'): Option {
  return new Option(`${option} <aet>`).hideHelp();
}

function withPacsOptions(command: Command): Command {
  return command
    .option('--destination <host>', "the PACS (default: the configuration's)")
    .option('--port <n>', 'its port')
    .option('--pacs-aetitle <aet>', 'its AE title')
    .option('--myaet <aet>', 'the AE title of ditag (default: DITAG)')
    .addOption(otherName('--my-aet'));
}

const collect = (value: string, all: string[] | undefined) => [...(all ?? []), value];

function queryOptions(command: Command): Command {
  return command
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
    .option('--output <file>', 'write to a file instead of stdout');
}

/** Options that name a file or a folder: a shell leaves the `~` of `--output=~/rows.csv` to the program. */
const PLACES: ReadonlySet<string> = new Set(['skipped', 'input', 'results', 'retry', 'output', 'folder', 'targetList']);

function withHome<Options extends object>(options: Options): Options {
  const entries = Object.entries(options).map(([name, value]: [string, unknown]) => {
    return [name, PLACES.has(name) && typeof value === 'string' ? expandHome(value) : value];
  });
  return Object.fromEntries(entries) as Options;
}

function refuseCommand(name: string, parent: Command): never {
  const allowed = parent.commands.map((command) => command.name()).join(', ');
  parent.error(`error: unknown command '${name}'\n(choose one of ${allowed})`);
}

export function commands(run: Run): Command {
  const program = withGlobalOptions(new Command('ditag'))
    .description('Indexes DICOM archives in place and finds series by date, regular expression and any tag.')
    .exitOverride()
    .showHelpAfterError('(ditag --help shows the commands)');
  const add = <Options>(
    command: Command,
    action: (options: Options, context: CommandContext, args: readonly string[]) => Promise<ExitCode>,
    parent = program,
  ) => {
    const isDefault = command.name() === 'list';
    withGlobalOptions(command)
      .exitOverride()
      // A mistyped command is given to the one that is meant where none is named.
      .allowExcessArguments(isDefault)
      .action(async () => {
        if (isDefault && command.args.length > 0) refuseCommand(command.args[0]!, parent);
        const { configFile, nats, local } = command.optsWithGlobals<GlobalOptions>();
        const global = {
          ...(configFile === undefined ? {} : { configFile }),
          ...(nats === undefined ? {} : { nats }),
          ...(local === undefined ? {} : { local }),
        };
        const options = withHome(command.opts<Options & object>());
        await run((context) => action(options, context, command.args), global);
      });
    parent.addCommand(command, { isDefault });
  };

  add<IndexArchiveOptions>(
    new Command('index')
      .description('index an archive: afterwards the index holds this archive only, unless --append is given')
      .option('--archive <dir>', 'folder of the archive (default: the one indexed last without --append)')
      .option('--append', 'keep the other archives of the index')
      .option('--threads <n>', 'scan workers (default: one a processor, at most 8)')
      .option('--skipped <file>', 'list the files that were not taken, with the reason, as CSV')
      .option('--rebuild', "build the cluster's index anew from what is known, without reading a file")
      .option('--accept-deletions', 'believe that files are gone, however many they are')
      .option('--quiet', 'print nothing but errors'),
    async (options, context) => (await import('./commands/index-archive.ts')).indexArchive(options, context),
  );
  add<QueryOptions>(
    queryOptions(new Command('query').description('find series')).option(
      '--project-name <name>',
      "ask a project's index",
    ),
    async (options, context) => (await import('./commands/query.ts')).query(options, context),
  );
  add<StatsOptions>(
    new Command('stats')
      .description('what the index holds')
      .option('--format <format>', 'text or json', 'text')
      .option('--project-name <name>', "ask a project's index"),
    async (options, context) => (await import('./commands/stats.ts')).stats(options, context),
  );
  add<SendOptions>(
    withPacsOptions(new Command('send').description('send the series of a list to the PACS (C-STORE)'))
      .option('--input <csv>', 'the list, as `ditag query` prints it; - is stdin (the default)')
      .option('--threads <n>', 'associations at a time (default: 4)')
      .option('--results <file>', 'write what became of each instance, as CSV')
      .option('--retry <file>', 'results of an earlier run: what was stored then is not sent again')
      .option('--quiet', 'print nothing but errors'),
    async (options, context) => (await import('./commands/send.ts')).send(options, context),
  );
  add<PacsOptions>(
    withPacsOptions(
      new Command('echo').description('ask the PACS whether it answers (C-ECHO), and keep its settings if it does'),
    ),
    async (options, context) => (await import('./commands/echo.ts')).echo(options, context),
  );
  add<object>(
    new Command('gateway').description(
      'take instances of the peers in the configuration and index them; answer their C-FIND, C-MOVE and C-GET',
    ),
    async (_, context) => (await import('./commands/gateway.ts')).gateway(context),
  );
  add<CopiesOptions>(
    new Command('copies')
      .description('instances that lie in several files, and how far these are the same')
      .option('--output <file>', 'write the CSV to a file (default: stdout)')
      .option('--quiet', 'print nothing but errors'),
    async (options, context) => (await import('./commands/copies.ts')).copies(options, context),
  );
  add<ServeOptions>(
    new Command('serve')
      .description('answer over HTTP, with a page to explore the index')
      .option(
        '--host <host>',
        'address to listen on; beyond this machine itself, tokens are asked for (default: 127.0.0.1)',
      )
      .option('--port <n>', 'port to listen on (default: 8080)')
      .option('--tls-cert <file>', 'the certificate to show, with those that signed it')
      .option('--tls-key <file>', 'its key')
      .option('--plain-http', 'beyond this machine without TLS: a proxy in front has it')
      .option('--proxy <addresses>', 'proxies in front: their X-Forwarded-For is believed, and tokens are asked for')
      .option('--output <dir>', 'folder for downloads that are started over HTTP (default: none can be)'),
    async (options, context) => (await import('./commands/serve.ts')).serve(options, context),
  );
  const project = withGlobalOptions(new Command('project'))
    .description('projects: from a list of accession numbers to a download that is proven complete')
    .exitOverride();
  program.addCommand(project);
  const projectOf = (name: string) => new Command(name).option('--project-name <name>', 'the project');
  add<ProjectIndexOptions>(
    projectOf('index')
      .description('ask the PACS for the accession numbers of a list, and index the answers')
      .option('--pacs <host>', "the PACS (default: the project's, else the configuration's)")
      .option('--port <n>', 'its port')
      .option('--aetitle <aet>', 'its AE title')
      .option('--my-aet <aet>', 'the AE title of ditag (default: DITAG)')
      .addOption(otherName('--myaet'))
      .option('--target-list <file>', "accession numbers, one a line (default: the project's list)")
      .option('--start-at-line <n>', 'ask from this line of the list on')
      .option('--start-at-accession <number>', 'ask from this accession number of the list on')
      .option('--refresh', 'ask again also for what is known')
      .option('--threads <n>', 'associations at a time (default: 4)')
      .option('--quiet', 'print nothing but errors'),
    async (options, context) => (await import('./commands/project-index.ts')).projectIndex(options, context),
    project,
  );
  add<QueryOptions>(
    queryOptions(projectOf('query').description("find series in the project's index")),
    async (options, context) => (await import('./commands/query.ts')).projectQuery(options, context),
    project,
  );
  add<ProjectReportOptions>(
    projectOf('report')
      .description('what was asked for, found, received and is missing')
      .option('--get-cost <amount>', 'cost per study, which is kept for later reports')
      .option('--format <format>', 'text, json or csv', 'text'),
    async (options, context) => (await import('./commands/project-report.ts')).projectReport(options, context),
    project,
  );
  add<ProjectDownloadOptions>(
    projectOf('download')
      .description('have the PACS send what the project expects, until it is complete')
      .option('--output <dir>', 'folder for the download', '.')
      .option('--input <csv>', 'only these series, as `ditag project query` prints them; - is stdin (default: all)')
      .option('--threads <n>', 'retrievals at a time, at most (default: 4)')
      .option('--my-aet <aet>', 'the AE title of ditag (default: DITAG)')
      .addOption(otherName('--myaet'))
      .option('--method <method>', 'move, or get where no port can be opened', 'move')
      .option('--scp-port <n>', 'port to receive at (default: 11112)')
      .option('--accept-from <list>', 'further AE titles or addresses that may send, separated by commas')
      .option('--window <hours>', 'ask the PACS only in these hours, for example 19:00-06:00')
      .option('--rounds <n>', 'how often a series is asked for before it is unobtainable (default: 3)')
      .option('--patience <seconds>', 'and how long nothing may have come of it (default: 120)')
      .option('--zip-project', 'make one zip of each subject that is whole')
      .option('--quiet', 'print nothing but errors'),
    async (options, context) => (await import('./commands/project-download.ts')).projectDownload(options, context),
    project,
  );
  add<ProjectVerifyOptions>(
    projectOf('verify')
      .description('compare a download with its manifest, file by file')
      .option('--output <dir>', 'the folder that was given to download')
      .option('--folder <dir>', 'the folder of a download itself, wherever it was moved to')
      .option('--quiet', 'print nothing but errors'),
    async (options, context) => (await import('./commands/project-verify.ts')).projectVerify(options, context),
    project,
  );
  const jobs = withGlobalOptions(new Command('jobs'))
    .description('what a cluster does: scans, and work for projects')
    .exitOverride();
  program.addCommand(jobs);
  const loadJobs = () => import('./commands/jobs.ts');
  add<object>(
    new Command('list').description('what is done to projects, scans that run, and the last ones that ended'),
    async (_, context) => (await loadJobs()).listJobs(context),
    jobs,
  );
  add<object>(
    new Command('cancel')
      .argument('<id>')
      .description('end a scan, or work for a project; what it has read or received is kept'),
    async (_, context, [id]) => (await loadJobs()).cancelJob(id!, context),
    jobs,
  );
  add<object>(
    new Command('resume')
      .argument('<id>')
      .description('go on with work for a project that has ended before all was done, as it was begun'),
    async (_, context, [id]) => (await loadJobs()).resumeJob(id!, context),
    jobs,
  );
  add<object>(
    new Command('failed').description('messages that were put aside, with the reason'),
    async (_, context) => (await loadJobs()).listFailed(context),
    jobs,
  );
  add<object>(
    new Command('retry').argument('<id>').description('have a message that was put aside tried again'),
    async (_, context, [id]) => (await loadJobs()).retryFailed(id!, context),
    jobs,
  );
  const token = withGlobalOptions(new Command('token'))
    .description('who may use the API, and what they did')
    .exitOverride();
  program.addCommand(token);
  const loadToken = () => import('./commands/token.ts');
  add<CreateTokenOptions>(
    new Command('create')
      .argument('<name>')
      .description('make a token and print it, this once')
      .option(
        '--role <role>',
        'needed: read (ask), export (any number of rows), operate (start and end work), admin (the trail)',
      )
      .option('--days <n>', 'how long it is taken, at most 3650 (default: until it is revoked)'),
    async (options, context, [name]) => (await loadToken()).createToken(name!, options, context),
    token,
  );
  add<object>(
    new Command('list').description('the tokens there are, without their texts'),
    async (_, context) => (await loadToken()).listTokens(context),
    token,
  );
  add<object>(
    new Command('revoke').argument('<name>').description('take a token no more'),
    async (_, context, [name]) => (await loadToken()).revokeToken(name!, context),
    token,
  );
  add<object>(
    new Command('trail').description('who asked what and when, as CSV'),
    async (_, context) => (await loadToken()).printTrail(context),
    token,
  );
  return program;
}
