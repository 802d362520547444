// A digest of chosen values of a data set: files of one series whose digests differ disagree with each other.
import type { Buffer } from 'node:buffer';
import { type ElementTable, NOT_HELD, UNDEFINED_LENGTH } from './element-table.ts';

/** FNV-1a over tag and value bytes (without padding) of `comparedTags`, which ascend; 32 bit. */
export function digestValues(elements: ElementTable, bytes: Buffer, comparedTags: Uint32Array): number {
  let hash = 0x811c9dc5;
  let i = 0;
  for (const tag of comparedTags) {
    if (elements.ordered) {
      while (i < elements.count && elements.tags[i]! < tag) i++;
      if (i >= elements.count) break;
      if (elements.tags[i] !== tag) continue;
    } else {
      i = elements.indexOf(tag);
      if (i < 0) continue;
    }
    const start = elements.offsets[i]!;
    if (start === NOT_HELD || elements.lengths[i] === UNDEFINED_LENGTH) continue;
    let end = start + elements.lengths[i]!;
    while (end > start && (bytes[end - 1] === 0x20 || bytes[end - 1] === 0)) end--;
    if (end === start) continue;
    hash = Math.imul(hash ^ (tag >>> 16), 0x01000193);
    hash = Math.imul(hash ^ (tag & 0xffff), 0x01000193);
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  }
  return hash >>> 0;
}
