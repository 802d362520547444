// Where the first element of a file lies and how its data set is encoded, told from the bytes: files lack preamble,
// prefix and file meta, and file meta declares other transfer syntaxes than the data set's (PS3.10 section 7, PS3.5
// section 10). Pure functions of the bytes at hand.
import type { Window } from './element-header.ts';
import {
  type Encoding,
  EXPLICIT_BIG,
  EXPLICIT_LITTLE,
  IMPLICIT_BIG,
  IMPLICIT_LITTLE,
  tagAt,
  UNDEFINED_LENGTH,
} from './element-table.ts';
import type { TransferSyntax } from './transfer-syntaxes.ts';
import { explicitVrFlags } from './value-representations.ts';

/** "DICM", PS3.10 section 7.1. */
const PREFIX = 0x4449434d;
/** Bytes that may stand in front of a file without file meta, as a text editor or a download leaves them. */
const MAX_STRAY = 8;
/** A first element of implicit VR is not longer than this many bytes: its VR is no evidence. */
const MAX_FIRST_VALUE = 1024;

/** The first element of a file. */
export interface FileStart {
  readonly position: number;
  /** The prefix stands in front of it. */
  readonly hasPrefix: boolean;
  /** Bytes that belong to nothing stand in front of it. */
  readonly hasStrayBytes: boolean;
}

/** Finds the first element (of file meta or data set); undefined where the bytes are not DICOM's. */
export function findFileStart(window: Window): FileStart | undefined {
  const { view, available } = window;
  if (available >= 140 && view.getUint32(128) === PREFIX) return start(132, true);
  if (available >= 12 && view.getUint32(0) === PREFIX) return start(4, true);
  if (isFirstElement(window, 0)) return start(0, false);
  if (isFirstElement(window, 128)) return start(128, false);
  for (let at = 1; at < MAX_STRAY; at++) if (isFirstOfTwo(window, at)) return start(at, false, true);
  return undefined;
}

function start(position: number, hasPrefix: boolean, hasStrayBytes = false): FileStart {
  return { position, hasPrefix, hasStrayBytes };
}

/** Does an element of one of the groups with which a file may start stand here? For files without the prefix. */
function isFirstElement({ view, available, beyond }: Window, at: number): boolean {
  if (at + 8 > available) return false;
  const littleEndian = isLittleEndian(view, at);
  const group = view.getUint16(at, littleEndian);
  if (group !== 0x0002 && group !== 0x0004 && group !== 0x0008) return false;
  if (explicitVrFlags[view.getUint16(at + 4, false)] !== 0) return true;
  const length = view.getUint32(at + 4, littleEndian);
  return length < MAX_FIRST_VALUE && at + 8 + length <= available + beyond;
}

/** Do two elements of group 0008 with a known VR stand here? */
function isFirstOfTwo({ view, available }: Window, at: number): boolean {
  if (at + 8 > available || explicitVrFlags[view.getUint16(at + 4, false)] !== 1) return false;
  const littleEndian = isLittleEndian(view, at);
  const next = at + 8 + view.getUint16(at + 6, littleEndian);
  if (next + 8 > available || explicitVrFlags[view.getUint16(next + 4, false)] === 0) return false;
  return view.getUint16(at, littleEndian) === 0x0008 && tagAt(view, next, littleEndian) > tagAt(view, at, littleEndian);
}

/** The groups of a header have a small first number, in whichever order its two bytes stand. */
function isLittleEndian(view: DataView, at: number): boolean {
  return view.getUint16(at, true) <= view.getUint16(at, false);
}

/** Can what stands at `at` be the first element of a data set at all? Else it may be compressed. 8 bytes are at hand. */
export function canBeDataSet({ view, available, beyond }: Window, at: number): boolean {
  const littleEndian = isLittleEndian(view, at);
  if (view.getUint16(at, littleEndian) > 0x00ff) return false;
  if (explicitVrFlags[view.getUint16(at + 4, false)] !== 0) return true;
  const length = view.getUint32(at + 4, littleEndian);
  return length === UNDEFINED_LENGTH || at + 8 + length <= available + beyond;
}

/** The encoding of the data set that starts at `at`, with 8 bytes of it at hand. */
export function encodingAt(window: Window, at: number, declared: TransferSyntax | undefined): Encoding {
  const { view, available, beyond } = window;
  const littleEndian = isLittleEndian(view, at);
  const flags = explicitVrFlags[view.getUint16(at + 4, false)]!;
  const implicitLength = view.getUint32(at + 4, littleEndian);
  const implicitFits = implicitLength === UNDEFINED_LENGTH || at + 8 + implicitLength <= available + beyond;
  let explicitVr = flags !== 0;
  if (flags !== 0 && declared?.explicitVr === false && implicitFits) {
    // Two letters of a VR may also be the low half of an implicit length: see which reading leads to an element.
    const next = at + 8 + implicitLength;
    explicitVr = !(next + 8 <= available && tagAt(view, next, littleEndian) > tagAt(view, at, littleEndian));
  }
  if (flags === 0 && declared?.explicitVr === true)
    explicitVr = !implicitFits || leadsToExplicit(window, at, littleEndian);
  if (explicitVr) return littleEndian ? EXPLICIT_LITTLE : EXPLICIT_BIG;
  return littleEndian ? IMPLICIT_LITTLE : IMPLICIT_BIG;
}

/** Does what stands at `at`, read as of an unknown VR, end where an element of a known one begins? */
function leadsToExplicit({ view, available }: Window, at: number, littleEndian: boolean): boolean {
  const ends = [at + 8 + view.getUint16(at + 6, littleEndian)];
  if (at + 12 <= available) ends.push(at + 12 + view.getUint32(at + 8, littleEndian));
  return ends.some((next) => {
    if (next + 8 > available || explicitVrFlags[view.getUint16(next + 4, false)] === 0) return false;
    // Letters of a value would be a far greater group.
    if (view.getUint16(next, littleEndian) > 0x00ff) return false;
    return tagAt(view, next, littleEndian) > tagAt(view, at, littleEndian);
  });
}

/** The transfer syntax of a data set that declares none; '' for one that has no UID. */
export function syntaxOf({ littleEndian, explicitVr }: Encoding): string {
  if (!littleEndian) return explicitVr ? '1.2.840.10008.1.2.2' : '';
  return explicitVr ? '1.2.840.10008.1.2.1' : '1.2.840.10008.1.2';
}
