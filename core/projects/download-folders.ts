// The folders of a download: one for each patient, in it one for each series. They are the same in every run over the same
// series, safe on Linux, macOS and Windows, and lead nowhere else. Making them, and what is in them, is elsewhere.
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';

/** What was received without being asked for is put here, beside the patients' folders. */
export const NOT_ASKED_FOR = 'not-asked-for';
/** In it, what was asked for and came with a data set that ends before its end. */
export const CUT_OFF = `${NOT_ASKED_FOR}/cut-off`;

export interface NamedSeries {
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  readonly PatientID: string;
  readonly PatientName: string;
  readonly SeriesDescription: string;
}

export interface SeriesFolder {
  /** Whose series it is: one key for each patient. */
  readonly patient: string;
  /** The folder in the download. */
  readonly subject: string;
  /** The folder in that of the subject. */
  readonly series: string;
}

/** By SeriesInstanceUID. */
export type SeriesFolders = ReadonlyMap<string, SeriesFolder>;

const MAX_CHARACTERS = 100;
/**
 * Bytes of UTF-8, without a suffix: with the longest one a name stays below the 255 bytes of Linux, and below the 255
 * characters of HFS+, which stores what takes up to 3 bytes as up to 3 characters.
 */
const MAX_BYTES = 180;
/** Digits of a suffix. More than 8 only where two names with 8 would be one. */
const DIGITS = [0, 8, 16, 64];
const DEVICE = /^(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9]) *(\.|$)/;

/** A folder's name in the making. */
interface Candidate {
  readonly key: string;
  readonly name: string;
  /** A place in DIGITS. */
  level: number;
}

/** The folders of all series of a project, by SeriesInstanceUID. The order of series makes no difference. */
export function downloadFolders(series: Iterable<NamedSeries>): Map<string, SeriesFolder> {
  const subjectNames = new Map<string, string>();
  const seriesNames = new Map<string, string>();
  const subjectOf = new Map<string, string>();
  for (const one of series) {
    const { SeriesInstanceUID, SeriesDescription } = one;
    const subject = subjectKey(one);
    // Where the PACS says several things of one patient or series, the least counts.
    keepLeast(subjectNames, subject, safeName(personName(one.PatientName)));
    keepLeast(seriesNames, SeriesInstanceUID, safeName(SeriesDescription));
    keepLeast(subjectOf, SeriesInstanceUID, subject);
  }
  const subjects = distinctNames(subjectNames, nameOfNameless, isReserved);
  const found = new Map<string, SeriesFolder>();
  for (const [subject, uids] of Map.groupBy(subjectOf.keys(), (uid) => subjectOf.get(uid)!)) {
    const named = new Map(uids.map((uid) => [uid, seriesNames.get(uid)!]));
    const names = distinctNames(named, (uid) => `Series_${uid}`, never);
    for (const uid of uids)
      found.set(uid, { patient: subject, subject: subjects.get(subject)!, series: names.get(uid)! });
  }
  return found;
}

/**
 * The folders, none of which is one in which another series, or another patient, has begun: names may have been corrected
 * since, and series may have gone. @param begun paths of folders, by SeriesInstanceUID
 */
export function foldersBeside(folders: SeriesFolders, begun: ReadonlyMap<string, string>): SeriesFolders {
  const taken = new Map<string, string>();
  const patients = new Map<string, Set<string>>();
  for (const [uid, folder] of begun) {
    taken.set(folded(folder), uid);
    // Whose a series is that has left the project is not known: its folder is nobody's who is expected now.
    const patient = folders.get(uid)?.patient ?? `\0series ${uid}`;
    const [subject = ''] = folder.split('/', 1);
    const own = patients.get(folded(subject));
    if (own === undefined) patients.set(folded(subject), new Set([patient]));
    else own.add(patient);
  }
  const beside = new Map<string, SeriesFolder>();
  for (const [uid, { patient, subject: name, series }] of folders) {
    const isOwn = (subject: string) => [...(patients.get(folded(subject)) ?? [])].every((other) => other === patient);
    const subject = firstFree({ key: patient, name }, isOwn);
    const isFree = (inside: string) => (taken.get(folded(`${subject}/${inside}`)) ?? uid) === uid;
    beside.set(uid, { patient, subject, series: firstFree({ key: uid, name: series }, isFree) });
  }
  return beside;
}

/** The name, with as much of a suffix as it takes. */
function firstFree({ key, name }: Pick<Candidate, 'key' | 'name'>, isFree: (name: string) => boolean): string {
  let level = 0;
  const named = () => nameWithSuffix({ key, name, level });
  while (!isFree(named()) && level < DIGITS.length - 1) level++;
  return named();
}

