// A message that is larger than the cluster's server takes: whoever made it may be able to make smaller ones.
import { DitagError, ditagError } from './errors.ts';

export class MessageTooLarge extends DitagError {
  /** How large it may be (bytes). */
  readonly most: number;

  /** @param what names it in the message @param bytes its size @param most how large it may be @param headers room for what comes with it */
  constructor(what: string, bytes: number, most: number, headers: number) {
    const details = { what, bytes, most: most + headers, needed: bytes + headers };
    super('message-too-large', ditagError('message-too-large', details).message);
    this.most = most;
  }
}
