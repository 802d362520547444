// Damages DICOM files the way disks, transfers and writers do, and makes others up.
import { Buffer } from 'node:buffer';
import { valueRepresentations } from '../../core/dicom/value-representations.ts';
import type { Random } from '../random.ts';
import {
  BIG,
  DEFLATED,
  dicomFile,
  EXPLICIT,
  element,
  encodingOf,
  IMPLICIT,
  instance,
  type Part,
  raw,
  sequence,
} from '../reader/dicom-bytes.ts';

type Mutation = (file: Buffer, random: Random, others: readonly Buffer[]) => Buffer;

const LENGTHS = [
  0, 1, 2, 7, 8, 0xfe, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffe, 0xffffffff,
];
const WORDS = [
  'SQ',
  'UN',
  'OB',
  'UT',
  'US',
  'LO',
  '  ',
  '\0\0',
  'ZZ',
  'OV',
  '\xfe\xff\x00\xe0',
  '\xfe\xff\x0d\xe0',
  '\xfe\xff\xdd\xe0',
];
const TAGS = [
  0x00080005, 0x00080018, 0x0020000e, 0x00280103, 0x7fe00010, 0x00091010, 0xfffee000, 0xfffee00d, 0xfffee0dd, 0,
];

/** Mutations work in place on a copy, or return other bytes. */
const mutations: readonly Mutation[] = [
  function flipBits(file, random) {
    for (let i = 1 + random.below(8); i > 0; i--) file[random.below(file.length)]! ^= 1 << random.below(8);
    return file;
  },
  function editLength(file, random) {
    const at = random.below(Math.max(1, file.length - 4));
    if (random.chance(2)) file.writeUInt16LE(random.pick(LENGTHS) & 0xffff, Math.min(at, file.length - 2));
    else file.writeUInt32LE(random.pick(LENGTHS), Math.min(at, file.length - 4));
    return file;
  },
  function editLengthOfElement(file, random) {
    const at = findVr(file, random);
    if (at >= 0 && at + 8 <= file.length) {
      if (random.chance(2)) file.writeUInt16LE(random.pick(LENGTHS) & 0xffff, at + 2);
      else file.writeUInt32LE(random.pick(LENGTHS), at + 4);
    }
    return file;
  },
  function truncate(file, random) {
    return file.subarray(0, random.below(file.length + 1));
  },
  function splice(file, random, others) {
    const other = random.pick(others);
    const from = random.below(other.length);
    const piece = other.subarray(from, from + random.below(Math.min(2000, other.length - from) + 1));
    const at = random.below(file.length + 1);
    return Buffer.concat([file.subarray(0, at), piece, file.subarray(at)]);
  },
  function insert(file, random) {
    const at = random.below(file.length + 1);
    return Buffer.concat([file.subarray(0, at), Buffer.from(random.pick(WORDS), 'latin1'), file.subarray(at)]);
  },
  function overwrite(file, random) {
    Buffer.from(random.pick(WORDS), 'latin1').copy(file, random.below(file.length + 1));
    return file;
  },
  function remove(file, random) {
    const at = random.below(file.length + 1);
    return Buffer.concat([file.subarray(0, at), file.subarray(at + 1 + random.below(64))]);
  },
  function swapChunks(file, random) {
    const size = 1 + random.below(Math.max(1, file.length >> 2));
    const [a, b] = [random.below(file.length - size + 1), random.below(file.length - size + 1)];
    const chunk = Buffer.from(file.subarray(a, a + size));
    file.copyWithin(a, b, b + size);
    chunk.copy(file, b);
    return file;
  },
  function editTag(file, random) {
    const at = findVr(file, random) - 4;
    const tag = random.pick(TAGS);
    if (at >= 0) {
      file.writeUInt16LE(tag >>> 16, at);
      file.writeUInt16LE(tag & 0xffff, at + 2);
    }
    return file;
  },
  function repeat(file, random) {
    const from = random.below(file.length);
    const piece = file.subarray(from, from + 1 + random.below(400));
    return Buffer.concat([file.subarray(0, from), ...new Array(1 + random.below(50)).fill(piece), file.subarray(from)]);
  },
];

/** Where something that looks like an explicit VR stands, from a random place on; -1 where nothing does. */
function findVr(file: Buffer, random: Random): number {
  for (let at = 4 + random.below(file.length); at + 1 < file.length; at++) {
    if (isUpper(file[at]!) && isUpper(file[at + 1]!)) return at;
  }
  return -1;
}

function isUpper(byte: number): boolean {
  return byte >= 0x41 && byte <= 0x5a;
}

/** A damaged copy of one of `files`. */
export function mutated(files: readonly Buffer[], random: Random): Buffer {
  let file: Buffer = Buffer.from(random.pick(files));
  for (let i = 1 + random.below(4); i > 0 && file.length > 8; i--) file = random.pick(mutations)(file, random, files);
  return file;
}

const VRS = valueRepresentations.map(({ vr }) => vr);
const SYNTAXES = [EXPLICIT, IMPLICIT, BIG, DEFLATED, '1.2.840.10008.1.2.4.50', '1.2.840.113619.5.2', '', '9.9'];

/** A file of random elements in a random transfer syntax, mostly but not always as the standard has it. */
export function generated(random: Random): Buffer {
  const parts: Part[] = [];
  for (let i = random.below(12); i > 0; i--) parts.push(randomPart(random, 0));
  const syntax = random.pick(SYNTAXES);
  const [preamble, prefix, meta] = [
    !random.chance(8),
    !random.chance(8),
    random.chance(8) ? (false as const) : undefined,
  ];
  const encoding =
    random.chance(3) || syntax === '9.9' ? encodingOf(random.pick([EXPLICIT, IMPLICIT, BIG])) : undefined;
  return dicomFile({
    ...{ syntax, preamble, prefix },
    ...(meta === undefined ? {} : { meta }),
    ...(encoding === undefined ? {} : { encoding }),
    ...(random.chance(8) ? { groupLength: random.pick(LENGTHS) } : {}),
    dataSet: random.chance(10) ? parts : instance(...parts),
  });
}

function randomPart(random: Random, depth: number): Part {
  if (random.chance(20)) return raw(Buffer.from(random.pick(WORDS), 'latin1'));
  const tag = random.chance(4) ? random.pick(TAGS) : random.below(0x7fe1) * 65536 + random.below(0x10000);
  if (depth < 20 && random.chance(3 + (depth >> 2))) {
    const items: Part[][] = [];
    for (let i = random.below(random.chance(10) && depth < 2 ? 20 : 3); i > 0; i--) {
      const item: Part[] = [];
      for (let n = random.below(4); n > 0; n--) item.push(randomPart(random, depth + 1));
      items.push(item);
    }
    return sequence(tag, items, {
      vr: random.chance(5) ? 'UN' : 'SQ',
      undefinedLength: random.chance(2),
      undefinedItems: random.chance(2),
      ...(random.chance(10) ? { without: random.chance(2) ? 'item-delimiter' : 'sequence-delimiter' } : {}),
      ...(random.chance(10) ? { length: random.pick(LENGTHS) } : {}),
    });
  }
  const bytes = Buffer.alloc(random.chance(30) && depth < 2 ? random.below(40_000) : random.below(40));
  const isText = random.chance(2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = isText ? 0x20 + random.below(0x5f) : random.bits() & 255;
  return element(tag, random.chance(15) ? 'Q7' : random.pick(VRS), bytes, { odd: random.chance(10) });
}
