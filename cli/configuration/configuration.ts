// Where things are: the configuration file and what follows from it. Read once by program.ts.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ditagError } from '../../core/errors/errors.ts';
import { readFailure } from '../../core/errors/file-failure.ts';
import type { NatsSettings } from '../../core/settings/settings.ts';
import { canHold, IniFile } from './ini.ts';
import { replaceFile } from './private-file.ts';

export interface Configuration {
  /** The file, whether it exists or not. */
  readonly file: string;
  readonly databasePath: string;
  /** archive_path, where it is set. */
  readonly archivePath: string | undefined;
  readonly projectsFolder: string;
  /** [PACS]: what is set there, or in the environment. */
  readonly pacs: Readonly<Partial<PacsSettings>>;
  /** What of it the environment says: that comes before what a project says. */
  readonly environmentPacs: Readonly<Partial<PacsSettings>>;
  /** How to speak TLS with it; undefined: without. */
  readonly pacsTls: PacsTls | undefined;
  /** How to reach the cluster; undefined: everything is done on this machine. */
  readonly cluster: NatsSettings | undefined;
}

/** The PACS that commands talk to, and as whom. */
export interface PacsSettings {
  readonly destination: string;
  readonly port: string;
  readonly aetitle: string;
  readonly myaet: string;
}

