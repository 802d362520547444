/**
 * Looks up attributes in the data dictionary of PS3.6 (by tag or keyword), private attributes and UIDs.
 * The tables are text in dictionary.generated.ts and uids.generated.ts; each is parsed on its first use only, so
 * importing this file costs next to nothing. A tag is a number here: group * 65536 + element, an unsigned 32-bit
 * integer. Hints for a misspelt keyword are in nearest-keyword.ts.
 */
import { attributeLines, privateLines, repeaterLines } from './dictionary.generated.ts';
import { tagDigits } from './tag-digits.ts';
import { uidLines } from './uids.generated.ts';

/** One attribute of PS3.6. For a repeating attribute (60xx,3000) `tag` is the first of them (6000,3000). */
export interface DictionaryEntry {
  readonly tag: number;
  /** The VR to read it by without further knowledge: see `vrOfTag`. */
  readonly vr: string;
  /** All VRs that the dictionary allows: one, or several such as `['US', 'SS']`. Empty for items and delimiters. */
  readonly vrs: readonly string[];
  /** Value multiplicity as printed in PS3.6: `1`, `1-n`, `2-2n` ... */
  readonly vm: string;
  /** Empty for a handful of retired attributes that have none. */
  readonly keyword: string;
  readonly retired: boolean;
}

/** One private attribute of one private creator (PS3.5 section 7.8). */
export interface PrivateDictionaryEntry {
  readonly creator: string;
  readonly vr: string;
  readonly vrs: readonly string[];
  readonly vm: string;
  readonly name: string;
}

/** One UID of PS3.6 Annex A. */
export interface UidEntry {
  readonly uid: string;
  /** As printed: `SOP Class`, `Transfer Syntax`, `Well-known SOP Instance` ... */
  readonly type: string;
  readonly retired: boolean;
  readonly keyword: string;
  readonly name: string;
}

interface Repeater {
  readonly mask: number;
  readonly value: number;
  readonly entry: DictionaryEntry;
}

let lines: Map<number, string> | undefined;
let vrs: Map<number, string> | undefined;
let repeaters: Repeater[] | undefined;
let tags: Map<string, number> | undefined;
let creators: Map<string, string> | undefined;
const privateEntries = new Map<string, Map<string, PrivateDictionaryEntry>>();
let uids: Map<string, UidEntry> | undefined;

/**
 * The one VR that stands for several. PS3.5 Annex A.1 (implicit VR) wants OW for all attributes that may be OW; which of
 * US and SS it is depends on Pixel Representation (`resolveVr`), and US is right for the far commoner unsigned pixels.
 */
function chosenVr(allowed: readonly string[]): string {
  if (allowed.length === 1) return allowed[0]!;
  return allowed.includes('OW') ? 'OW' : allowed.includes('US') ? 'US' : 'UN';
}

/** `US/SS` as words; `NONE` (items and delimiters, group FFFE) has no VR at all. */
const vrWords = (word: string): string[] => (word === 'NONE' ? [] : word.split('/'));

function parseEntry(line: string): DictionaryEntry {
  const [tag, vrWord, vm, keyword, retired] = line.split(' ') as [string, string, string, string, string?];
  const allowed = vrWords(vrWord);
  return {
    tag: Number.parseInt(tag.replaceAll('x', '0'), 16),
    vr: chosenVr(allowed),
    vrs: allowed,
    vm,
    keyword: keyword === '-' ? '' : keyword,
    retired: retired === 'R',
  };
}

/** The lines of the dictionary by tag: most runs ask for few entries, so an entry is parsed when it is asked for. */
function allLines(): Map<number, string> {
  if (!lines) {
    lines = new Map();
    for (const line of attributeLines().split('\n')) lines.set(Number.parseInt(line, 16), line);
  }
  return lines;
}

/**
 * Searches of the text that are allowed before the tables are built: a command that needs a few keywords starts some
 * 10 ms sooner by searching (0.1 ms each), one that goes on asking is better off with tables.
 */
let searchesLeft = 50;

