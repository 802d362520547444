// What holds for every identifier, and for bytes that are none: random ones there and back, and damaged ones.
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import process from 'node:process';
import { test } from 'node:test';
import fc from 'fast-check';
import { mutated } from '../../test/fuzz/mutate.ts';
import { Random } from '../../test/random.ts';
import {
  BIG,
  EXPLICIT,
  element,
  encode,
  encodingOf,
  IMPLICIT,
  type Part,
  sequence,
} from '../../test/reader/dicom-bytes.ts';
import { namedEntries } from '../dicom/dictionary.ts';
import { transferSyntax } from '../dicom/transfer-syntaxes.ts';
import { valueRepresentation } from '../dicom/value-representations.ts';
import { type Identifier, type IdentifierElement, IdentifierError, identifierOf, splitValues } from './identifier.ts';
import { decodeIdentifier } from './identifier-decoding.ts';
import { type EncodingOptions, encodeIdentifier } from './identifier-encoding.ts';

const SYNTAXES = [IMPLICIT, EXPLICIT, BIG];
const encoded = (identifier: Identifier, syntax = EXPLICIT, options: EncodingOptions = {}) =>
  encodeIdentifier(identifier, transferSyntax(syntax)!, options);
const decoded = (bytes: Buffer, syntax = EXPLICIT) => decodeIdentifier(bytes, transferSyntax(syntax)!);
/** Bytes that others would write. */
const written = (parts: readonly Part[], syntax = EXPLICIT) => encode(parts, encodingOf(syntax));
const STUDY = { QueryRetrieveLevel: 'STUDY', StudyInstanceUID: '1.2.3', StudyDate: '', PatientName: 'Doe*' };
const UNDEFINED = { undefinedLength: true, undefinedItems: true } as const;

/** Attributes of one VR each, by VR: their VR is the same in every transfer syntax. */
const byVr = Map.groupBy(
  [...namedEntries()].filter(
    ({ tag, vrs }) => vrs.length === 1 && tag > 0x00080005 && tag >>> 16 < 0x5000 && (tag & 0xffff) > 0,
  ),
  ({ vr }) => vr,
);

function valuesOfVr(vr: string): fc.Arbitrary<readonly string[]> {
  const row = valueRepresentation(vr)!;
  const bits = BigInt(row.unit * 8);
  const numbers: Readonly<Record<string, fc.Arbitrary<string>>> = {
    f32: fc.integer({ min: -(2 ** 20), max: 2 ** 20 }).map((value) => String(value / 8)),
    f64: fc.double().map(String),
  };
  if (row.kind === 'tag') {
    const tag = fc.nat(0xffffffff).map((value) => value.toString(16).toUpperCase().padStart(8, '0'));
    return fc.array(tag, { maxLength: 3 });
  }
  if (row.format !== undefined) {
    const isSigned = row.format.startsWith('i');
    const whole = fc.bigInt(isSigned ? -(2n ** (bits - 1n)) : 0n, 2n ** (isSigned ? bits - 1n : bits) - 1n).map(String);
    return fc.array(numbers[row.format] ?? whole, { maxLength: 3 });
  }
  if (row.kind === 'bytes') return fc.constant([]);
  const ascii = 'aZ0 1.^=*?-~'.split('');
  const other = row.kind === 'text' ? 'éß\u00a0山たﾔヤЖ한𠮷\r\n'.split(/(?!\udfb7)/) : [];
  return fc.string({ unit: fc.constantFrom(...ascii, '\\', ...other) }).map((field) => splitValues(field, vr));
}

/** With sequences in sequences, down to `depth`. */
function identifiers(depth: number): fc.Arbitrary<Identifier> {
  const items = depth === 0 ? fc.constant([]) : fc.array(identifiers(depth - 1), { maxLength: 2 });
  const elementOfVr = (vr: string): fc.Arbitrary<[number, IdentifierElement]> =>
    fc.tuple(
      fc.constantFrom(...byVr.get(vr)!.map(({ tag }) => tag)),
      vr === 'SQ'
        ? items.map((found) => ({ vr: 'SQ' as const, items: found }))
        : valuesOfVr(vr).map((found) => ({ vr, values: found })),
    );
  return fc
    .array(fc.oneof(...[...byVr.keys(), 'SQ', 'SQ', 'SQ', 'PN', 'PN'].map(elementOfVr)), { maxLength: 6 })
    .map((all) => new Map<number, IdentifierElement>(all));
}

test('an identifier comes back as it went, in every transfer syntax', () => {
  const asked = fc.constantFrom(
    '',
    'ISO_IR 100',
    '\\ISO 2022 IR 87',
    'ISO 2022 IR 13\\ISO 2022 IR 87\\ISO 2022 IR 144',
  );
  const property = fc.property(
    identifiers(3),
    fc.constantFrom(...SYNTAXES),
    asked,
    (identifier, syntax, characterSet) => {
      const bytes = encoded(identifier, syntax, { characterSet });
      const found = new Map(decoded(bytes, syntax));
      found.delete(0x00080005);
      assert.deepEqual(found, identifier);
      assert.equal(bytes.length % 2, 0);
    },
  );
  fc.assert(property, { numRuns: 1000 });
});

const INPUTS = Number(process.env['DITAG_FUZZ_INPUTS'] ?? 20_000);

test('bytes that are changed or cut are an IdentifierError or other values, and nothing else', (t) => {
  const seed = Number(process.env['DITAG_SEED'] ?? Date.now() % 1e9);
  t.diagnostic(`seed ${seed}`);
  const random = new Random(seed);
  const nested = { ...STUDY, RequestAttributesSequence: [STUDY, { ReferencedStudySequence: [STUDY], Rows: '512' }] };
  const wholes = SYNTAXES.map((syntax) => [
    encoded(identifierOf({ ...nested, PatientName: 'Müller=山田' }), syntax, { characterSet: '\\ISO 2022 IR 87' }),
    encoded(identifierOf({ ...nested, PatientName: 'Müller' }), syntax, { characterSet: 'ISO_IR 100' }),
    written([sequence(0x00400275, [[element(0x00100020, 'LO', '7 ')], []], { vr: 'UN', ...UNDEFINED })], syntax),
    written([sequence(0x00400275, [[element(0x00100020, 'LO', '7 ')], []], UNDEFINED)], syntax),
  ]);
  let refused = 0;
  for (let n = 0; n < INPUTS; n++) {
    const which = random.below(SYNTAXES.length);
    const bytes = mutated(wholes[which]!, random);
    const syntax = random.chance(10) ? random.pick(SYNTAXES) : SYNTAXES[which]!;
    try {
      encoded(decoded(bytes, syntax), random.pick(SYNTAXES), { characterSet: random.pick(['', 'ISO_IR 100']) });
    } catch (error) {
      assert.ok(error instanceof IdentifierError, `seed ${seed}, input ${n}: ${String(error)}`);
      refused++;
    }
  }
  assert.ok(refused > INPUTS / 20 && refused < INPUTS - INPUTS / 20, `seed ${seed}: ${refused} were refused`);
});
