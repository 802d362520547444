/** The table of transfer syntaxes is whole, and its exceptions are those of PS3.5. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allUids } from './dictionary.ts';
import { allTransferSyntaxes, transferSyntax } from './transfer-syntaxes.ts';

const suffixes = (accept: (uid: string) => boolean): string[] =>
  [...allTransferSyntaxes().keys()].filter(accept).map((uid) => uid.replace('1.2.840.10008.1.', ''));

test('every transfer syntax of PS3.6 is in it', () => {
  const listed = [...allUids().values()].filter(({ type }) => type === 'Transfer Syntax');
  assert.equal(listed.length, 59);
  for (const { uid, name, retired } of listed) {
    assert.equal(transferSyntax(uid)?.name, name);
    assert.equal(transferSyntax(uid)?.retired, retired);
  }
  assert.equal(transferSyntax('1.2.3'), undefined);
  assert.equal(transferSyntax(''), undefined);
});

test('what the exceptions are', () => {
  const table = allTransferSyntaxes();
  assert.deepEqual(
    suffixes((uid) => table.get(uid)?.byteOrder === 'big'),
    ['2.2'],
  );
  assert.deepEqual(suffixes((uid) => !table.get(uid)?.explicitVr).sort(), ['1.2.840.113619.5.2', '2', '20']);
  assert.deepEqual(suffixes((uid) => table.get(uid)?.deflated === true).sort(), ['2.1.99', '2.4.205', '2.4.95']);
  const native = ['1.2.840.113619.5.2', '2', '2.1', '2.1.99', '2.2', '2.4.204', '2.4.205', '2.4.94', '2.4.95'];
  native.push('2.6.1', '2.6.2', '2.7.1', '2.7.2', '2.7.3', '20');
  assert.deepEqual(suffixes((uid) => !table.get(uid)?.encapsulated).sort(), native);
  assert.deepEqual(suffixes((uid) => table.get(uid)?.pixelByteOrder === 'big').sort(), ['1.2.840.113619.5.2', '2.2']);
});

test('encapsulated ones, old and new', () => {
  for (const suffix of ['1.98', '4.50', '4.70', '4.80', '4.90', '4.100.1', '4.108', '4.201', '4.110', '5', '8.1']) {
    const syntax = transferSyntax(`1.2.840.10008.1.2.${suffix}`);
    const { byteOrder, explicitVr, deflated, encapsulated } = syntax ?? {};
    assert.deepEqual({ byteOrder, explicitVr, deflated, encapsulated }, encapsulatedSyntax, suffix);
  }
});

const encapsulatedSyntax = { byteOrder: 'little', explicitVr: true, deflated: false, encapsulated: true };