/** Files in PEM. */
export interface PacsTls {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** What the command line and the environment say of the cluster, before the configuration does. */
export interface ClusterChoice {
  /** `--nats`. */
  readonly nats?: string | undefined;
  /** `--local`: this machine, whatever is configured. */
  readonly local?: boolean | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Reads the configuration. `file` as given by --config-file; else ~/.ditag/config.ini. Throws `bad-config`. */
export function readConfiguration(file: string | undefined, choice: ClusterChoice): Configuration {
  const home = path.join(os.homedir(), '.ditag');
  const where = file === undefined ? path.join(home, 'config.ini') : path.resolve(expandHome(file));
  const folder = file === undefined ? home : path.dirname(where);
  const ini = readIni(where);
  const setting = (key: string) => {
    const value = ini.get('DEFAULT', key);
    return value === undefined || value === '' ? undefined : value;
  };
  const database = setting('database');
  const archive = setting('archive_path');
  return {
    file: where,
    databasePath: database === undefined ? path.join(folder, 'dicom.db') : path.resolve(folder, expandHome(database)),
    archivePath: archive === undefined ? undefined : expandHome(archive),
    projectsFolder: path.join(folder, 'projects'),
    pacs: pacsSettings((key) => choice.environment[variableOf(key)] || ini.get('PACS', key)),
    environmentPacs: pacsSettings((key) => choice.environment[variableOf(key)]),
    pacsTls: pacsTls(ini, folder, where),
    cluster: choice.local === true ? undefined : clusterSettings(ini, choice, folder),
  };
}

const PACS_KEYS = ['destination', 'port', 'aetitle', 'myaet'] as const satisfies (keyof PacsSettings)[];

/** The environment variable that says it. */
export function variableOf(key: keyof PacsSettings): string {
  return `DITAG_PACS_${key.toUpperCase()}`;
}

/** Settings of [PACS] that have a value. */
function pacsSettings(settingOf: (key: keyof PacsSettings) => string | undefined): Partial<PacsSettings> {
  const values = PACS_KEYS.map((key) => [key, settingOf(key)]);
  return Object.fromEntries(values.filter(([, value]) => value !== undefined && value !== ''));
}

/** `tls = yes` in [PACS], and its files, which stand beside the configuration unless they say where. */
function pacsTls(ini: IniFile, folder: string, config: string): PacsTls | undefined {
  const wanted = ini.get('PACS', 'tls') ?? 'no';
  if (wanted !== 'yes' && wanted !== 'no') {
    throw ditagError('bad-config', { config, reason: `tls = ${wanted} under [PACS] is not known: write yes or no` });
  }
  const file = (key: string) => {
    const value = ini.get('PACS', key);
    return value === undefined || value === '' ? undefined : path.resolve(folder, expandHome(value));
  };
  if (wanted === 'no') return undefined;
  const [caFile, certFile, keyFile] = [file('tls_ca'), file('tls_cert'), file('tls_key')];
  if ((certFile === undefined) !== (keyFile === undefined))
    throw ditagError('bad-config', { config, reason: '[PACS] needs tls_cert and tls_key together, or neither' });
  return { caFile, certFile, keyFile };
}

/** Settings of [CLUSTER], each before it of the environment; files stand beside the configuration unless they say where. */
function clusterSettings(ini: IniFile, choice: ClusterChoice, folder: string): NatsSettings | undefined {
  const setting = (key: string, variable: string) => {
    const value = choice.environment[variable] || ini.get('CLUSTER', key);
    return value === undefined || value === '' ? undefined : value;
  };
  const file = (key: string, variable: string) => {
    const value = setting(key, variable);
    return value === undefined ? undefined : path.resolve(folder, expandHome(value));
  };
  const url = choice.nats ?? setting('nats', 'DITAG_NATS_URL');
  if (url === undefined) return undefined;
  return {
    url,
    credentialsFile: file('nats_credentials', 'DITAG_NATS_CREDENTIALS'),
    nkeyFile: file('nats_nkey', 'DITAG_NATS_NKEY'),
    user: setting('nats_user', 'DITAG_NATS_USER'),
    passwordFile: file('nats_password_file', 'DITAG_NATS_PASSWORD_FILE'),
    caFile: file('nats_ca', 'DITAG_NATS_CA'),
    certFile: file('nats_cert', 'DITAG_NATS_CERT'),
    keyFile: file('nats_key', 'DITAG_NATS_KEY'),
  };
}

/**
 * Writes what `index` keeps for later runs; comments and unknown keys survive. False: the archive's path cannot be written, and
 * what was kept of another one is forgotten.
 */
export function saveIndexSettings(configuration: Configuration, archivePath: string | undefined): boolean {
  const ini = readIni(configuration.file);
  const { databasePath } = configuration;
  // A path that cannot be written there is found without (the database), or has to be typed again (the archive).
  if (ini.get('DEFAULT', 'database') === undefined && canHold(databasePath))
    ini.set('DEFAULT', 'database', databasePath);
  const isKept = archivePath === undefined || canHold(archivePath);
  if (!isKept && ini.get('DEFAULT', 'archive_path') !== undefined) ini.set('DEFAULT', 'archive_path', '');
  if (isKept && archivePath !== undefined) ini.set('DEFAULT', 'archive_path', archivePath);
  saveIni(configuration, ini);
  return isKept;
}

/** Writes the PACS that has answered. */
export function savePacsSettings(configuration: Configuration, pacs: PacsSettings): void {
  const ini = readIni(configuration.file);
  for (const key of PACS_KEYS) ini.set('PACS', key, pacs[key]);
  saveIni(configuration, ini);
}

function saveIni(configuration: Configuration, ini: IniFile): void {
  const text = ini.toString();
  if (fs.existsSync(configuration.file) && fs.readFileSync(configuration.file, 'utf8') === text) return;
  replaceFile(configuration.file, text);
}

/** Names of the folders in a folder; none where there is none. */
export function listFolders(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

export function readIni(file: string): IniFile {
  if (!fs.existsSync(file)) return new IniFile('');
  try {
    return new IniFile(fs.readFileSync(file, 'utf8').replace(/^\ufeff/, ''));
  } catch (error) {
    if ('code' in (error as Error)) throw readFailure(file, error);
    throw ditagError('bad-config', { config: file, reason: (error as Error).message }, error);
  }
}

/** `~` and `~/…` as the home folder. */
export function expandHome(text: string): string {
  return text === '~' || text.startsWith('~/') ? path.join(os.homedir(), text.slice(1)) : text;
}
