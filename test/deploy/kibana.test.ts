// What is imported into Kibana holds together: whatever an object refers to is there.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

interface SavedObject {
  readonly id: string;
  readonly type: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly references: readonly { readonly id: string; readonly name: string; readonly type: string }[];
}

const file = path.join(import.meta.dirname, '../../deploy/kibana/ditag.ndjson');
const objects = fs
  .readFileSync(file, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as SavedObject);

test('it is a data view, its visualizations, and a dashboard of them', () => {
  const known = new Set(objects.map(({ type, id }) => `${type} ${id}`));
  assert.equal(known.size, objects.length);
  for (const { id, references } of objects)
    for (const one of references) assert.ok(known.has(`${one.type} ${one.id}`), `${id}: ${one.id}`);
  const dashboard = objects.find(({ type }) => type === 'dashboard')!;
  const panels = JSON.parse(dashboard.attributes['panelsJSON'] as string) as {
    panelRefName: string;
    panelIndex: string;
    gridData: { x: number; w: number };
  }[];
  assert.deepEqual(
    panels.map(({ panelIndex, panelRefName }) => `${panelIndex}:${panelRefName}`),
    dashboard.references.map(({ name }) => name),
  );
  for (const { gridData } of panels) assert.ok(gridData.x + gridData.w <= 48);
  assert.match(String(dashboard.attributes['description']), /not tried on a real Kibana/);
});
