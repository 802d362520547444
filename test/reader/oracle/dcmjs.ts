// What dcmjs reads of a file. Its log is silenced: it writes to the console of whoever uses it.
import type { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { type OracleElement, withoutPadding } from './oracle-rows.ts';

interface DcmjsElement {
  readonly vr: string;
  readonly Value?: unknown;
  readonly _rawValue?: unknown;
}
type DcmjsDataSet = Readonly<Record<string, DcmjsElement>>;
interface Logger {
  setLevel(level: string): void;
}
interface Dcmjs {
  readonly log: Logger & { getLogger(name: string): Logger };
  readonly data: {
    readonly DicomMessage: {
      readFile(bytes: ArrayBufferLike, options: object): { readonly meta: DcmjsDataSet; readonly dict: DcmjsDataSet };
    };
  };
}

let dcmjs: Dcmjs | undefined;

/** The elements that dcmjs reads, file meta first; or the message of what it throws. */
export function readWithDcmjs(file: Buffer): OracleElement[] | string {
  if (dcmjs === undefined) {
    dcmjs = createRequire(import.meta.url)('dcmjs') as Dcmjs;
    dcmjs.log.setLevel('silent');
    dcmjs.log.getLogger('validation.dcmjs').setLevel('silent');
  }
  const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.length);
  try {
    const options = { ignoreErrors: true, untilTag: '7FE00010', includeUntilTagValue: false };
    const { meta, dict } = dcmjs.data.DicomMessage.readFile(bytes, options);
    return [...elementsOf(meta), ...elementsOf(dict)];
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function elementsOf(dataSet: DcmjsDataSet): OracleElement[] {
  return Object.entries(dataSet)
    .map(([tag, element]) => elementOf(tag.toUpperCase(), element))
    .sort((a, b) => (a.tag < b.tag ? -1 : 1));
}

function elementOf(tag: string, { vr, Value = [], _rawValue }: DcmjsElement): OracleElement {
  const values = asList(_rawValue ?? Value);
  if (vr === 'SQ') {
    return { tag, vr, text: '', items: asList(Value).map((item) => elementsOf(item as DcmjsDataSet)) };
  }
  const bytes = values.filter((value): value is ArrayBuffer => value instanceof ArrayBuffer);
  if (bytes.length > 0) return { tag, vr, text: `bytes ${bytes.reduce((sum, { byteLength }) => sum + byteLength, 0)}` };
  return { tag, vr, text: withoutPadding(values.map((value) => textOf(value, vr)).join('\\'), vr) };
}

function textOf(value: unknown, vr: string): string {
  if (value === null || value === undefined) return '';
  if (vr === 'AT') {
    const hex = (typeof value === 'number' ? value.toString(16) : String(value)).toUpperCase().padStart(8, '0');
    return `(${hex.slice(0, 4)},${hex.slice(4)})`;
  }
  return String(value);
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}
