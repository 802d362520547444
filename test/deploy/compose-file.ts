// docker-compose.yml as tests see it: variables replaced by their defaults, anchors and merges resolved, and the paths
// of a container led back to what is mounted there.
import fs from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

export const PROJECT = path.resolve(import.meta.dirname, '../..');

export interface ComposeService {
  readonly image: string;
  readonly command?: readonly string[];
  readonly user?: string;
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly privileged?: boolean;
  readonly network_mode?: string;
  readonly container_name?: string;
  readonly cap_add?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly secrets?: readonly (string | { readonly source: string; readonly target: string })[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly disable?: boolean; readonly test?: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

export const COMPOSE_TEXT = fs.readFileSync(path.join(PROJECT, 'docker-compose.yml'), 'utf8');

const VARIABLE = /\$\{(\w+)(?::-([^}]*))?\}/g;

/** The variables that the file uses, with their defaults. */
export function usedVariables(): Map<string, string | undefined> {
  return new Map(Array.from(COMPOSE_TEXT.matchAll(VARIABLE), ([, name, value]) => [name!, value] as const));
}

/** The file as it is without a .env. */
export function readCompose(): ComposeFile {
  return parse(
    COMPOSE_TEXT.replace(VARIABLE, (_, _name, value: string | undefined) => value ?? ''),
    { merge: true },
  );
}

/** Services of ditag that run on. */
export const SERVICES = ['indexer', 'api', 'scanner', 'dimse-gateway'] as const;

/** What a service sees at which path; `volumes` and `secrets` are folders that stand for named volumes and secrets. */
export function mountsOf(
  compose: ComposeFile,
  service: ComposeService,
  stand: { readonly volumes: string; readonly secrets: string },
): Map<string, string> {
  const mounts = new Map<string, string>();
  for (const volume of service.volumes ?? []) {
    const [source, target] = volume.split(':') as [string, string];
    mounts.set(target, source.startsWith('.') ? path.join(PROJECT, source) : path.join(stand.volumes, source));
  }
  for (const secret of service.secrets ?? []) {
    const { source, target } = typeof secret === 'string' ? { source: secret, target: secret } : secret;
    const file = path.join(stand.secrets, path.basename(compose.secrets[source]!.file));
    mounts.set(path.isAbsolute(target) ? target : `/run/secrets/${target}`, file);
  }
  return mounts;
}

/** A text of the file with each mounted path replaced by what is mounted there. */
export function outside(text: string, mounts: ReadonlyMap<string, string>): string {
  for (const [target, source] of mounts) text = text.replaceAll(target, source);
  return text;
}
