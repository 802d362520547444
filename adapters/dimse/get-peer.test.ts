// Without the role of an SCP a requestor of a C-GET takes nothing, and is told that it was for this.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Association } from './association.ts';
import { GetPeer } from './get-peer.ts';

const [CT, MR, OTHER] = ['1.2.840.10008.5.1.4.1.1.2', '1.2.840.10008.5.1.4.1.1.4', '1.2.840.10008.5.1.4.1.1.7'];

test('a class that was agreed on without the role is refused for that', async () => {
  const agreed = [CT, MR].map((abstractSyntax, i) => {
    return [2 * i + 1, { id: 2 * i + 1, abstractSyntax, transferSyntax: '1.2.840.10008.1.2' }] as const;
  });
  const association = { contexts: new Map(agreed), isOpen: true } as unknown as Association;
  const over = await new GetPeer(association, new Set([MR])).open();
  assert.deepEqual([over.accepted(CT), over.accepted(MR)], [[], ['1.2.840.10008.1.2']]);
  assert.match(over.refusal!(CT)!, /did not propose the SCP role/);
  assert.deepEqual([over.refusal!(MR), over.refusal!(OTHER)], [undefined, undefined]);
});
