// Single values and wild cards (PS3.4 C.2.2.2.1, C.2.2.2.4): whether a text fits, and the same as a regular expression.
// A person's name is taken by its component groups (PS3.5 section 6.2.1): a key of one group fits any of them, one of
// several fits group by group. Case, and empty components at its end, do not count; accents do.
import { valueRepresentation } from '../dicom/value-representations.ts';
import { trimValue } from './identifier.ts';

/** Does a stored value fit a key, both without padding? `*` is any text and `?` any character, in either. */
export function fits(key: string, stored: string, vr: string): boolean {
  if (vr !== 'PN') return fitsCharacters([...key], [...stored]);
  const wanted = keyGroups(key);
  const groups = stored.split('=').map((group) => trimEnd(group, '^'));
  if (wanted.length === 1) return groups.some((group) => fitsGroup(wanted[0]!, group));
  return wanted.every((group, i) => fitsGroup(group, groups[i] ?? ''));
}

/** Linear but for the last star's attempts: no key makes it slow. */
function fitsCharacters(key: readonly string[], text: readonly string[]): boolean {
  let [at, inKey, star, tried] = [0, 0, -1, 0];
  while (at < text.length) {
    const wanted = key[inKey];
    if (wanted === '*') {
      star = inKey++;
      tried = at;
    } else if (wanted === '?' || wanted === text[at]) {
      inKey++;
      at++;
    } else if (star >= 0) {
      inKey = star + 1;
      at = ++tried;
    } else return false;
  }
  while (key[inKey] === '*') inKey++;
  return inKey === key.length;
}

/** A group that asks for nothing is ''; such ones are left out at the end. */
function keyGroups(key: string): string[] {
  const groups = key.split('=').map((group) => (trimEnd(group, '^*') === '' ? '' : trimEnd(group, '^')));
  while (groups.length > 1 && groups.at(-1) === '') groups.pop();
  return groups;
}

function fitsGroup(wanted: string, group: string): boolean {
  if (wanted === '') return true;
  const characters = foldCase(group);
  const { start, hasOpenEnd } = splitEnd(wanted);
  const fitsExactly = fitsCharacters(foldCase(start), characters);
  return fitsExactly || (hasOpenEnd && fitsCharacters(foldCase(`${start}^*`), characters));
}

/** `Doe^*` asks for `Doe` too, which is short for `Doe^^^^`: a start, and anything in the components behind it. */
function splitEnd(group: string): { start: string; hasOpenEnd: boolean } {
  const start = trimEnd(group, '^*');
  const end = group.slice(start.length);
  if (end.startsWith('*')) return { start: `${start}*`, hasOpenEnd: false };
  return { start, hasOpenEnd: end !== '' };
}

/** Character by character: the lower case of a whole text depends on where in a word a letter stands. */
function foldCase(text: string): string[] {
  return Array.from(text, (character) => character.toUpperCase().toLowerCase());
}

function trimEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/**
 * A key as a regular expression in the syntax of Python, for text as the index has it: values joined by `\`, without
 * padding. It finds every text of which a value fits; a name that ends in empty components may be found beyond that.
 */
export function wildcardPattern(key: string, vr: string): string {
  const row = valueRepresentation(vr);
  const wanted = trimValue(key, vr);
  if (vr === 'PN') return namePattern(keyGroups(wanted));
  const padding = row?.leadingSpacesCount === false ? ' *' : '';
  if (row?.multiValued === false) return `\\A${source(wanted, '[\\s\\S]')}\\Z`;
  return `(?:\\A|\\\\)${padding}${source(wanted, '[^\\\\]')}(?:\\\\|\\Z)`;
}

function namePattern(groups: readonly string[]): string {
  const any = '[^=\\\\]';
  const sources = groups.map((group) => {
    if (group === '') return `${any}*`;
    const { start, hasOpenEnd } = splitEnd(group);
    return `(?i:${source(start, any)})${hasOpenEnd ? `(?:\\^${any}*)?` : '\\^*'}`;
  });
  if (groups.length === 1) return `(?:\\A|[=\\\\])${sources[0]!}(?:[=\\\\]|\\Z)`;
  return `(?:\\A|\\\\)${sources.join('=')}(?:=[^\\\\]*)?(?:\\\\|\\Z)`;
}

function source(key: string, any: string): string {
  const pieces = key.match(/\*+|[^*]/gu) ?? [];
  return pieces
    .map((piece) =>
      piece.startsWith('*') ? `${any}*` : piece === '?' ? any : piece.replace(/[\\^$.+()[\]{}|]/, '\\$&'),
    )
    .join('');
}
