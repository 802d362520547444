// Why a data set is not re-encoded. Tags and lengths only: the message ends in logs, values may name a patient.
import { tagDigits } from './tag-digits.ts';

/** The data set is malformed, or cannot be written in the other transfer syntax without loss. */
export class ReEncodeError extends Error {
  override readonly name = 'ReEncodeError';
}

/** `(0028,0010)`, for messages. */
export function tagName(tag: number): string {
  const digits = tagDigits(tag);
  return `(${digits.slice(0, 4)},${digits.slice(4)})`;
}
