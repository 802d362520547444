// The `_id` of a document, made of the text that tells it from all others: the same whoever writes it, and shorter than
// most of these texts, since Elasticsearch keeps each twice.
import { hash } from 'node:crypto';

/** 96 bits: among a thousand million documents two would be alike once in a hundred thousand million such indices. */
const CHARACTERS = 16;

/** Elasticsearch keeps an `_id` in this alphabet as bytes, three for four characters. */
export function documentId(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, CHARACTERS);
}
