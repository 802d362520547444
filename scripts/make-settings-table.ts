// Prints the table of environment variables into docs/cluster.md, from core/settings and what each service's main.ts
// reads. `--check` compares instead of writing. The rest of the page is written by people.
import fs from 'node:fs';
import * as settings from '../core/settings/settings.ts';
import { writeOrCheck } from './write-or-check.ts';

const PAGE = 'docs/cluster.md';
const SERVICES = ['scanner', 'indexer', 'api', 'dimse-gateway'] as const;

interface Variables {
  readonly properties: Readonly<Record<string, { readonly description: string }>>;
  readonly required?: readonly string[];
}

/** The groups of core/settings by the name that services import. */
const GROUPS = Object.entries(settings as Readonly<Record<string, unknown>>).filter(([name]) =>
  name.endsWith('Variables'),
) as [string, Variables][];

/** Whether a service reads a group: its main.ts spreads it into its own. */
function reads(service: string, group: string): boolean {
  return fs.readFileSync(`services/${service}/main.ts`, 'utf8').includes(`...${group}.properties`);
}

const commands = fs.readFileSync('cli/configuration/configuration.ts', 'utf8');
const rows = GROUPS.flatMap(([group, { properties, required = [] }]) =>
  Object.entries(properties).map(([name, { description }]) => {
    const readers: string[] = SERVICES.filter((service) => reads(service, group));
    if (readers.length === 0) throw new Error(`No service reads ${group}`);
    if (commands.includes(`'${name}'`)) readers.push('commands');
    return `| \`${name}\` | ${description} | ${readers.join(', ')} | ${required.includes(name) ? 'yes' : ''} |`;
  }),
);
const table = `| variable | what | read by | services need it |\n| --- | --- | --- | --- |\n${rows.join('\n')}`;

const page = fs.readFileSync(PAGE, 'utf8');
const place = /(<!-- settings -->\n)[\s\S]*?(<!-- \/settings -->)/;
if (!place.test(page)) throw new Error(`${PAGE} has no place for the table of settings`);
writeOrCheck(
  PAGE,
  page.replace(place, (_, before: string, after: string) => `${before}\n${table}\n\n${after}`),
);
