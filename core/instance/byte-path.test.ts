// Paths as a person reads them: nothing that a terminal would obey, and nothing lost.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shownPath, typedPath } from './byte-path.ts';

test('a path in UTF-8 is text, of any other the bytes are told', () => {
  assert.equal(shownPath(typedPath('Köln/山田.dcm')), 'Köln/山田.dcm');
  assert.equal(shownPath('K\xf6ln/a'), 'K\\xf6ln/a');
});

test('characters that a terminal would obey, or that turn text around, are told as their bytes', () => {
  assert.equal(shownPath('a\x1b[31m\x7f\n'), 'a\\x1b[31m\\x7f\\x0a');
  assert.equal(shownPath(typedPath('é\u009b31m\u202e\u2028')), 'é\\xc2\\x9b31m\\xe2\\x80\\xae\\xe2\\x80\\xa8');
});
