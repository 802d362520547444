// THE table of who may ask the API what, and how each cell is tried.
import assert from 'node:assert/strict';
import { ROLES, type Role } from '../../core/access/access.ts';
import type { Ask } from './serving.ts';

/** A row a thing to ask for, with the least role that may; its answer where one may. */
type Row = readonly [method: string, where: string, body: unknown, role: Role | 'anyone', status: number];

export interface Served {
  /** Of a series that is indexed. */
  readonly uid: string;
  /** Status of its picture, and of sending it: 409 where there is no PACS. */
  readonly preview: 200 | 404;
  readonly send: 202 | 409;
}

export function mayTable({ uid, preview, send }: Served): readonly Row[] {
  return [
    ['GET', '/', undefined, 'anyone', 200],
    ['GET', '/openapi.json', undefined, 'anyone', 200],
    ['GET', '/health', undefined, 'anyone', 200],
    ['GET', '/ready', undefined, 'anyone', 200],
    ['GET', '/metrics', undefined, 'read', 200],
    ['POST', '/query', { limit: 1000 }, 'read', 200],
    ['POST', '/query', { limit: 1001 }, 'export', 200],
    ['POST', '/query', {}, 'export', 200],
    ['POST', '/rows', { rows: 1000, orderBy: 'PatientID' }, 'read', 200],
    ['POST', '/facets', { attributes: [] }, 'read', 200],
    ['GET', '/statistics', undefined, 'read', 200],
    ['GET', '/archives', undefined, 'read', 200],
    ['GET', '/archives/health', undefined, 'read', 200],
    ['GET', '/archives/skipped', undefined, 'export', 200],
    ['GET', `/series/${uid}`, undefined, 'read', 200],
    ['GET', `/series/${uid}/instances`, undefined, 'export', 200],
    ['GET', `/series/${uid}/preview.png`, undefined, 'read', preview],
    ['GET', '/studies/9.9.9', undefined, 'read', 404],
    ['GET', '/projects', undefined, 'read', 200],
    ['GET', '/projects/none/report', undefined, 'export', 404],
    ['GET', '/jobs', undefined, 'read', 200],
    ['GET', '/jobs/none', undefined, 'operate', 404],
    ['GET', '/jobs/none/results', undefined, 'operate', 404],
    ['POST', '/jobs', { operation: 'send', series: [uid] }, 'operate', send],
    ['POST', '/jobs', { operation: 'copies' }, 'operate', 202],
    ['DELETE', '/jobs/none', undefined, 'operate', 404],
    ['GET', '/trail', undefined, 'admin', 200],
  ];
}

/** Each role may do what it is for, and nothing else; without a token nothing is told. */
export async function tryEachCell(ask: Ask, tokens: ReadonlyMap<Role, string>, table: readonly Row[]): Promise<void> {
  for (const [method, where, body, needed, status] of table) {
    for (const given of [undefined, ...ROLES]) {
      const answer = await ask(method, where, { token: given && tokens.get(given)!, body });
      const isAllowed = needed === 'anyone' || (given !== undefined && ROLES.indexOf(given) >= ROLES.indexOf(needed));
      const wanted = isAllowed ? status : given === undefined ? 401 : 403;
      assert.equal(answer.status, wanted, `${method} ${where} for ${given ?? 'nobody'}: ${await answer.text()}`);
      if (wanted === 401) assert.match(answer.headers.get('www-authenticate')!, /^Bearer/);
    }
  }
}

/** Whether the table has every route that the API says it has. */
export async function assertWholeTable(ask: Ask, uid: string, table: readonly Row[]): Promise<void> {
  const { paths } = (await (await ask('GET', '/openapi.json')).json()) as { paths: Record<string, object> };
  const asked = new Set(table.map(([method, where]) => `${method.toLowerCase()} ${where}`));
  for (const [route, methods] of Object.entries(paths)) {
    // Tried by itself: it does not end.
    if (route === '/jobs/events') continue;
    const shape = route
      .replace('/series/{uid}', `/series/${uid}`)
      .replace('{uid}', '9.9.9')
      .replace(/\{\w+\}/, 'none');
    for (const method of Object.keys(methods)) assert.ok(asked.has(`${method} ${shape}`), `${method} ${route}`);
  }
  assert.ok(Object.keys(paths).length > 20);
}
