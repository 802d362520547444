// What a command tells where the cluster has failed it: what is no DitagError is the client's own.
import { explainedFailure } from '../../../adapters/nats/connection.ts';
import type { DitagError } from '../../../core/errors/errors.ts';

/** The sentence for an error of NATS; undefined for any other. */
export function clusterFailure(error: unknown): DitagError | undefined {
  return explainedFailure(error);
}
