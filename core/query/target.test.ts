import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DitagError } from '../errors/errors.ts';
import { parseTarget, parseTargets, type TargetStep, targetText } from './target.ts';

test('every way to name a tag', async () => {
  const names: [string, TargetStep[], number?][] = [
    ['SeriesDescription', [], 1],
    [' StudyDescription ', [], 0],
    ['(0008,103E)', [{ key: '0008103E' }], 1],
    ['0008103e', [{ key: '0008103E' }], 1],
    ['( 0008 , 103e )', [{ key: '0008103E' }], 1],
    ['0008,103E', [{ key: '0008103E' }], 1],
    ['EchoTime', [{ key: '00180081' }], -1],
    ['(0019,1010)', [{ key: '00191010', block: { creatorKey: '00190010', prefix: '0019xx10:' } }], -1],
    ['(0019,xx10,GEMS_ACQU_01)', [{ key: '0019xx10:GEMS_ACQU_01' }], -1],
    ['(0019,XX0a, A, B (c) )', [{ key: '0019xx0A:A, B (c)' }], -1],
    ['(0019,10,ACME)', [{ key: '0019xx10:ACME' }], -1],
    ['RequestAttributesSequence.ScheduledProcedureStepID', [{ key: '00400275' }, { key: '00400009' }], -1],
    ['RequestAttributesSequence[3].(0040,0009)', [{ key: '00400275', item: 3 }, { key: '00400009' }], -1],
    [
      '(0040,0275)[0].(0019,xx10,A.B)[12].00080100',
      [{ key: '00400275', item: 0 }, { key: '0019xx10:A.B', item: 12 }, { key: '00080100' }],
      -1,
    ],
  ];
  for (const [name, path, attribute] of names) {
    const target = await parseTarget(name);
    assert.equal(target.name, name.trim());
    if (path.length > 0) assert.deepEqual(target.path, path, name);
    assert.equal(target.attribute, attribute, name);
  }
  for (const name of ['SeriesInstanceUID', '(0020,000E)', '0020000e'])
    assert.equal((await parseTarget(name)).isSeriesInstanceUID, true, name);
});

test('Issues is no tag', async () => {
  const { name, attribute, isIssues, path } = await parseTarget(' Issues ');
  assert.deepEqual({ name, attribute, isIssues, path }, { name: 'Issues', attribute: -1, isIssues: true, path: [] });
  assert.equal((await parseTarget('Modality')).isIssues, false);
  await assert.rejects(parseTarget('Issues.Modality'), { code: 'unknown-tag' });
});

test('lists are cut at commas outside parentheses', async () => {
  const names = async (text: string) => (await parseTargets(text)).map((target) => target.name);
  assert.deepEqual(await names('PatientID,(0008,103E), (0019,xx10,A, B),00180081,'), [
    'PatientID',
    '(0008,103E)',
    '(0019,xx10,A, B)',
    '00180081',
  ]);
  assert.deepEqual(await names(' , '), []);
});

test('what is no tag is refused, with a hint', async () => {
  const wrong: [string, RegExp][] = [
    ['issues', /Did you mean Issues\?/],
    ['Issues[0]', /Issues is no tag: write it alone/],
    ['RequestAttributesSequence.Issues', /Issues is no tag: write it alone/],
    ['SeriesDescripton', /Did you mean SeriesDescription\?/],
    ['seriesdescription', /Did you mean SeriesDescription\?/],
    ['', /Give a keyword/],
    ['(0008,103)', /Give a keyword/],
    ['(0008,103E', /Give a keyword/],
    ['0008103E)', /Give a keyword/],
    ['RequestAttributesSequence.Nonsense zzz', /Nonsense zzz \(in RequestAttributesSequence\.Nonsense zzz\)/],
    ['(0018,xx10,ACME)', /Group 0018 is even/],
    ['PatientName[x]', /PatientName/],
    ['PatientName.', /./],
    ['PatientID[2]', /PatientID is no sequence but LO: it has no items\. Write PatientID alone/],
    ['(0010,0020)[0]', /PatientID is no sequence/],
    ['PatientName.PatientID', /PatientName is no sequence but PN/],
    ['RequestAttributesSequence.AccessionNumber[1]', /AccessionNumber is no sequence but SH/],
  ];
  for (const [name, message] of wrong) {
    await assert.rejects(
      parseTarget(name),
      (error) =>
        error instanceof DitagError &&
        error.code === 'unknown-tag' &&
        error.exitCode === 2 &&
        message.test(error.message),
      name,
    );
  }
});

