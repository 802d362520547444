// A project's YAML as people edit it: what is not of the form that it has to be is named, with its file.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../../test/cli/run-ditag.ts';
import type { Configuration } from './configuration.ts';
import { ProjectFile } from './project-settings.ts';

test('keys that hold something else than a text are refused, and none is passed over', async (t) => {
  const projectsFolder = temporaryFolder(t);
  const read = (text: string) => {
    fs.mkdirSync(path.join(projectsFolder, 'trial'), { recursive: true });
    fs.writeFileSync(path.join(projectsFolder, 'trial', 'trial.yml'), text);
    return new ProjectFile({ projectsFolder } as Configuration, 'trial').read();
  };
  const said = await read('pacs: {host: pacs, port: 0104, aetitle: "A"}\ncost_per_study: 0.50\ntarget_list:\n');
  assert.deepEqual(said.pacs, { destination: 'pacs', port: '0104', aetitle: 'A' });
  assert.deepEqual([said.costPerStudy, said.targetList], ['0.50', undefined]);
  for (const empty of ['', '# nothing\n', 'pacs:\n']) assert.deepEqual((await read(empty)).pacs, {});
  const wrong: [string, RegExp][] = [
    ['- a\n', /trial\.yml is not valid: it has to be keys with values/],
    ['pacs: 5\n', /pacs has to be keys with values/],
    ['pacs: {host: [a, b]}\n', /host has to be a text/],
    ['cost_per_study: {a: 1}\n', /cost_per_study has to be a text/],
  ];
  for (const [text, message] of wrong) await assert.rejects(read(text), { code: 'bad-config', message });
});