/** Patients are told apart by PatientID, without it by study; a NUL marks the latter. */
function subjectKey({ PatientID, StudyInstanceUID }: NamedSeries): string {
  const id = withoutPadding(PatientID);
  return id === '' ? `\0${StudyInstanceUID}` : id;
}

function nameOfNameless(key: string): string {
  return key.startsWith('\0') ? `Study_${key.slice(1)}` : `Patient_${key}`;
}

/** Of a PN (PS3.5 6.2.1): `Last^First^Middle^Prefix^Suffix`, the alphabetic component group before a `=`. */
function personName(PatientName: string): string {
  const [last, first, middle] = PatientName.split('=')[0]!.split('^').map(withoutPadding);
  return [first, middle, last].filter((part) => part !== undefined && part !== '').join('_');
}

function keepLeast(values: Map<string, string>, key: string, value: string): void {
  const kept = values.get(key);
  if (kept === undefined || kept === '' || (value !== '' && value < kept)) values.set(key, value);
}

/** What a download has besides patients: its manifest, what is kept aside, and the zips of subjects. */
function isReserved(name: string): boolean {
  const other = folded(name);
  return [NOT_ASKED_FOR, 'manifest.csv'].some((taken) => folded(taken) === other) || other.endsWith('.ZIP');
}

function never(): boolean {
  return false;
}

/** Names by key, with a suffix where two would be one folder: for both of them, so that no order decides. */
function distinctNames(
  names: ReadonlyMap<string, string>,
  otherwise: (key: string) => string,
  needsSuffix: (name: string) => boolean,
): Map<string, string> {
  const candidates = Array.from(names, ([key, kept]): Candidate => {
    const name = kept === '' ? safeName(otherwise(key)) : kept;
    return { key, name, level: needsSuffix(name) ? 1 : 0 };
  });
  for (;;) {
    let isDone = true;
    for (const same of Map.groupBy(candidates, (candidate) => folded(nameWithSuffix(candidate))).values()) {
      if (same.length === 1) continue;
      // Two keys have two hashes, so this ends: at the last level at most one of these is.
      for (const candidate of same) candidate.level = Math.min(candidate.level + 1, DIGITS.length - 1);
      isDone = false;
    }
    if (isDone) return new Map(candidates.map((candidate) => [candidate.key, nameWithSuffix(candidate)]));
  }
}

function nameWithSuffix({ key, name, level }: Candidate): string {
  if (level === 0) return name;
  const hash = createHash('sha256');
  if (level === 1) hash.update(key.startsWith('\0') ? key.slice(1) : key);
  // Tells apart also a PatientID from a UID that is the same, and unpaired surrogates.
  else hash.update(Buffer.from(key, 'utf16le'));
  return `${name}_${hash.digest('hex').slice(0, DIGITS[level])}`;
}

/** A name that every file system takes; '' where nothing would be seen of it. */
function safeName(text: string): string {
  const safe = withoutPadding(withoutPadding(text).slice(0, 4 * MAX_CHARACTERS))
    // Before normalising: what was no character may not become part of one.
    .replace(/\p{Cs}/gu, '_')
    .normalize('NFC')
    // Also what turns the text around it, and what APFS refuses as not assigned.
    .replace(/[<>:"/\\|?*\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Cn}]/gu, '_');
  const name = shortened(safe).replace(/^[.\s]+|[.\s]+$/g, (ends) => '_'.repeat(ends.length));
  const other = folded(name);
  if (other === '') return '';
  // HFS+ does not see some characters: a name of one behind those starts with a dot for it.
  return DEVICE.test(other) || other.startsWith('.') ? `_${name}` : name;
}

function shortened(text: string): string {
  let short = '';
  let characters = 0;
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (++characters > MAX_CHARACTERS || bytes > MAX_BYTES) break;
    short += character;
  }
  return short;
}

/**
 * What is the same for two names that some file system takes for one: macOS and Windows fold case, HFS+ overlooks some
 * characters.
 */
function folded(name: string): string {
  const visible = name.normalize('NFKD').replace(/\p{Default_Ignorable_Code_Point}/gu, '');
  return visible.toLowerCase().toUpperCase().normalize('NFKD');
}

/** Blanks and NULs around a value are no part of it. By hand: a regular expression would take quadratic time. */
function withoutPadding(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && /[\s\0]/.test(text[start]!)) start++;
  while (end > start && /[\s\0]/.test(text[end - 1]!)) end--;
  return text.slice(start, end);
}