test('the text of a target in what a header keeps', async () => {
  const kept = JSON.stringify([
    { '00400009': 'A', '00400008': [{ '00080100': 'c1' }, { '00080100': 'c2' }] },
    { '00400009': 'B', '00191010': '\0bytes 4000' },
    { '00400008': [{ '00080100': 'c3' }] },
    7,
  ]);
  const text = async (name: string) => targetText(kept, (await parseTarget(name)).path);
  assert.equal(await text('RequestAttributesSequence.ScheduledProcedureStepID'), 'A\\B');
  assert.equal(await text('RequestAttributesSequence[1].ScheduledProcedureStepID'), 'B');
  assert.equal(await text('RequestAttributesSequence[2].ScheduledProcedureStepID'), '');
  assert.equal(await text('RequestAttributesSequence[9].ScheduledProcedureStepID'), '');
  assert.equal(await text('RequestAttributesSequence.ScheduledProtocolCodeSequence.CodeValue'), 'c1\\c2\\c3');
  assert.equal(await text('RequestAttributesSequence.ScheduledProtocolCodeSequence[0].CodeValue'), 'c1\\c3');
  assert.equal(await text('RequestAttributesSequence[0].ScheduledProtocolCodeSequence[1].CodeValue'), 'c2');
  assert.equal(await text('RequestAttributesSequence.(0019,1010)'), '');
  const steps = [{ key: '00400275' }, { key: '00400009' }, { key: '00080100' }];
  assert.equal(targetText(kept, steps), '', 'a text where a sequence should be');
  assert.equal(targetText('\0bytes 12', (await parseTarget('EchoTime')).path), '');
  assert.equal(targetText('\0cut 9000:start', (await parseTarget('EchoTime')).path), 'start');
  assert.equal(targetText('plain', (await parseTarget('EchoTime')).path), 'plain');
  assert.equal(targetText('plain', (await parseTarget('RequestAttributesSequence.EchoTime')).path), '');
  assert.equal(targetText('', (await parseTarget('RequestAttributesSequence.EchoTime')).path), '');
});

test('text that only looks like a sequence', async () => {
  // A text value may start with a bracket; a path into it finds nothing and does not fail.
  assert.equal(targetText('[not json', (await parseTarget('RequestAttributesSequence.EchoTime')).path), '');
  assert.equal(targetText('[1, 2]', (await parseTarget('RequestAttributesSequence.EchoTime')).path), '');
  // A text of the file that looks like the items of a sequence.
  for (const text of ['[{"00400008":5}]', '[{"PatientID":"x"}]', '[{"00400008":[[]]}]', '[[]]'])
    assert.equal(
      targetText(text, (await parseTarget('RequestAttributesSequence.ScheduledProtocolCodeSequence.PatientName')).path),
      '',
      text,
    );
  assert.equal(targetText('[null]', (await parseTarget('RequestAttributesSequence.EchoTime')).path), '');
});

test('an item index at the end of a path is that item, not all of them', async () => {
  const kept = JSON.stringify([{ '00400009': 'A' }, { '00400009': 'B' }]);
  assert.equal(targetText(kept, (await parseTarget('RequestAttributesSequence[1]')).path), '{"00400009":"B"}');
});

test('a private element in an item is found under the creator that its block has there', async () => {
  const kept = JSON.stringify([
    { '00190010': 'ACME', '0019xx02:ACME': 'of ACME' },
    { '00190011': 'OTHER', '0019xx02:OTHER': 'of OTHER' },
    { '00191002': 'of nobody' },
  ]);
  const text = async (name: string) => targetText(kept, (await parseTarget(name)).path);
  assert.equal(await text('RequestAttributesSequence.(0019,1002)'), 'of ACME\\of nobody');
  assert.equal(await text('RequestAttributesSequence.(0019,1102)'), 'of OTHER');
  assert.equal(await text('RequestAttributesSequence.(0019,xx02,OTHER)'), 'of OTHER');
  // The creator of a block is no element of one.
  assert.equal(await text('RequestAttributesSequence.(0019,0010)'), 'ACME');
});
