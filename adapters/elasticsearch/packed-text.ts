// Texts in fields of type `binary`: as base64, which Elasticsearch keeps as bytes, compressed where that saves any.
import { Buffer } from 'node:buffer';
import zlib from 'node:zlib';

const COMPRESSION = { params: { [zlib.constants.ZSTD_c_compressionLevel]: 3 } };
/** Shorter texts are kept as they are: starting the compression costs more than it saves. */
const SHORT = 200;
/** First byte of a compressed text; JSON of ours starts with another one. */
const ZSTD = 0x28;

export function packedText(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  return (bytes.length < SHORT ? bytes : zlib.zstdCompressSync(bytes, COMPRESSION)).toString('base64');
}

export function unpackedText(text: string): string {
  const bytes = Buffer.from(text, 'base64');
  return (bytes[0] === ZSTD ? zlib.zstdDecompressSync(bytes) : bytes).toString('utf8');
}
