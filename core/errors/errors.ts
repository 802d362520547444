// THE registry of ditag's own errors: code, message, exit code, and whether trying again later can help. A message
// is one clear sentence (or two) that names the bad value, what is allowed and what to do. `docs/errors.md` is
// printed from this table. Errors of the file system and of libraries are wrapped where they are understood.

interface ErrorKind {
  readonly message: string;
  /** 1: ran, but something is missing or failed; 2: input or configuration. */
  readonly exitCode: 1 | 2 | 130;
  readonly retry: 'later' | 'never';
}

/** `{name}` in a message is replaced by the detail of that name. */
export const ERRORS = {
  'unknown-tag': { message: 'There is no DICOM tag "{tag}". {hint}', exitCode: 2, retry: 'never' },
  'bad-date': {
    message: '{option} "{value}" is not a date: write YYYYMMDD, for example 20260131.',
    exitCode: 2,
    retry: 'never',
  },
  'date-order': {
    message: 'The start date {from} lies after the end date {to}: no study can match. Exchange them.',
    exitCode: 2,
    retry: 'never',
  },
  'bad-pattern': { message: '{reason}', exitCode: 2, retry: 'never' },
  'pattern-without-targets': {
    message: '--pattern needs --targets: say which tags it is for, for example --targets SeriesDescription.',
    exitCode: 2,
    retry: 'never',
  },
  'bad-where': {
    message: '{option} "{value}" is not of the form TAG=REGEX, for example {option} Modality=^MR$.',
    exitCode: 2,
    retry: 'never',
  },
  'bad-option': { message: '{option} "{value}" is not valid: {allowed}.', exitCode: 2, retry: 'never' },
  'no-index': {
    message: 'There is no index at {database} yet: run `ditag index --archive DIR` first.',
    exitCode: 2,
    retry: 'never',
  },
  'old-database': {
    message:
      '{database} was made by the Python ditag: run `ditag index --archive DIR` to index the archive again; it replaces that database.',
    exitCode: 2,
    retry: 'never',
  },
  'newer-database': {
    message:
      '{database} has index format {found}; this ditag knows formats up to {known}. Use the newer ditag that made it.',
    exitCode: 2,
    retry: 'never',
  },
  'older-index': {
    message:
      '{index} has index format {found}; this ditag reads format {known}. `ditag index --rebuild` makes it anew from the log, without reading the archive.',
    exitCode: 2,
    retry: 'later',
  },
  'not-a-database': {
    message: '{database} is not a ditag index: move it away, or name another file in {config} under database.',
    exitCode: 2,
    retry: 'never',
  },
  'destination-unknown': {
    message:
      'The PACS does not know where to send to: have the AE title of --my-aet entered there with the address of this machine and the port of --scp-port, or use --method get.',
    exitCode: 1,
    retry: 'later',
  },
  'pacs-sends-nothing': {
    message: 'The PACS was asked and sent nothing for {seconds} s.',
    exitCode: 1,
    retry: 'later',
  },
  'disk-full': {
    message:
      'Only {free} are free where the download goes; {reserve} are to stay free. Make room, then run the same command again: it goes on where it was.',
    exitCode: 1,
    retry: 'later',
  },
  'no-space': {
    message:
      'The disk has no room for what comes: no bytes, no more files, or a quota. Make room, then run the same command again: it goes on where it was.',
    exitCode: 1,
    retry: 'later',
  },
  'index-disk-full': {
    message:
      'The disk has no room for {path}: nothing of it has changed. Make room, then run the same command again: it goes on where it was.',
    exitCode: 1,
    retry: 'later',
  },
  'empty-series-list': {
    message: '{source} lists no series, so there is nothing to download.',
    exitCode: 2,
    retry: 'never',
  },
  'no-target-list': {
    message: 'Nothing says which accession numbers are wanted: give --target-list FILE, with one in each line.',
    exitCode: 2,
    retry: 'never',
  },
  'not-indexed-project': {
    message: 'Nothing is known of what project {project} has to have: run `ditag project index` first.',
    exitCode: 2,
    retry: 'never',
  },
  'bad-manifest': {
    message: '{path} is not the manifest of a download: {reason}.',
    exitCode: 2,
    retry: 'never',
  },
  'no-download': {
    message:
      'There is no download of {project}{where}: run `ditag project download` first, or name its folder with --folder.',
    exitCode: 2,
    retry: 'never',
  },
  'foreign-download': {
    message:
      '{folder} is there, and not as a download of this project: {file} in it is missing, or another project has written it, or one of this name with another configuration, or it was moved here. Choose another --output, or move it away, or back.',
    exitCode: 2,
    retry: 'never',
  },
  'zip-failed': {
    message: 'The archive {path} could not be made: {reason}. The folder is kept.',
    exitCode: 1,
    retry: 'later',
  },
  'not-a-project': {
    message: '{file} is not the file of a ditag project: move it away, or choose another --project-name.',
    exitCode: 2,
    retry: 'never',
  },
  'damaged-database': {
    message: '{database} is damaged ({reason}): {advice}.',
    exitCode: 2,
    retry: 'never',
  },
  'damaged-rows': {
    message:
      'Rows of the index are damaged. Move it away and run `ditag index --archive DIR` again; in a cluster, `ditag index --rebuild`.',
    exitCode: 2,
    retry: 'never',
  },
  'no-archive': {
    message: 'No archive is named: give --archive DIR, or set archive_path in {config}.',
    exitCode: 2,
    retry: 'never',
  },
  'archive-missing': {
    message: 'The archive {archive} cannot be read ({reason}): check that the mount is there. Nothing was changed.',
    exitCode: 2,
    retry: 'later',
  },
  'archive-empty': {
    message: 'The archive {archive} is empty{known}: check that the mount is there. Nothing was changed.',
    exitCode: 2,
    retry: 'later',
  },
  'archive-other': {
    message:
      '{archive} holds nothing of what was indexed there before: it looks like another archive or a missing mount. Nothing was changed. If this is right, run again with --accept-deletions.',
    exitCode: 2,
    retry: 'later',
  },
  'too-many-deletions': {
    message:
      '{missed} of {known} known instances are gone from {archive}, more than 10 %. None of them has left the index. If this is right, run again with --accept-deletions.',
    exitCode: 1,
    retry: 'later',
  },
  'already-running': {
    message: 'Another `ditag` is at work on {database}: wait for it to end, then run this again.',
    exitCode: 2,
    retry: 'later',
  },
  'project-cancelled': {
    message:
      'What was done for the project {project} was ended by `ditag jobs cancel`. What has come is kept; the same command goes on with it.',
    exitCode: 1,
    retry: 'later',
  },
  'project-taken': {
    message:
      'Another `ditag` is at work on the project {project} now, since nothing was heard of this one for a while. What has come is kept; wait for the other one to end.',
    exitCode: 1,
    retry: 'later',
  },
  'unknown-project': {
    message: 'There is no project "{project}" in {folder}{known}.',
    exitCode: 2,
    retry: 'never',
  },
  'bad-project-name': {
    message:
      'The project name "{project}" is not valid: use letters, digits, ".", "_" and "-", starting with a letter or digit.',
    exitCode: 2,
    retry: 'never',
  },
  'bad-config': { message: 'The configuration {config} is not valid: {reason}.', exitCode: 2, retry: 'never' },
  'cannot-read': { message: 'Cannot read {path}: {reason}.', exitCode: 2, retry: 'later' },
  'bad-certificate': {
    message: 'TLS cannot use {files}: {reason}. Give files in PEM: a certificate, and the key that belongs to it.',
    exitCode: 2,
    retry: 'never',
  },
  'pattern-too-expensive': { message: '{reason}', exitCode: 2, retry: 'never' },
  'cannot-write': { message: 'Cannot write {path}: {reason}.', exitCode: 2, retry: 'never' },
  'no-room': {
    message: 'The disk has no room for {path}, or a quota is used up. Make room, then run the same command again.',
    exitCode: 1,
    retry: 'later',
  },
  'scan-failed': {
    message: 'The scan of {archive} stopped: {reason}. What was read is kept; run the same command again to go on.',
    exitCode: 1,
    retry: 'later',
  },
  'newer-message': {
    message:
      'A message of version {found} came from a newer ditag; this one knows versions up to {known}. Bring all parts of the cluster to the same version.',
    exitCode: 1,
    retry: 'later',
  },
  'damaged-message': { message: 'A message cannot be read: {reason}.', exitCode: 1, retry: 'never' },
  'message-too-large': {
    message:
      '{what} takes {bytes} bytes, and the NATS server takes messages of {most}: raise max_payload in its configuration to at least {needed}.',
    exitCode: 1,
    retry: 'never',
  },
  'cluster-unreachable': {
    message: 'The cluster at {url} cannot be reached: {reason}.{hint}',
    exitCode: 2,
    retry: 'later',
  },
  'cluster-silent': {
    message: 'No {part} of the cluster at {url} answers: start one, or wait until it is ready.',
    exitCode: 2,
    retry: 'later',
  },
  'no-scanner': {
    message: 'No scanner of the cluster can see an archive "{archive}". {hint}',
    exitCode: 2,
    retry: 'later',
  },
  'scanner-silent': {
    message:
      'No scanner has said within {seconds} s whether "{archive}" can be scanned: its mount may hang, or the scanner has gone. `ditag jobs` shows whether the scan {scan} has begun all the same.',
    exitCode: 2,
    retry: 'later',
  },
  'rebuild-running': {
    message:
      'The index is being built anew already (generation {generation}): wait for that to end. Where nothing comes of it, start an indexer.',
    exitCode: 2,
    retry: 'later',
  },
  'no-cluster': {
    message: 'No cluster is named: give --nats URL, or set nats in [CLUSTER] of {config}; and leave out --local.',
    exitCode: 2,
    retry: 'never',
  },
  detached: {
    message: 'The scan {scan} goes on without this command: `ditag jobs` shows it, `ditag jobs cancel {scan}` ends it.',
    exitCode: 130,
    retry: 'never',
  },
  'detached-rebuild': {
    message:
      'The index goes on being built without this command, by the indexers that run; queries are answered by the old one until then.',
    exitCode: 130,
    retry: 'never',
  },
  'scan-cancelled': {
    message: 'The scan {scan} was cancelled. What it has read is kept.',
    exitCode: 1,
    retry: 'never',
  },
  'no-job': {
    message: 'There is no {what} "{id}" (any more): `ditag jobs{list}` shows those that there are.',
    exitCode: 2,
    retry: 'never',
  },
  'scan-running': {
    message: 'A scan of {archive} is under way ({scan}): `ditag jobs` shows it, `ditag jobs cancel {scan}` ends it.',
    exitCode: 2,
    retry: 'later',
  },
  'secret-in-url': {
    message:
      'The address {url} holds a user name or a password. Put them into a credentials file and name it in {setting}; give the address without them.',
    exitCode: 2,
    retry: 'never',
  },
  'elasticsearch-refused': {
    message: 'Elasticsearch at {url} refuses the API key ({status}): check DITAG_ELASTICSEARCH_API_KEY_FILE.',
    exitCode: 2,
    retry: 'never',
  },
  'bad-settings': { message: 'Settings of this service are wrong: {wrong}.', exitCode: 2, retry: 'never' },
  'jetstream-full': {
    message:
      'JetStream has no room left: give the NATS server more disk, or raise its max_file_store. Nothing was begun.',
    exitCode: 1,
    retry: 'later',
  },
  'cluster-failed': { message: 'The cluster could not do it: {reason}.', exitCode: 1, retry: 'later' },
  'no-pacs': {
    message: 'It is not known which PACS: give {missing}, or set {key} under [PACS] in {config}.',
    exitCode: 2,
    retry: 'never',
  },
  'bad-series-list': {
    message:
      '{source} is not a list of series as `ditag query` prints it ({reason}): give a CSV with a column {column}.',
    exitCode: 2,
    retry: 'never',
  },
  'bad-results': {
    message:
      '{source} is not a file of results as `ditag send --results` writes it ({reason}): give one, with a column {column}.',
    exitCode: 2,
    retry: 'never',
  },
  'no-input': {
    message:
      'There is no list of series: give one with --input FILE, or pipe it in, as in `ditag query … | ditag send`.',
    exitCode: 2,
    retry: 'never',
  },
  'no-gateway': {
    message: 'No DIMSE gateway of the cluster is running: start one.',
    exitCode: 2,
    retry: 'later',
  },
  'gateways-gone': {
    message:
      'No DIMSE gateway of the cluster answers any more. Start one, and run the same command again: it goes on where it was.',
    exitCode: 1,
    retry: 'later',
  },
  'downloads-away': {
    message:
      'Gateways have begun to download into {folder}, and none that keeps downloads answers: start one (with DITAG_GATEWAY_DOWNLOADS), or give an --output from the root on to download anew, to this machine.',
    exitCode: 2,
    retry: 'later',
  },
  'gateway-of-cluster': {
    message:
      '`ditag gateway` is the gateway of one machine: say --local, or start the service dimse-gateway in the cluster.',
    exitCode: 2,
    retry: 'never',
  },
  'cannot-listen': {
    message: 'Cannot listen on {host}:{port} ({reason}): {advice}.',
    exitCode: 2,
    retry: 'later',
  },
  'bad-place': {
    message: 'The place after which rows are asked for is none that an answer has told: ask from the beginning.',
    exitCode: 2,
    retry: 'never',
  },
  'bad-token-name': {
    message:
      '"{name}" is no name of a token: take up to 64 letters (A to Z), digits, - and _, but neither local nor command.',
    exitCode: 2,
    retry: 'never',
  },
  'token-exists': {
    message: 'There is a token {name} already: `ditag token revoke {name}` ends it, or take another name.',
    exitCode: 2,
    retry: 'never',
  },
  'no-token': {
    message: 'There is no token {name}: `ditag token list` names those there are.',
    exitCode: 2,
    retry: 'never',
  },
  'not-private': {
    message:
      '{host} can be reached from other machines, so what goes over the network has to be encrypted: give --tls-cert and --tls-key, or --plain-http where a proxy in front of it does that, or --host 127.0.0.1 and reach it through an SSH tunnel.',
    exitCode: 2,
    retry: 'never',
  },
  'pacs-unreachable': {
    message: '{peer} cannot be reached ({reason}): check host and port, and whether the network lets you through.',
    exitCode: 1,
    retry: 'later',
  },
  'tls-failed': {
    message: '{peer} and ditag do not agree on TLS ({reason}): see {settings}, and the certificates.',
    exitCode: 1,
    retry: 'never',
  },
  'pacs-silent': {
    message: '{peer} did not answer within {seconds} s: it is busy, or it does not speak DICOM.',
    exitCode: 1,
    retry: 'later',
  },
  'association-rejected': {
    message: '{peer} rejects the association: {reason}. {advice}',
    exitCode: 1,
    retry: 'never',
  },
  'association-given-up': {
    message: 'ditag ended the association with {peer}: {reason}.',
    exitCode: 1,
    retry: 'later',
  },
  'association-aborted': { message: '{peer} ended the association: {reason}.', exitCode: 1, retry: 'later' },
  'not-dicom': { message: '{peer} does not speak DICOM as PS3.8 has it: {reason}.', exitCode: 1, retry: 'never' },
  'not-offered': { message: '{peer} does not offer {service}: {reason}.', exitCode: 1, retry: 'never' },
  'no-echo': { message: '{peer} takes the association, but not C-ECHO: {reason}.', exitCode: 1, retry: 'never' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

export interface DitagErrorOptions extends ErrorOptions {
  readonly option?: string | undefined;
  /** Where this one differs from others of its code. */
  readonly retry?: 'later' | 'never' | undefined;
}

/** An error that a person is told: its `message` is complete, its stack is of no interest. */
export class DitagError extends Error {
  readonly code: ErrorCode;
  readonly exitCode: 1 | 2 | 130;
  readonly retry: 'later' | 'never';
  /** The option that is wrong, as it is typed (`--where`), where it is one. */
  readonly option: string | undefined;

  constructor(code: ErrorCode, message: string, { option, retry, ...options }: DitagErrorOptions = {}) {
    super(message, options);
    this.option = option;
    this.name = 'DitagError';
    this.code = code;
    this.exitCode = ERRORS[code].exitCode;
    this.retry = retry ?? ERRORS[code].retry;
  }
}

/** Makes the error `code` with `details` put into its message. `cause` is passed on. */
export function ditagError(code: ErrorCode, details: Record<string, string | number>, cause?: unknown): DitagError {
  const message = ERRORS[code].message.replace(/\{(\w+)\}/g, (_, name: string) => String(details[name] ?? ''));
  const { option } = details;
  return new DitagError(code, message, {
    ...(cause === undefined ? {} : { cause }),
    ...(option === undefined ? {} : { option: String(option) }),
  });
}
