// What a series consists of: one piece for each folder chunk that has it, in any archive, with the position in the log
// that says so. The series is a pure fold over its pieces, so neither the order of entries nor the number of writers
// shows. A piece that is gone keeps its position: an older entry cannot bring it back.
import { Buffer } from 'node:buffer';
import zlib from 'node:zlib';
import { comparePaths, joinPath } from '../../core/instance/byte-path.ts';
import { decodeHeader, type FlatHeader } from '../../core/instance/header-codec.ts';
import { foldSeries, type SeriesFold, type SeriesPart } from '../../core/instance/series-fold.ts';
import type { ArchiveIdentity } from '../../core/ports/record-log.ts';

/** What a chunk has of the series. */
export interface LivingPiece {
  /** Id of the chunk's document. */
  readonly chunk: string;
  readonly sequence: number;
  readonly archive: ArchiveIdentity;
  readonly folder: string;
  readonly part: SeriesPart;
  /** Full header of the part's first file, encoded, and bits of `Issue` that it showed. */
  readonly header: string;
  readonly issues: number;
}

/** A chunk that had the series and has it no more. */
export interface GonePiece {
  readonly chunk: string;
  readonly sequence: number;
  readonly part?: undefined;
}

export type SeriesPiece = LivingPiece | GonePiece;

/** The pieces of one series by chunk. */
export type SeriesPieces = Map<string, SeriesPiece>;

/** More pieces that are gone are not remembered: the oldest are forgotten. */
const MOST_GONE = 64;

/** Brings changes in; true where any is newer than what is known. */
export function applyPieces(pieces: SeriesPieces, changes: readonly SeriesPiece[]): boolean {
  let changed = false;
  for (const change of changes) {
    const known = pieces.get(change.chunk);
    if (known === undefined ? change.part === undefined : known.sequence >= change.sequence) continue;
    pieces.set(change.chunk, change);
    changed = true;
  }
  return changed;
}

/** A series with files. */
export interface SeriesState {
  readonly archive: ArchiveIdentity;
  /** Names of all archives that have it. */
  readonly archives: readonly string[];
  readonly chunks: readonly string[];
  readonly fold: SeriesFold;
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
    chunks: living.map((piece) => piece.chunk),
    fold,
    speaker: speaking.reduce((least, piece) => (comparePaths(firstPath(piece), firstPath(least)) < 0 ? piece : least)),
  };
}

function firstPath({ folder, part }: LivingPiece): string {
  return joinPath(folder, part.first.name);
}

function sorted(pieces: SeriesPieces): SeriesPiece[] {
  return [...pieces.values()].sort((a, b) => (a.chunk < b.chunk ? -1 : 1));
}

/** The two binaries of a series' document, as base64. */
export interface EncodedSeries {
  readonly parts: string;
  /** Of the speaker: it is what queries ask for, so it stands by itself and only once. */
  readonly wholeHeader: string;
}

const COMPRESSION = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 3 } };
/** Shorter texts are kept as they are: starting the compression costs more than it saves. */
const SHORT = 600;
/** First byte of a compressed text; JSON of ours starts with another one. */
const ZSTD = 0x28;

function packed(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  return (bytes.length < SHORT ? bytes : zlib.zstdCompressSync(bytes, COMPRESSION)).toString('base64');
}

function unpacked(text: string): string {
  const bytes = Buffer.from(text, 'base64');
  return (bytes[0] === ZSTD ? zlib.zstdDecompressSync(bytes) : bytes).toString('utf8');
}

export function encodeSeries(pieces: SeriesPieces, speaker: LivingPiece | undefined): EncodedSeries {
  const gone = [...pieces.values()].filter((piece) => piece.part === undefined);
  const forgotten = new Set<SeriesPiece>(gone.sort((a, b) => b.sequence - a.sequence).slice(MOST_GONE));
  const kept = sorted(pieces)
    .filter((piece) => !forgotten.has(piece))
    .map((piece) => (piece === speaker ? { ...piece, header: undefined } : piece));
  return { parts: packed(JSON.stringify(kept)), wholeHeader: packed(speaker?.header ?? '[]') };
}

export function decodePieces({ parts, wholeHeader }: EncodedSeries): SeriesPieces {
  const pieces: SeriesPieces = new Map();
  for (const piece of JSON.parse(unpacked(parts)) as (SeriesPiece & { header?: string })[]) {
    const isSpeaker = piece.part !== undefined && piece.header === undefined;
    pieces.set(piece.chunk, isSpeaker ? { ...piece, header: unpacked(wholeHeader) } : piece);
  }
  return pieces;
}

/** The full header of a document's `wholeHeader`. */
export function decodeWholeHeader(wholeHeader: string): FlatHeader {
  return decodeHeader(unpacked(wholeHeader));
}
