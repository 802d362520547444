// What a query asks about (`--targets`, `--columns`, `--where`): an attribute by keyword, number or creator, and paths into
// sequences; and its text in a full header.
import { creatorName, matchText } from '../dicom/kept-text.ts';
import { tagDigits } from '../dicom/tag-digits.ts';
import { ditagError } from '../errors/errors.ts';
import { attributeIndex, INDEXED_ATTRIBUTES } from '../instance/attributes.ts';

/** One step of a path: the key under which a header keeps the element, and the item of the sequence it is in. */
export interface TargetStep {
  /** See `HeaderElement.key`. */
  readonly key: string;
  /**
   * For a private tag by its full number: where the creator of its block stands, and what a key begins with that is
   * to end in that creator.
   */
  readonly block?: { readonly creatorKey: string; readonly prefix: string };
  /** Item of *this* sequence in which the next step is looked up; undefined: in every item. */
  readonly item?: number;
}

/** A resolved target. */
export interface Target {
  /** As typed: the name of its column. */
  readonly name: string;
  /** Position in INDEXED_ATTRIBUTES, or -1 where the full header has to be asked. */
  readonly attribute: number;
  /** True for SeriesInstanceUID, which is no indexed attribute but a series' identity. */
  readonly isSeriesInstanceUID: boolean;
  /** True for `Issues`, which is no tag: what the index has noted of a series (core/instance/series-issues.ts). */
  readonly isIssues: boolean;
  readonly path: readonly TargetStep[];
}

/** Of a key that is a tag's number and not a private one by its creator. */
const TAG_DIGITS = 8;

type Dictionary = typeof import('../dicom/dictionary.ts');

/**
 * Resolves a target. Throws `unknown-tag` with the nearest keyword as a hint. The data dictionary is loaded only for a
 * target that is no indexed attribute: it takes longer than many a query.
 */
export async function parseTarget(text: string): Promise<Target> {
  const name = text.trim();
  const attribute = attributeIndex(name);
  const isSeriesInstanceUID = name === 'SeriesInstanceUID';
  const isIssues = name === 'Issues';
  if (attribute >= 0 || isSeriesInstanceUID || isIssues) {
    return { name, attribute, isSeriesInstanceUID, isIssues, path: [] };
  }
  const dictionary = await import('../dicom/dictionary.ts');
  const steps: TargetStep[] = [];
  for (const step of splitOutside(name, '.')) steps.push(await parseStep(step, name, dictionary));
  refuseItems(steps, name, dictionary);
  if (steps.length === 1) {
    const keyword = indexedKeyword(steps[0]!.key, dictionary);
    if (keyword === 'SeriesInstanceUID')
      return { name, attribute: -1, isSeriesInstanceUID: true, isIssues, path: steps };
    if (keyword !== undefined)
      return { name, attribute: attributeIndex(keyword), isSeriesInstanceUID: false, isIssues, path: steps };
  }
  return { name, attribute: -1, isSeriesInstanceUID: false, isIssues, path: steps };
}

/** Splits a comma-separated list of targets; commas inside parentheses belong to a tag. */
export async function parseTargets(text: string): Promise<Target[]> {
  const targets: Target[] = [];
  for (const part of splitOutside(text, ',')) if (part.trim() !== '') targets.push(await parseTarget(part));
  return targets;
}

/** The keyword of an indexed attribute or of SeriesInstanceUID by its header key. */
function indexedKeyword(key: string, { tagOfKeyword }: Dictionary): string | undefined {
  return [...INDEXED_ATTRIBUTES, 'SeriesInstanceUID'].find((keyword) => tagDigits(tagOfKeyword(keyword)!) === key);
}

