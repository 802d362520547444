// The peers that a gateway serves, however they are configured. Apart from their reading, which needs a library of some size.
import type { PeerRight } from '../ports/scp.ts';

/** A peer as it is configured. */
export interface ServedPeer {
  readonly aeTitle: string;
  /** Name or address; undefined: it may call from anywhere. */
  readonly host: string | undefined;
  /** Where it takes what a C-MOVE sends it; undefined: nowhere. */
  readonly port: number | undefined;
  /** Whether it takes it over TLS, with the gateway's own certificate. */
  readonly isTls: boolean;
  readonly rights: readonly PeerRight[];
  /** At a time. */
  readonly associations: number;
}

/** Associations of a peer at a time, where the configuration does not say. */
export const PEER_ASSOCIATIONS = 8;

/** The AE title that two of them have, if there is one. */
export function peerTwice(peers: readonly ServedPeer[]): string | undefined {
  return peers.find(({ aeTitle }, i) => peers.findIndex((one) => one.aeTitle === aeTitle) !== i)?.aeTitle;
}
