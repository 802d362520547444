// What a target names: a tag by keyword, by number, by private creator, or a path of them into sequences.
//   SeriesDescription            a keyword of PS3.6
//   (0008,103E) or 0008103E      a tag; a private one by its full number too
//   (0019,xx10,GEMS_ACQU_01)     a private tag by its creator, whatever block it was given
//   RequestAttributesSequence.ScheduledProcedureStepID       a tag in every item of a sequence
//   RequestAttributesSequence[0].ScheduledProcedureStepID    in one item, counted from 0
import { tagOfKeyword } from '../dicom/dictionary.ts';
import { matchText } from '../dicom/kept-text.ts';
import { nearestKeyword } from '../dicom/nearest-keyword.ts';
import { ditagError } from '../errors/errors.ts';
import { attributeIndex, INDEXED_ATTRIBUTES } from '../instance/attributes.ts';

/** One step of a path: the key under which a header keeps the element, and the item of the sequence it is in. */
export interface TargetStep {
  /** See `HeaderElement.key`. */
  readonly key: string;
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
  readonly path: readonly TargetStep[];
}

/** Resolves a target. Throws `unknown-tag` with the nearest keyword as a hint. */
export function parseTarget(text: string): Target {
  const name = text.trim();
  const attribute = attributeIndex(name);
  const isSeriesInstanceUID = name === 'SeriesInstanceUID';
  if (attribute >= 0 || isSeriesInstanceUID) {
    // The common case does without the dictionary.
    return { name, attribute, isSeriesInstanceUID, path: [] };
  }
  const steps = splitPath(name).map((step) => parseStep(step, name));
  if (steps.length === 1) {
    const keyword = indexedKeys().get(steps[0]!.key);
    if (keyword === 'SeriesInstanceUID') return { name, attribute: -1, isSeriesInstanceUID: true, path: steps };
    if (keyword !== undefined)
      return { name, attribute: attributeIndex(keyword), isSeriesInstanceUID: false, path: steps };
  }
  return { name, attribute: -1, isSeriesInstanceUID: false, path: steps };
}

/** Splits a comma-separated list of targets; commas inside parentheses belong to a tag. */
export function parseTargets(text: string): Target[] {
  return splitOutside(text, ',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseTarget);
}

let standardKeys: Map<string, string> | undefined;
function indexedKeys(): Map<string, string> {
  if (standardKeys === undefined) {
    standardKeys = new Map();
    for (const keyword of [...INDEXED_ATTRIBUTES, 'SeriesInstanceUID']) {
      standardKeys.set(tagOfKeyword(keyword)!.toString(16).toUpperCase().padStart(8, '0'), keyword);
    }
  }
  return standardKeys;
}

function splitPath(text: string): string[] {
  return splitOutside(text, '.');
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

function parseStep(step: string, whole: string): TargetStep {
  const match = /^(.*?)(?:\[(\d+)\])?$/s.exec(step.trim())!;
  const name = match[1]!.trim();
  const item = match[2] === undefined ? {} : { item: Number(match[2]) };
  const creator = /^\(\s*([0-9a-f]{4})\s*,\s*(?:xx)?([0-9a-f]{2})\s*,\s*(.+?)\s*\)$/is.exec(name);
  if (creator !== null) {
    const group = creator[1]!.toUpperCase();
    if (Number.parseInt(group, 16) % 2 === 0) {
      throw ditagError('unknown-tag', {
        tag: whole,
        hint: `Group ${group} is even: only odd groups have private creators`,
      });
    }
    return { key: `${group}xx${creator[2]!.toUpperCase()}:${creator[3]}`, ...item };
  }
  const tag = /^\(?\s*([0-9a-f]{4})\s*,?\s*([0-9a-f]{4})\s*\)?$/i.exec(name);
  if (tag !== null) return { key: (tag[1]! + tag[2]!).toUpperCase(), ...item };
  const known = tagOfKeyword(name);
  if (known === undefined) {
    const nearest = nearestKeyword(name);
    const hint =
      nearest === undefined
        ? 'Give a keyword of PS3.6 such as SeriesDescription, or a tag such as (0008,103E)'
        : `Did you mean ${nearest}?`;
    throw ditagError('unknown-tag', { tag: name === whole ? name : `${name} (in ${whole})`, hint });
  }
  return { key: known.toString(16).toUpperCase().padStart(8, '0'), ...item };
}

type Item = { [key: string]: string | (Item | number)[] };

/**
 * The text of a target in what a header keeps under the path's first key (`kept`, '' where there is nothing):
 * the values of all items, joined by `\`. Missing is the empty string.
 */
export function targetText(kept: string, path: readonly TargetStep[]): string {
  if (path.length <= 1) return matchText(kept);
  if (kept === '' || kept.charCodeAt(0) !== 0x5b) return '';
  const found: string[] = [];
  collect(JSON.parse(kept) as (Item | number)[], path, 0, found);
  return found.join('\\');
}

function collect(items: (Item | number)[], path: readonly TargetStep[], depth: number, found: string[]): void {
  const { item } = path[depth]!;
  const next = path[depth + 1]!;
  items.forEach((candidate, index) => {
    if (typeof candidate === 'number' || (item !== undefined && item !== index)) return;
    const value = candidate[next.key];
    if (value === undefined) return;
    if (depth + 2 === path.length) found.push(typeof value === 'string' ? matchText(value) : JSON.stringify(value));
    else if (typeof value !== 'string') collect(value, path, depth + 1, found);
  });
}
