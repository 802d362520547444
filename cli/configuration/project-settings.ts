// What a project's YAML file says: its PACS, its list, its index, its price. Whoever edits it keeps their comments.
import fs from 'node:fs';
import path from 'node:path';
import { ditagError } from '../../core/errors/errors.ts';
import { type Configuration, expandHome, listFolders } from './configuration.ts';
import { replaceFile } from './private-file.ts';

export interface ProjectSettings {
  readonly pacs: { readonly destination?: string; readonly port?: string; readonly aetitle?: string };
  /** Absolute. */
  readonly targetList: string | undefined;
  /** As written. */
  readonly costPerStudy: string | undefined;
}

/** What is to be changed in the file, by its keys. */
export interface ProjectChanges {
  readonly pacs?: { readonly host: string; readonly port: string; readonly aetitle: string };
  readonly target_list?: string;
  readonly cost_per_study?: string;
}

/** Names that can be those of files anywhere. */
export function isProjectName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name);
}

/** The files of a project. */
export class ProjectFile {
  readonly name: string;
  readonly folder: string;
  private readonly file: string;

  /** Throws `bad-project-name`. */
  constructor({ projectsFolder }: Configuration, name: string) {
    if (!isProjectName(name)) throw ditagError('bad-project-name', { project: name });
    this.name = name;
    this.folder = path.join(projectsFolder, name);
    this.file = path.join(this.folder, `${name}.yml`);
  }

  get exists(): boolean {
    return fs.existsSync(this.file);
  }

  /** Throws `unknown-project` where there is none. */
  assertExists(): void {
    if (this.exists) return;
    const projects = path.dirname(this.folder);
    const others = namesIn(projects);
    const known = others.length === 0 ? ': there is none yet' : `; there are: ${others.join(', ')}`;
    throw ditagError('unknown-project', { project: this.name, folder: projects, known });
  }

  /** A file beside the YAML. */
  beside(ending: string): string {
    return path.join(this.folder, `${this.name}${ending}`);
  }

  /** With where its index is. Throws `bad-config`. */
  async read(): Promise<ProjectSettings & { readonly databasePath: string }> {
    const { parse } = await import('yaml');
    let found: unknown;
    try {
      // As text: 0012 and a number of 21 digits stay what they are.
      found = this.exists ? parse(fs.readFileSync(this.file, 'utf8'), { schema: 'failsafe', logLevel: 'error' }) : {};
    } catch (error) {
      throw ditagError('bad-config', { config: this.file, reason: (error as Error).message.split('\n')[0]! }, error);
    }
    const settings = this.keysOf(found, 'it');
    const setting = (of: Readonly<Record<string, unknown>>, key: string) => {
      const value = of[key] ?? '';
      if (typeof value !== 'string') throw this.wrong(`${key} has to be a text`);
      return value === '' ? undefined : value;
    };
    const pacs = this.keysOf(settings['pacs'], 'pacs');
    const of = (key: string, as: string) => (setting(pacs, key) === undefined ? {} : { [as]: setting(pacs, key)! });
    const absolute = (value: string | undefined) =>
      value === undefined ? undefined : path.resolve(this.folder, expandHome(value));
    return {
      pacs: { ...of('host', 'destination'), ...of('port', 'port'), ...of('aetitle', 'aetitle') },
      targetList: absolute(setting(settings, 'target_list')),
      databasePath: absolute(setting(settings, 'database_path')) ?? this.beside('.db'),
      costPerStudy: setting(settings, 'cost_per_study'),
    };
  }

  /** Nothing is no keys. Throws `bad-config`. */
  private keysOf(found: unknown, what: string): Readonly<Record<string, unknown>> {
    if (found === undefined || found === null || found === '') return {};
    if (typeof found === 'object' && !Array.isArray(found)) return found as Record<string, unknown>;
    throw this.wrong(`${what} has to be keys with values`);
  }

  private wrong(reason: string) {
    return ditagError('bad-config', { config: this.file, reason });
  }

  /** Throws `bad-config`, `cannot-write`. */
  async change(changes: ProjectChanges): Promise<void> {
    const { parseDocument, Scalar } = await import('yaml');
    const before = this.exists ? fs.readFileSync(this.file, 'utf8') : '';
    const document = parseDocument(before);
    const quoted = (value: string) => Object.assign(new Scalar(value), { type: Scalar.QUOTE_SINGLE });
    const { pacs, ...others } = changes;
    if (pacs !== undefined) {
      document.setIn(['pacs', 'host'], pacs.host);
      document.setIn(['pacs', 'port'], Number(pacs.port));
      document.setIn(['pacs', 'aetitle'], quoted(pacs.aetitle));
    }
    for (const [key, value] of Object.entries(others)) if (value !== undefined) document.set(key, quoted(value));
    if (!document.has('database_path')) document.set('database_path', quoted(this.beside('.db')));
    const text = document.toString();
    if (text !== before) replaceFile(this.file, text);
  }
}

/** Names of the projects on this machine, ascending. */
export function projectNames({ projectsFolder }: Configuration): string[] {
  return namesIn(projectsFolder);
}

function namesIn(folder: string): string[] {
  return listFolders(folder).filter((name) => fs.existsSync(path.join(folder, name, `${name}.yml`)));
}

/** The index file of a project. Throws `bad-project-name`, `unknown-project`, `bad-config`. */
export async function projectDatabase(configuration: Configuration, project: string): Promise<string> {
  const file = new ProjectFile(configuration, project);
  file.assertExists();
  return (await file.read()).databasePath;
}