function lineOfTag(tag: number): string | undefined {
  if (lines || searchesLeft === 0) return allLines().get(tag);
  searchesLeft -= 1;
  const text = attributeLines();
  const digits = tagDigits(tag);
  const start = text.startsWith(digits) ? 0 : text.indexOf(`\n${digits} `) + 1;
  return start > 0 || text.startsWith(digits) ? text.slice(start, lineEnd(text, start)) : undefined;
}

/** The tag of a keyword that isn't a repeating attribute, by searching for it at the end of a line. */
function searchKeyword(keyword: string): number | undefined {
  if (!/^[A-Za-z0-9]{2,}$/.test(keyword)) return undefined;
  const text = attributeLines();
  const wanted = ` ${keyword}`;
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) {
    const rest = text.slice(at + wanted.length, lineEnd(text, at));
    if (rest === '' || rest === ' R') return Number.parseInt(text.slice(text.lastIndexOf('\n', at) + 1, at), 16);
  }
  return undefined;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

function allRepeaters(): Repeater[] {
  repeaters ??= repeaterLines()
    .split('\n')
    .map((line) => {
      const mask = Number.parseInt(line.slice(0, 8).replaceAll(/[^x]/g, 'F').replaceAll('x', '0'), 16);
      const entry = parseEntry(line);
      const value = entry.tag;
      // The first tag of the pattern may be another attribute: (0028,0400) is not (0028,04x0).
      return { mask, value, entry: allLines().has(value) ? parseEntry(line.replace('x', '1')) : entry };
    });
  return repeaters;
}

/** True for an odd group, whose elements belong to a private creator (PS3.5 section 7.8). */
export function isPrivate(tag: number): boolean {
  return (tag & 0x10000) !== 0;
}

function repeatingEntry(tag: number): DictionaryEntry | undefined {
  if (isPrivate(tag)) return undefined; // an odd group is private: (60xx,3000) means even xx
  for (const { mask, value, entry } of allRepeaters()) if ((tag & mask) >>> 0 === value) return entry;
  return undefined;
}

/** The attribute of PS3.6 with this tag, repeating groups (50xx, 60xx ...) included; undefined for private tags. */
export function entryOfTag(tag: number): DictionaryEntry | undefined {
  const line = lineOfTag(tag);
  return line === undefined ? repeatingEntry(tag) : parseEntry(line);
}

/**
 * The VR by which to read an element whose VR is not in the file (implicit VR, PS3.5 section 7.1.3). Where PS3.6 allows
 * several: `OW` if that is one of them (PS3.5 A.1), else `US`; `isAmbiguous` says so and `resolveVr` decides. Group
 * lengths (gggg,0000) are UL, private creators (odd group, 0010-00FF) LO, what is unknown UN.
 */
export function vrOfTag(tag: number): string {
  vrs ??= readVrs();
  return vrs.get(tag) ?? vrOfUnlistedTag(tag);
}

function readVrs(): Map<number, string> {
  const read = new Map<number, string>();
  const chosen = new Map<string, string>(); // so that all attributes of one VR share one string
  for (const [tag, line] of allLines()) {
    const word = line.slice(9, line.indexOf(' ', 9));
    let vr = chosen.get(word);
    if (vr === undefined) chosen.set(word, (vr = chosenVr(vrWords(word))));
    read.set(tag, vr);
  }
  return read;
}

function vrOfUnlistedTag(tag: number): string {
  const element = tag & 0xffff;
  if (element === 0) return 'UL';
  if (isPrivate(tag)) return element >= 0x10 && element <= 0xff ? 'LO' : 'UN';
  return repeatingEntry(tag)?.vr ?? 'UN';
}

/** True if PS3.6 allows several VRs for this tag, such as `US or SS`: explicit VR files say which, others need `resolveVr`. */
export function isAmbiguous(tag: number): boolean {
  return (entryOfTag(tag)?.vrs.length ?? 1) > 1;
}

/**
 * Like `vrOfTag`, but `US or SS` is decided by the Pixel Representation (0028,0103) of the same data set: SS if it is 1,
 * US otherwise (PS3.5 A.1).
 */
