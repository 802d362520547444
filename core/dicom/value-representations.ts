/**
 * The value representations of PS3.5 section 6.2 (Table 6.2-1) as one table: length field, kind of value, padding.
 * Logic only looks up here. Reading headers is in header-reader.ts, decoding text in character-sets.ts; which VR an
 * attribute has is in dictionary.ts.
 */

/**
 * What the bytes of a value are:
 * `text` characters of the Specific Character Set (PS3.5 6.1.2.3); `plain` characters of the default repertoire only;
 * `number` binary numbers of `unit` bytes; `tag` pairs of 16-bit numbers; `bytes` anything, in words of `unit` bytes;
 * `sequence` nested items.
 */
export type ValueKind = 'text' | 'plain' | 'number' | 'tag' | 'bytes' | 'sequence';

/** How to read one binary number; the letter is the sign (u, i) or floating point (f), the digits are its bits. */
export type NumberFormat = 'u16' | 'i16' | 'u32' | 'i32' | 'u64' | 'i64' | 'f32' | 'f64';

/** One row of the table. */
export interface ValueRepresentation {
  readonly vr: string;
  readonly name: string;
  /** Bytes of the length field in explicit VR: 2, or 4 behind two reserved bytes (PS3.5 section 7.1.2). */
  readonly lengthBytes: 2 | 4;
  readonly kind: ValueKind;
  /** Bytes that are swapped together in big endian, and the size of one value if `kind` is `number` or `tag`. */
  readonly unit: 1 | 2 | 4 | 8;
  /** Only for `number`. */
  readonly format: NumberFormat | undefined;
  /** The byte that makes an odd length even: 0x20 or 0x00. */
  readonly padding: 0x20 | 0x00;
  /** Several values may stand in the element: separated by a backslash (text, plain), or one behind the other. */
  readonly multiValued: boolean;
  /** Leading blanks belong to the value (LT, ST, UT ...); where false they may be removed like trailing ones. */
  readonly leadingSpacesCount: boolean;
}

/**
 * PS3.5 Table 7.1-2: these VRs have a 16-bit length field. "For all other VRs" it has 32 bits (Table 7.1-1), so a VR
 * that is added to the standard later reads right without a change here.
 */
const shortVrs: ReadonlySet<string> = new Set(
  'AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US'.split(' '),
);

/** Bytes of the length field of a VR in explicit VR; any two letters may be asked. */
export const lengthBytesOf = (vr: string): 2 | 4 => (shortVrs.has(vr) ? 2 : 4);

type Options = Partial<Pick<ValueRepresentation, 'unit' | 'format' | 'padding' | 'multiValued' | 'leadingSpacesCount'>>;

function row(vr: string, name: string, kind: ValueKind, options: Options = {}): ValueRepresentation {
  const characters = kind === 'text' || kind === 'plain';
  return {
    vr,
    name,
    lengthBytes: lengthBytesOf(vr),
    kind,
    unit: options.unit ?? 1,
    format: options.format,
    padding: options.padding ?? (characters ? 0x20 : 0x00),
    multiValued: options.multiValued ?? (characters || kind === 'number' || kind === 'tag'),
    leadingSpacesCount: options.leadingSpacesCount ?? false,
  };
}

const number = (unit: 2 | 4 | 8, format: NumberFormat): Options => ({ unit, format });
const oneText: Options = { multiValued: false, leadingSpacesCount: true };

/** All VRs of PS3.5 Table 6.2-1, in its order. */
export const valueRepresentations: readonly ValueRepresentation[] = [
  row('AE', 'Application Entity', 'plain'),
  row('AS', 'Age String', 'plain'),
  row('AT', 'Attribute Tag', 'tag', { unit: 2 }),
  row('CS', 'Code String', 'plain'),
  row('DA', 'Date', 'plain'),
  row('DS', 'Decimal String', 'plain'),
  row('DT', 'Date Time', 'plain', { leadingSpacesCount: true }),
  row('FL', 'Floating Point Single', 'number', number(4, 'f32')),
  row('FD', 'Floating Point Double', 'number', number(8, 'f64')),
  row('IS', 'Integer String', 'plain'),
  row('LO', 'Long String', 'text'),
  row('LT', 'Long Text', 'text', oneText),
  row('OB', 'Other Byte', 'bytes'),
  row('OD', 'Other Double', 'bytes', { unit: 8 }),
  row('OF', 'Other Float', 'bytes', { unit: 4 }),
  row('OL', 'Other Long', 'bytes', { unit: 4 }),
  row('OV', 'Other 64-bit Very Long', 'bytes', { unit: 8 }),
  row('OW', 'Other Word', 'bytes', { unit: 2 }),
  row('PN', 'Person Name', 'text', { leadingSpacesCount: true }),
  row('SH', 'Short String', 'text'),
  row('SL', 'Signed Long', 'number', number(4, 'i32')),
  row('SQ', 'Sequence of Items', 'sequence'),
  row('SS', 'Signed Short', 'number', number(2, 'i16')),
  row('ST', 'Short Text', 'text', oneText),
  row('SV', 'Signed 64-bit Very Long', 'number', number(8, 'i64')),
  row('TM', 'Time', 'plain', { leadingSpacesCount: true }),
  row('UC', 'Unlimited Characters', 'text', { leadingSpacesCount: true }),
  row('UI', 'Unique Identifier', 'plain', { padding: 0x00, leadingSpacesCount: true }),
  row('UL', 'Unsigned Long', 'number', number(4, 'u32')),
  row('UN', 'Unknown', 'bytes'),
  row('UR', 'Universal Resource Identifier or Locator', 'plain', oneText),
  row('US', 'Unsigned Short', 'number', number(2, 'u16')),
  row('UT', 'Unlimited Text', 'text', oneText),
  row('UV', 'Unsigned 64-bit Very Long', 'number', number(8, 'u64')),
];

const byName: ReadonlyMap<string, ValueRepresentation> = new Map(
  valueRepresentations.map((entry) => [entry.vr, entry]),
);

/** The row of a VR by its two letters; undefined for anything that isn't a VR of the standard. */
export function valueRepresentation(vr: string): ValueRepresentation | undefined {
  return byName.get(vr);
}

/** Flag of `explicitVrFlags`: these two bytes are a VR of the standard. */
export const EXPLICIT_VR_KNOWN = 1;
/** Flag of `explicitVrFlags`: its length field has 32 bits, behind two reserved bytes. */
export const EXPLICIT_VR_LONG = 2;

/**
 * For the two bytes of a VR in the file, as a big endian number (`first << 8 | second`): 0 if they are no VR of the
 * standard, else EXPLICIT_VR_KNOWN, with EXPLICIT_VR_LONG where it applies. One read, for the loop over elements.
 */
export const explicitVrFlags: Uint8Array = new Uint8Array(0x10000);
for (const { vr, lengthBytes } of valueRepresentations) {
  const code = (vr.charCodeAt(0) << 8) | vr.charCodeAt(1);
  explicitVrFlags[code] = lengthBytes === 4 ? EXPLICIT_VR_KNOWN | EXPLICIT_VR_LONG : EXPLICIT_VR_KNOWN;
}