function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')') depth--;
    else if (text[i] === separator && depth <= 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

async function parseStep(step: string, whole: string, { tagOfKeyword }: Dictionary): Promise<TargetStep> {
  const match = /^(.*?)(?:\[(\d+)\])?$/s.exec(step.trim())!;
  const name = match[1]!.trim();
  const item = match[2] === undefined ? {} : { item: Number(match[2]) };
  // Blanks around the creator are cut afterwards: an expression that leaves them out takes the square of their number.
  const creator = /^\(\s*([0-9a-f]{4})\s*,\s*(?:xx)?([0-9a-f]{2})\s*,(.+)\)$/is.exec(name);
  const owner = creator?.[3]?.trim() ?? '';
  if (creator !== null && owner !== '') {
    const group = creator[1]!.toUpperCase();
    if (Number.parseInt(group, 16) % 2 === 0) {
      throw ditagError('unknown-tag', {
        tag: whole,
        hint: `Group ${group} is even: only odd groups have private creators.`,
      });
    }
    return { key: `${group}xx${creator[2]!.toUpperCase()}:${owner}`, ...item };
  }
  const isBracketed = name.startsWith('(') && name.endsWith(')');
  const digits = isBracketed ? name.slice(1, -1) : name;
  const tag = /^\s*([0-9a-f]{4})\s*,?\s*([0-9a-f]{4})\s*$/i.exec(digits);
  if (tag !== null) return { ...numberedStep(tag[1]!.toUpperCase(), tag[2]!.toUpperCase()), ...item };
  if (name === '' && whole !== '')
    throw ditagError('unknown-tag', { tag: whole, hint: 'A step of the path is empty.' });
  const known = tagOfKeyword(name);
  if (known === undefined) {
    const { nearestKeyword } = await import('../dicom/nearest-keyword.ts');
    const isIssues = name.toLowerCase() === 'issues';
    const nearest = isIssues ? 'Issues' : nearestKeyword(name);
    const hint =
      isIssues && name !== whole.trim()
        ? 'Issues is no tag: write it alone, without an item or a path.'
        : nearest === undefined
          ? 'Give a keyword of PS3.6 such as SeriesDescription, or a tag such as (0008,103E).'
          : `Did you mean ${nearest}?`;
    throw ditagError('unknown-tag', { tag: name === whole ? name : `${name} (in ${whole})`, hint });
  }
  return { key: tagDigits(known), ...item };
}

/** Only a sequence has items. Of private tags it is not known what they are. */
function refuseItems(steps: readonly TargetStep[], whole: string, { entryOfTag }: Dictionary): void {
  for (const [depth, { key, item }] of steps.entries()) {
    if ((item === undefined && depth === steps.length - 1) || key.length !== TAG_DIGITS) continue;
    const entry = entryOfTag(Number.parseInt(key, 16));
    if (entry === undefined || entry.vr === 'SQ' || entry.vr === 'UN') continue;
    const name = entry.keyword || key;
    throw ditagError('unknown-tag', {
      tag: whole,
      hint: `${name} is no sequence but ${entry.vr}: it has no items. Write ${name} alone.`,
    });
  }
}

/** What is kept of a private element, of which only the block and the creator's name are known; the name may hold anything. */
export function privateTarget(tag: number, creator: string): Target {
  const digits = tagDigits(tag);
  const key = `${digits.slice(0, 4)}xx${digits.slice(6)}:${creatorName(creator)}`;
  return { name: key, attribute: -1, isSeriesInstanceUID: false, isIssues: false, path: [{ key }] };
}

/** A tag by number. Of a private one only the block's creator tells what it is (PS3.5 section 7.8.1). */
function numberedStep(group: string, element: string): TargetStep {
  const key = group + element;
  const isInBlock = Number.parseInt(group, 16) % 2 === 1 && Number.parseInt(element, 16) >= 0x1000;
  if (!isInBlock) return { key };
  return { key, block: { creatorKey: `${group}00${element.slice(0, 2)}`, prefix: `${group}xx${element.slice(2)}:` } };
}

type Value = (Item | number)[];
type Item = { [key: string]: string | Value };

/**
 * The text of a target in what a header keeps under the path's first key (`kept`, '' where there is nothing):
 * the values of all items, joined by `\`. Missing is the empty string; whole sequences and items are JSON.
 */
export function targetText(kept: string, path: readonly TargetStep[]): string {
  const [first, ...rest] = path;
  if (first === undefined || (rest.length === 0 && first.item === undefined)) return matchText(kept);
  const found: string[] = [];
  collect(parsedItems(kept), path, 0, found);
  return found.join('\\');
}

/** The items of a kept sequence; none where the text is no sequence's. */
function parsedItems(kept: string): Value {
  if (kept.charCodeAt(0) !== 0x5b) return [];
  try {
    const found = JSON.parse(kept) as unknown;
    // A text of the file may look like one.
    return isSequence(found) ? found : [];
  } catch {
    return [];
  }
}

function isSequence(found: unknown): found is Value {
  return Array.isArray(found) && found.every((item) => typeof item === 'number' || isItem(item));
}

function isItem(found: unknown): boolean {
  if (typeof found !== 'object' || found === null || Array.isArray(found)) return false;
  return Object.entries(found).every(
    ([key, value]) => KEY_OF_ITEM.test(key) && (typeof value === 'string' || isSequence(value)),
  );
}

/** As header-values.ts makes them. */
const KEY_OF_ITEM = /^[0-9A-F]{8}$|^[0-9A-F]{4}xx[0-9A-F]{2}:./s;

function collect(items: Value, path: readonly TargetStep[], depth: number, found: string[]): void {
  const { item } = path[depth]!;
  const next = path[depth + 1];
  items.forEach((candidate, index) => {
    if (typeof candidate !== 'object' || candidate === null || (item !== undefined && item !== index)) return;
    if (next === undefined) {
      found.push(JSON.stringify(candidate));
      return;
    }
    const value = candidate[keyInItem(next, candidate)];
    if (value === undefined) return;
    if (typeof value !== 'string' && (depth + 2 < path.length || next.item !== undefined))
      collect(value, path, depth + 1, found);
    else if (depth + 2 === path.length && next.item === undefined)
      found.push(typeof value === 'string' ? matchText(value) : JSON.stringify(value));
  });
}

function keyInItem({ key, block }: TargetStep, item: Item): string {
  const creator = block === undefined ? undefined : item[block.creatorKey];
  return typeof creator === 'string' ? `${block!.prefix}${creatorName(creator)}` : key;
}
