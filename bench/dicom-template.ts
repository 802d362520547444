/**
 * A sample file taken apart into its elements, changed, and put together again
 * as a correct file (PS3.10 chapter 7, PS3.5 chapter 7). For explicit and
 * implicit VR little endian, which is what the samples used here are. It is
 * apart from core/dicom on purpose: a benchmark must not write its archives
 * with the code that it measures.
 */

/** One top-level element with its value as it stands in the file. */
export interface Element {
  tag: number;
  /** Two letters; '' in implicit VR. */
  vr: string;
  /** Of undefined length: the value then ends with its delimitation item. */
  undefinedLength: boolean;
  value: Buffer;
}

export interface Template {
  implicit: boolean;
  meta: Element[];
  dataset: Element[];
}

/** PS3.5 7.1.2: these have two reserved bytes and a length of four bytes. */
const longLength = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'SQ', 'SV', 'UC', 'UN', 'UR', 'UT', 'UV']);
const undefinedLength = 0xffffffff;
const item = 0xfffee000;
const itemDelimitation = 0xfffee00d;
const sequenceDelimitation = 0xfffee0dd;
const pixelData = 0x7fe00010;
const trailingPadding = 0xfffcfffc;

/** More than this is added to the pixel data instead. */
const MOST_PADDING = 64 * 1024;

interface Head {
  tag: number;
  vr: string;
  length: number;
  next: number;
}

function readHead(bytes: Buffer, at: number, implicit: boolean): Head {
  const tag = ((bytes.readUInt16LE(at) << 16) | bytes.readUInt16LE(at + 2)) >>> 0;
  if (implicit || tag >>> 16 === 0xfffe) return { tag, vr: '', length: bytes.readUInt32LE(at + 4), next: at + 8 };
  const vr = bytes.toString('latin1', at + 4, at + 6);
  if (longLength.has(vr)) return { tag, vr, length: bytes.readUInt32LE(at + 8), next: at + 12 };
  return { tag, vr, length: bytes.readUInt16LE(at + 6), next: at + 8 };
}

/** Where a value of undefined length ends, its delimitation item included. */
function endOfUndefined(bytes: Buffer, start: number, implicit: boolean, delimiter: number): number {
  let at = start;
  for (;;) {
    const head = readHead(bytes, at, implicit);
    at = head.next;
    if (head.tag === delimiter) return at;
    if (head.length !== undefinedLength) at += head.length;
    else at = endOfUndefined(bytes, at, implicit, head.tag === item ? itemDelimitation : sequenceDelimitation);
  }
}

function readElements(
  bytes: Buffer,
  start: number,
  implicit: boolean,
  until: (tag: number) => boolean,
): [Element[], number] {
  const elements: Element[] = [];
  let at = start;
  while (at + 8 <= bytes.length) {
    const head = readHead(bytes, at, implicit);
    if (until(head.tag)) break;
    const unknown = head.length === undefinedLength;
    const end = unknown ? endOfUndefined(bytes, head.next, implicit, sequenceDelimitation) : head.next + head.length;
    elements.push({ tag: head.tag, vr: head.vr, undefinedLength: unknown, value: bytes.subarray(head.next, end) });
    at = end;
  }
  return [elements, at];
}

/** Takes a file apart. */
export function readTemplate(bytes: Buffer): Template {
  if (bytes.toString('latin1', 128, 132) !== 'DICM') throw new Error('A template needs the prefix DICM');
  const [meta, start] = readElements(bytes, 132, false, (tag) => tag >>> 16 !== 2);
  const syntax = meta
    .find((element) => element.tag === 0x00020010)
    ?.value.toString('latin1')
    .replace(/\0$/, '');
  if (syntax !== '1.2.840.10008.1.2' && syntax !== '1.2.840.10008.1.2.1') {
    throw new Error(`A template must be implicit or explicit VR little endian, not ${syntax}`);
  }
  const implicit = syntax === '1.2.840.10008.1.2';
  return { implicit, meta, dataset: readElements(bytes, start, implicit, () => false)[0] };
}

/** The value of a text element, padded to an even length (PS3.5 6.2: UI by a zero byte, others by a space). */
function textValue(text: string, vr: string): Buffer {
  const padding = vr === 'UI' ? '\0' : ' ';
  return Buffer.from(text.length % 2 === 1 ? text + padding : text, 'latin1');
}

/** These elements with the text values of some replaced or added, still in the order of their tags. */
export function withText(
  elements: readonly Element[],
  texts: ReadonlyMap<number, { vr: string; text: string }>,
  implicit = false,
): Element[] {
  const kept = elements.filter((element) => !texts.has(element.tag));
  const added = [...texts].map(([tag, { vr, text }]) => ({
    tag,
    vr: implicit ? '' : vr,
    undefinedLength: false,
    value: textValue(text, vr),
  }));
  return [...kept, ...added].sort((a, b) => a.tag - b.tag);
}

function encodeElement(element: Element, implicit: boolean): Buffer {
  const long = !implicit && longLength.has(element.vr);
  const head = Buffer.alloc(long ? 12 : 8);
  head.writeUInt16LE(element.tag >>> 16, 0);
  head.writeUInt16LE(element.tag & 0xffff, 2);
  const length = element.undefinedLength ? undefinedLength : element.value.length;
  if (implicit) head.writeUInt32LE(length, 4);
  else {
    head.write(element.vr, 4, 'latin1');
    if (long) head.writeUInt32LE(length, 8);
    else head.writeUInt16LE(length, 6);
  }
  return Buffer.concat([head, element.value]);
}

const size = (parts: readonly Buffer[]) => parts.reduce((sum, part) => sum + part.length, 0);

/**
 * The whole file. `fileBytes`: exactly this size, by larger PixelData and Data Set Trailing Padding
 * (FFFC,FFFC); 'header': it ends where the pixel data would begin.
 */
export function writeTemplate(template: Template, fileBytes: number | 'header'): Buffer {
  const meta = template.meta
    .filter((element) => element.tag !== 0x00020000)
    .map((element) => encodeElement(element, false));
  const groupLength = Buffer.alloc(4);
  groupLength.writeUInt32LE(size(meta));
  const first = encodeElement({ tag: 0x00020000, vr: 'UL', undefinedLength: false, value: groupLength }, false);
  const dataset = template.dataset
    .filter((element) => element.tag !== trailingPadding && (fileBytes !== 'header' || element.tag < pixelData))
    .map((element) => encodeElement(element, template.implicit));
  const parts = [Buffer.alloc(128), Buffer.from('DICM'), first, ...meta, ...dataset];
  if (fileBytes === 'header') return Buffer.concat(parts);
  const room = fileBytes - size(parts) - (template.implicit ? 8 : 12);
  if (room > MOST_PADDING) {
    // Programs that send files leave padding out: much of it has to be pixels.
    const larger = template.dataset.map((element) =>
      element.tag === pixelData
        ? { ...element, value: Buffer.concat([element.value, Buffer.alloc(room & ~1)]) }
        : element,
    );
    return writeTemplate({ ...template, dataset: larger }, fileBytes);
  }
  if (room < 0) throw new Error(`The file does not fit into ${fileBytes} bytes: ${-room} bytes too many`);
  const padding = {
    tag: trailingPadding,
    vr: template.implicit ? '' : 'OB',
    undefinedLength: false,
    value: Buffer.alloc(room),
  };
  return Buffer.concat([...parts, encodeElement(padding, template.implicit)]);
}
