// What a query does that has no end, at a PACS that is played.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Identifier, identifierOf } from '../dimse/identifier.ts';
import { DitagError, ditagError } from '../errors/errors.ts';
import type { Pacs } from '../ports/pacs.ts';
import { PacsAsker } from './pacs-asker.ts';

/** A PACS that answers every 10 ms, with the study that `study` says, until it is told to stop; or so many times. */
function answering(study: (n: number) => string, most = Number.POSITIVE_INFINITY) {
  let asked = 0;
  const queries = async () => {
    let isOpen = true;
    return {
      get isOpen() {
        return isOpen;
      },
      find: async (_: Identifier, onAnswer: (answer: Identifier) => void) => {
        asked++;
        for (let n = 0; n < most; n++) {
          if (!isOpen) throw ditagError('association-given-up', { peer: 'PACS', reason: 'played' });
          onAnswer(identifierOf({ StudyInstanceUID: study(n) }));
          await sleep(10);
        }
        return 0;
      },
      abort: () => void (isOpen = false),
      close: async () => {},
    };
  };
  return { pacs: { queries } as unknown as Pacs, asked: () => asked };
}

test('a query that says the same again and again is broken off, and fails at last', { timeout: 30_000 }, async () => {
  const { pacs, asked } = answering(() => '1.2');
  const asker = new PacsAsker(pacs, new AbortController().signal, 100);
  await assert.rejects(asker.ask(new Map()), (error) => error instanceof DitagError);
  assert.equal(asked(), 4);
});

test('one that says something new each time is not', async () => {
  const { pacs } = answering((n) => `1.${n}`, 30);
  const asker = new PacsAsker(pacs, new AbortController().signal, 100);
  assert.equal((await asker.ask(new Map())).answers.length, 30);
});
