// What a series consists of: one piece for each folder chunk that has it, in any archive, with the position in the log
// that says so. The series is a pure fold over its pieces, so neither the order of entries nor the number of writers
// shows. A piece that is gone keeps its position: an older entry cannot bring it back.
import { Buffer } from 'node:buffer';
import { comparePaths, joinPath } from '../../core/instance/byte-path.ts';
import { decodeHeader } from '../../core/instance/header-codec.ts';
import { foldSeries, type PlacedPart, type SeriesFold } from '../../core/instance/series-fold.ts';
import { seriesIdentity } from '../../core/instance/series-identity.ts';
import type { ArchiveIdentity, ChunkEntry } from '../../core/ports/record-log.ts';
import { documentId } from './document-id.ts';
import { fullHeader, headerFields, keptText, type OwnTexts, WHOLE_HEADER_FIELDS } from './header-fields.ts';
import { packedText, unpackedText } from './packed-text.ts';

/** What is known of a piece's first file. */
interface FirstFile {
  readonly name: string;
}

/** What a chunk has of the series. */
export interface LivingPiece {
  /** See placeOf. */
  readonly place: string;
  readonly sequence: number;
  readonly archive: ArchiveIdentity;
  readonly folder: string;
  readonly part: PlacedPart<FirstFile>['part'];
  /** Full header of the part's first file, encoded, and bits of `Issue` that it showed. */
  readonly header: string;
  readonly issues: number;
}

/** A chunk that had the series and has it no more. */
export interface GonePiece {
  readonly place: string;
  readonly sequence: number;
  readonly part?: undefined;
}

export type SeriesPiece = LivingPiece | GonePiece;

/** The pieces of one series by place. */
export type SeriesPieces = Map<string, SeriesPiece>;

/** More pieces that are gone are not remembered: the oldest are forgotten. */
const MOST_GONE = 64;
/** Bytes of a place; of a longer one the folder is hashed. Lucene's limit is 32,766. */
const LONGEST_PLACE = 32_000;

/** Brings changes in; true where any is newer than what is known. */
export function applyPieces(pieces: SeriesPieces, changes: readonly SeriesPiece[]): boolean {
  let changed = false;
  for (const change of changes) {
    const known = pieces.get(change.place);
    if (known === undefined ? change.part === undefined : known.sequence >= change.sequence) continue;
    pieces.set(change.place, change);
    changed = true;
  }
  return changed;
}

/** A series with files. */
export interface SeriesState {
  readonly archive: ArchiveIdentity;
  /** Names of all archives that have it. */
  readonly archives: readonly string[];
  readonly fold: SeriesFold<FirstFile>;
  /** The piece whose first file speaks. */
  readonly speaker: LivingPiece;
}

/** The series as its pieces make it; undefined where none is left. */
export function seriesState(pieces: SeriesPieces): SeriesState | undefined {
  const living = sorted(pieces).filter((piece) => piece.part !== undefined);
  let archive: ArchiveIdentity | undefined;
  for (const piece of living)
    if (archive === undefined || piece.archive.number < archive.number) archive = piece.archive;
  if (archive === undefined) return undefined;
  const speaking = living.filter((piece) => piece.archive.number === archive.number);
  const fold = foldSeries(speaking)!;
  return {
    archive,
    archives: [...new Set(living.map((piece) => piece.archive.name))].sort(),
    fold,
    speaker: speaking.reduce((least, piece) => (comparePaths(firstPath(piece), firstPath(least)) < 0 ? piece : least)),
  };
}

function firstPath({ folder, part }: LivingPiece): string {
  return joinPath(folder, part.first.name);
}

function sorted(pieces: SeriesPieces): SeriesPiece[] {
  return [...pieces.values()].sort((a, b) => (a.place < b.place ? -1 : 1));
}

/** The fields of a series' document of which its pieces are made. */
export const STORED_SERIES_FIELDS = ['parts', 'places', ...WHOLE_HEADER_FIELDS] as const;
/** Elasticsearch gives the only value of a field without a list around it. */
export type StoredSeries = { readonly [field in (typeof STORED_SERIES_FIELDS)[number]]?: string | readonly string[] };

/**
 * How a piece stands in `parts`, which is a JSON array: first the archives, then the living pieces in the order of
 * `places`, then those that are gone. The speaker's header is the document's own.
 */
type StoredArchives = readonly (readonly [number: number, name: string])[];
type StoredLiving = readonly [
  archive: number,
  sequence: number,
  instances: number,
  bytes: number,
  first: string,
  digest: number,
  mixed: 0 | 1,
  issues: number,
  headerIssues: number,
  header: string | 0,
  /** Where the place does not tell it. */
  folder?: string,
];
type StoredGone = readonly [sequence: number, place: string];

/**
 * The fields that hold the pieces; `speaker` is one of them, or undefined where none is left; `own` are the texts that
 * the document has already.
 */