export function resolveVr(tag: number, pixelRepresentation: number | undefined): string {
  const vr = vrOfTag(tag);
  if (pixelRepresentation !== 1 || vr !== 'US') return vr;
  return entryOfTag(tag)?.vrs.includes('SS') ? 'SS' : vr;
}

/** The tags of many keywords in one pass, of which nothing is kept: to remember all keywords takes 20 MB. */
export function tagsOfKeywords(keywords: ReadonlySet<string>): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of attributeLines().split('\n')) {
    const [tag, , , keyword = ''] = line.split(' ', 4);
    if (keywords.has(keyword)) found.set(keyword, Number.parseInt(tag!, 16));
  }
  return found;
}

/** The tag of a keyword written letter for letter as in PS3.6; undefined for anything else. */
export function tagOfKeyword(keyword: string): number | undefined {
  if (!tags && searchesLeft > 0) {
    searchesLeft -= 1;
    const tag = searchKeyword(keyword);
    if (tag !== undefined) return tag;
  }
  if (!tags) {
    tags = new Map();
    for (const { entry } of allRepeaters()) if (!tags.has(entry.keyword)) tags.set(entry.keyword, entry.tag);
    for (const [tag, line] of allLines()) tags.set(line.split(' ', 4)[3]!, tag);
    tags.delete('-');
  }
  return tags.get(keyword);
}

/** The keyword of a tag; for a repeating attribute the same for all of its groups. Undefined if unknown or private. */
export function keywordOfTag(tag: number): string | undefined {
  return entryOfTag(tag)?.keyword || undefined;
}

/** Every attribute that has a keyword: those of the dictionary by tag, then the repeating ones. */
export function* namedEntries(): Generator<DictionaryEntry> {
  for (const line of allLines().values()) {
    const entry = parseEntry(line);
    if (entry.keyword !== '') yield entry;
  }
  for (const { entry } of allRepeaters()) yield entry;
}

function parsePrivateBlock(creator: string): Map<string, PrivateDictionaryEntry> | undefined {
  if (!creators) {
    creators = new Map();
    for (const block of privateLines().slice(1).split('\n=')) {
      const end = block.indexOf('\n');
      creators.set(block.slice(0, end).trim(), block.slice(end + 1));
    }
  }
  const block = creators.get(creator);
  if (block === undefined) return undefined;
  const parsed = new Map<string, PrivateDictionaryEntry>();
  for (const line of block.split('\n')) {
    const [tag, vrWord, vm] = line.split(' ', 3) as [string, string, string];
    const allowed = vrWords(vrWord);
    const name = line.slice(tag.length + vrWord.length + vm.length + 3);
    parsed.set(tag, { creator, vr: chosenVr(allowed), vrs: allowed, vm, name });
  }
  privateEntries.set(creator, parsed);
  return parsed;
}

/**
 * The private attribute with this tag of this private creator (blanks around it are ignored), whichever block (10-FF)
 * the creator has reserved in the file. The table has some attributes that are not relative to a block: those are found
 * by their whole tag.
 */
export function privateEntry(creator: string, tag: number): PrivateDictionaryEntry | undefined {
  const owner = creator.trim();
  const block = privateEntries.get(owner) ?? parsePrivateBlock(owner);
  if (!block) return undefined;
  const digits = tagDigits(tag);
  return (
    block.get(digits) ??
    block.get(`${digits.slice(0, 4)}xx${digits.slice(6)}`) ??
    block.get(`${digits.slice(0, 2)}xxxx${digits.slice(6)}`)
  );
}

/** All UIDs of PS3.6 Annex A by UID. */
export function allUids(): ReadonlyMap<string, UidEntry> {
  if (!uids) {
    uids = new Map();
    for (const line of uidLines().split('\n')) {
      const [uid, type, retired, keyword, name] = line.split('|') as [string, string, string, string, string];
      uids.set(uid, { uid, type, retired: retired === 'R', keyword, name });
    }
  }
  return uids;
}

/** What PS3.6 Annex A says of this UID (a SOP Class, a transfer syntax ...); undefined if it isn't listed. */
export function entryOfUid(uid: string): UidEntry | undefined {
  return allUids().get(uid);
}
