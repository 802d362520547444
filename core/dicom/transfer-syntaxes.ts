/**
 * The transfer syntaxes of PS3.6 Annex A and one private of GE: how a data set is written (PS3.5 section 10, Annex A).
 * Derived from the generated UIDs; only what is not "explicit VR little endian, encapsulated" (PS3.5 A.4) is said here.
 * Reading the data set is in header-reader.ts; pixel data are never decoded here.
 */
import { allUids } from './dictionary.ts';

/** One transfer syntax. */
export interface TransferSyntax {
  readonly uid: string;
  readonly name: string;
  readonly byteOrder: 'little' | 'big';
  readonly explicitVr: boolean;
  /** The data set behind the file meta information is one raw deflate stream (PS3.5 A.5). */
  readonly deflated: boolean;
  /** Pixel Data is a sequence of fragments of undefined length (PS3.5 A.4). */
  readonly encapsulated: boolean;
  /** Byte order of native Pixel Data: differs from `byteOrder` only for the private syntax of GE. */
  readonly pixelByteOrder: 'little' | 'big';
  readonly retired: boolean;
}

type Rule = Partial<Omit<TransferSyntax, 'uid' | 'name' | 'retired'>>;

const native: Rule = { encapsulated: false };
const implicit: Rule = { encapsulated: false, explicitVr: false };
const deflated: Rule = { encapsulated: false, deflated: true };

/**
 * The exceptions; every other transfer syntax of PS3.6 is explicit VR little endian with encapsulated pixel data.
 * Native here also means "no pixel data in the file at all".
 */
const rules: Readonly<Record<string, Rule>> = {
  '1.2.840.10008.1.2': implicit, // PS3.5 A.1
  '1.2.840.10008.1.2.1': native, // A.2
  '1.2.840.10008.1.2.1.99': deflated, // A.5
  '1.2.840.10008.1.2.2': { ...native, byteOrder: 'big', pixelByteOrder: 'big' }, // A.3, retired
  '1.2.840.10008.1.2.4.94': native, // A.6 JPIP Referenced: a URL stands for the pixels
  '1.2.840.10008.1.2.4.95': deflated, // A.7 JPIP Referenced Deflate
  '1.2.840.10008.1.2.4.204': native, // JPIP HTJ2K Referenced
  '1.2.840.10008.1.2.4.205': deflated, // JPIP HTJ2K Referenced Deflate
  '1.2.840.10008.1.2.6.1': native, // RFC 2557 MIME: retired, wraps a data set
  '1.2.840.10008.1.2.6.2': native, // XML: retired, no data set in this sense
  '1.2.840.10008.1.2.7.1': native, // SMPTE ST 2110 (DICOM-RTV, PS3.22): the video is a stream of its own
  '1.2.840.10008.1.2.7.2': native,
  '1.2.840.10008.1.2.7.3': native,
  '1.2.840.10008.1.20': implicit, // Papyrus 3, retired
  '1.2.840.113619.5.2': { ...implicit, pixelByteOrder: 'big' }, // GE
};

/** In PS3.6 or in use, but not in the generated UIDs: [UID, name]. */
const added: readonly (readonly [uid: string, name: string])[] = [
  ['1.2.840.10008.1.2.4.110', 'JPEG XL Lossless'],
  ['1.2.840.10008.1.2.4.111', 'JPEG XL JPEG Recompression'],
  ['1.2.840.10008.1.2.4.112', 'JPEG XL'],
  ['1.2.840.10008.1.2.8.1', 'Deflated Image Frame Compression'],
  ['1.2.840.113619.5.2', 'GE Private Implicit VR Little Endian with Big Endian Pixel Data'],
];

function makeEntry(uid: string, name: string, retired: boolean): TransferSyntax {
  const {
    byteOrder = 'little',
    explicitVr = true,
    deflated: deflatedSet = false,
    encapsulated = true,
  } = rules[uid] ?? {};
  const pixelByteOrder = rules[uid]?.pixelByteOrder ?? 'little';
  return { uid, name, byteOrder, explicitVr, deflated: deflatedSet, encapsulated, pixelByteOrder, retired };
}

let table: Map<string, TransferSyntax> | undefined;

/** All transfer syntaxes by UID. */
export function allTransferSyntaxes(): ReadonlyMap<string, TransferSyntax> {
  if (!table) {
    table = new Map(added.map(([uid, name]) => [uid, makeEntry(uid, name, false)]));
    for (const { uid, type, name, retired } of allUids().values()) {
      if (type === 'Transfer Syntax') table.set(uid, makeEntry(uid, name, retired));
    }
  }
  return table;
}

/** The transfer syntax with this UID (without padding); undefined if it is unknown. */
export function transferSyntax(uid: string): TransferSyntax | undefined {
  return allTransferSyntaxes().get(uid);
}

/** Whether this may be the UID of a transfer syntax that is none of PS3.6: a private one, or a newer one. */
export function isForeignSyntax(uid: string): boolean {
  return (
    /^[0-9]+(?:\.[0-9]+)+$/.test(uid) && uid.length <= 64 && !allUids().has(uid) && transferSyntax(uid) === undefined
  );
}

/** One of which nothing but the encoding of its data sets is known; its pixel data are taken for encapsulated, so nobody changes them. */
export function foreignSyntax(
  uid: string,
  { littleEndian, explicitVr, deflated: isDeflated }: { littleEndian: boolean; explicitVr: boolean; deflated: boolean },
): TransferSyntax {
  const byteOrder = littleEndian ? 'little' : 'big';
  const how = { byteOrder, explicitVr, deflated: isDeflated, encapsulated: true, pixelByteOrder: byteOrder } as const;
  return { uid, name: uid, ...how, retired: false };
}