export function encodeSeries(pieces: SeriesPieces, speaker?: { readonly piece: LivingPiece; readonly own: OwnTexts }) {
  const living: LivingPiece[] = [];
  const gone: GonePiece[] = [];
  for (const piece of sorted(pieces)) {
    if (piece.part === undefined) gone.push(piece);
    else living.push(piece);
  }
  const archives: StoredArchives = [...new Map(living.map(({ archive }) => [archive.number, archive.name]))];
  const places = living.map(({ place }) => place);
  const kept = gone.sort((a, b) => b.sequence - a.sequence).slice(0, MOST_GONE);
  const parts = [
    archives,
    ...living.map((piece) => storedLiving(piece, piece === speaker?.piece)),
    ...kept.map(({ sequence, place }): StoredGone => [sequence, place]),
  ];
  const fields = { places, parts: packedText(JSON.stringify(parts)) };
  return speaker === undefined
    ? fields
    : { ...fields, ...headerFields(decodeHeader(speaker.piece.header), speaker.own) };
}

function storedLiving(piece: LivingPiece, isSpeaker: boolean): StoredLiving {
  const { archive, sequence, part, issues, header, folder } = piece;
  const { instances, bytes, first, digest, mixed, issues: all } = part;
  const own = isSpeaker ? 0 : header;
  const values = [instances, bytes, first.name, digest, mixed ? 1 : 0, all, issues, own] as const;
  return isHashed(piece) ? [archive.number, sequence, ...values, folder] : [archive.number, sequence, ...values];
}

/** Names of the archives that mean the same series as the one that speaks, which is the first. */
export function archivesAlike(document: StoredSeries): readonly string[] {
  const speakers = new Map<number, LivingPiece>();
  for (const piece of sorted(decodePieces(document))) {
    if (piece.part === undefined) continue;
    const known = speakers.get(piece.archive.number);
    if (known === undefined || comparePaths(firstPath(piece), firstPath(known)) < 0)
      speakers.set(piece.archive.number, piece);
  }
  const all = [...speakers.values()].sort((a, b) => a.archive.number - b.archive.number);
  const identities = all.map(({ header }) => {
    const flat = decodeHeader(header);
    return seriesIdentity((key) => keptText(flat, key));
  });
  return all.filter((_, i) => identities[i] === identities[0]).map(({ archive }) => archive.name);
}

/** Names of the archives in the field `parts`, by number. */
export function archivesOfParts(parts: string): ReadonlyMap<number, string> {
  const [archives] = JSON.parse(unpackedText(parts)) as [StoredArchives];
  return new Map(archives);
}

export function decodePieces(document: StoredSeries): SeriesPieces {
  const fields = Object.fromEntries(
    Object.entries(document).map(([field, values]) => [field, [values].flat() as string[]]),
  ) as { readonly [field in keyof StoredSeries]: readonly string[] };
  const [archives, ...stored] = JSON.parse(unpackedText(fields.parts![0]!)) as [
    StoredArchives,
    ...(StoredLiving | StoredGone)[],
  ];
  const names = new Map(archives);
  const places = fields.places ?? [];
  const pieces: SeriesPieces = new Map();
  stored.forEach((one, i) => {
    if (one.length === 2) {
      const [sequence, place] = one;
      pieces.set(place, { place, sequence });
      return;
    }
    const place = places[i]!;
    const [number, sequence, instances, bytes, name, digest, mixed, all, issues, own, folder] = one;
    pieces.set(place, {
      place,
      sequence,
      archive: { name: names.get(number)!, number },
      folder: folder ?? folderOfPlace(place),
      part: { instances, bytes, first: { name }, digest, mixed: mixed === 1, issues: all },
      header: own === 0 ? JSON.stringify(fullHeader(fields)) : own,
      issues,
    });
  });
  return pieces;
}

/** The name of a chunk in the documents of its series: archive, cut and folder. */
export function placeOf({ archive, folder, chunk }: ChunkEntry): string {
  const place = `${archive.number}.${chunk.bits}.${chunk.index}/${folder}`;
  if (Buffer.byteLength(place) < LONGEST_PLACE) return place;
  return `${archive.number}.${chunk.bits}.${chunk.index}#${documentId(folder)}`;
}

/** The chunk of a place and the number of its archive; undefined where the place does not tell the folder. */
export function chunkOfPlace(place: string) {
  const [, number, bits, index, folder] = /^(\d+)\.(\d+)\.(\d+)\/(.*)$/s.exec(place) ?? [];
  if (folder === undefined) return undefined;
  return { number: Number(number), folder, chunk: { bits: Number(bits), index: Number(index) } };
}

function isHashed({ place, folder }: LivingPiece): boolean {
  return folderOfPlace(place) !== folder;
}

function folderOfPlace(place: string): string {
  return place.slice(place.indexOf('/') + 1);
}
