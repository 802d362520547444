// Why a data set is not re-encoded. Tags and lengths only: the message ends in logs, values may name a patient.

/** The data set is malformed, or cannot be written in the other transfer syntax without loss. */
export class ReEncodeError extends Error {
  override readonly name = 'ReEncodeError';
}

/** `(0028,0010)`, for messages. */
export function tagName(tag: number): string {
  const digits = tag.toString(16).toUpperCase().padStart(8, '0');
  return `(${digits.slice(0, 4)},${digits.slice(4)})`;
}
