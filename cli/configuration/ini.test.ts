// The configuration file is read as Python's configparser reads it (checked against it where python3 is there), and
// edits change nothing but what they are about.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { isHere } from '../../scripts/parts/parts.ts';
import { IniFile } from './ini.ts';

test('keys, separators, comments, continuation, inheritance, interpolation', () => {
  const ini = new IniFile(
    [
      '# a comment',
      '[DEFAULT]',
      'Database = /x/dicom.db',
      'archive_path:/mnt/a b = c',
      'empty =',
      'percent = 100%%',
      'home = /home/me',
      'inside = %(home)s/x',
      'long = one',
      '   two',
      '; another',
      '[PACS]',
      'port=104',
      'database = own',
      'derived = %(home)s:%(port)s',
    ].join('\n'),
  );
  const got = (section: string, key: string) => ini.get(section, key);
  assert.equal(got('DEFAULT', 'database'), '/x/dicom.db');
  assert.equal(got('DEFAULT', 'DATABASE'), '/x/dicom.db');
  assert.equal(got('DEFAULT', 'archive_path'), '/mnt/a b = c');
  assert.equal(got('DEFAULT', 'empty'), '');
  assert.equal(got('DEFAULT', 'percent'), '100%');
  assert.equal(got('DEFAULT', 'inside'), '/home/me/x');
  assert.equal(got('DEFAULT', 'long'), 'one\ntwo');
  assert.equal(got('PACS', 'port'), '104');
  assert.equal(got('PACS', 'database'), 'own');
  assert.equal(got('PACS', 'inside'), '/home/me/x');
  assert.equal(got('PACS', 'derived'), '/home/me:104');
  assert.equal(got('PACS', 'nothing'), undefined);
  assert.equal(got('Other', 'port'), undefined);
});

test('text that is not INI names its line', () => {
  assert.throws(() => new IniFile('[DEFAULT]\nwhat is this\n'), /line 2/);
  assert.throws(() => new IniFile('key = value\n'), /line 1/);
});

test('set changes one line, adds to a section, adds a section', () => {
  const text = '# top\n[DEFAULT]\n; note\nDatabase : old\n  and more\nother = 1\n\n[PACS]\nport = 104\n';
  const ini = new IniFile(text);
  ini.set('DEFAULT', 'database', 'new');
  ini.set('DEFAULT', 'archive_path', '/50%/x');
  ini.set('PACS', 'aetitle', 'AE');
  ini.set('New', 'x', '1');
  const expected =
    '# top\n[DEFAULT]\n; note\ndatabase = new\nother = 1\narchive_path = /50%%/x\n\n[PACS]\nport = 104\naetitle = AE\n\n[New]\nx = 1\n';
  assert.equal(ini.toString(), expected);
  assert.equal(new IniFile(expected).get('DEFAULT', 'archive_path'), '/50%/x');
  assert.equal(new IniFile('').toString(), '');
  const made = new IniFile('');
  made.set('DEFAULT', 'a', 'b');
  assert.equal(made.toString(), '[DEFAULT]\na = b\n');
});

test('what was set comes back, whatever it is', () => {
  const value = fc
    .string({ unit: 'grapheme' })
    .map((text) => text.replace(/[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]/g, '').trim());
  fc.assert(
    fc.property(value, value, (first, second) => {
      const ini = new IniFile('[DEFAULT]\nkept = yes\n');
      ini.set('DEFAULT', 'database', first);
      ini.set('DEFAULT', 'database', second);
      const read = new IniFile(ini.toString());
      assert.equal(read.get('DEFAULT', 'database'), second);
      assert.equal(read.get('DEFAULT', 'kept'), 'yes');
    }),
  );
});

const ORACLE = `
import configparser, json, sys
out = []
for text in json.load(sys.stdin):
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text)
        out.append({s: {k: parser[s][k] for k in parser[s]} for s in ['DEFAULT', *parser.sections()]})
    except configparser.Error:
        out.append(None)
json.dump(out, sys.stdout)
`;

test('agrees with configparser on what that accepts', (t) => {
  const hasPython = spawnSync('python3', ['-c', 'import configparser']).status === 0;
  if (!isHere(t, hasPython, 'python3 is not here (apt-get install python3)')) return;
  const line = fc.oneof(
    fc.constantFrom(
      '',
      '# note',
      '; note',
      '  # note',
      '[DEFAULT]',
      '[PACS]',
      '[Other one]',
      '  indented',
      '\tmore',
      '[PACS] ; note',
      'Key',
      ' [PACS]',
    ),
    fc
      .tuple(
        fc.constantFrom('', '', '', '  '),
        fc.constantFrom('a', 'B', 'long key', 'c-d', 'e.f'),
        fc.constantFrom('=', ' = ', ':', ' : ', '  ='),
        fc.constantFrom(
          '',
          'v',
          'x = y',
          'x: y',
          '100%%',
          '%(a)s!',
          ' padded ',
          '# no comment',
          'v ; no comment',
          '"q"',
          '[x]',
        ),
      )
      .map((parts) => parts.join('')),
  );
  const texts = fc.sample(
    fc.array(line, { maxLength: 10 }).map((lines) => `[DEFAULT]\na = 1\n${lines.join('\n')}\n`),
    { numRuns: 3000, seed: 1 },
  );
  const { stdout } = spawnSync('python3', ['-c', ORACLE], {
    input: JSON.stringify(texts),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const answers = JSON.parse(stdout) as (Record<string, Record<string, string>> | null)[];
  let compared = 0;
  const different: string[] = [];
  texts.forEach((text, i) => {
    const expected = answers[i];
    if (expected === null || expected === undefined) return;
    compared++;
    for (const [section, values] of Object.entries(expected)) {
      for (const [key, value] of Object.entries(values)) {
        let own: string | undefined;
        try {
          own = new IniFile(text).get(section, key);
        } catch (error) {
          own = `refused: ${(error as Error).message}`;
        }
        if (own !== value)
          different.push(
            `${JSON.stringify(text)}: [${section}] ${key} is ${JSON.stringify(own)}, not ${JSON.stringify(value)}`,
          );
      }
    }
  });
  assert.ok(compared > 300, `${compared} texts that configparser accepts`);
  const shortest = [...new Set(different)].sort((a, b) => a.length - b.length);
  assert.deepEqual(shortest.slice(0, 12), [], `${different.length} differences in ${compared} texts`);
});

test('a value that names itself, or goes round in a circle, ends', () => {
  const ini = new IniFile('[a]\nx = <%(x)s>\ny = %(z)s\nz = %(y)s\n');
  assert.match(ini.get('a', 'x')!, /^<+%\(x\)s>+$/);
  assert.match(ini.get('a', 'y')!, /^%\([yz]\)s$/);
});
