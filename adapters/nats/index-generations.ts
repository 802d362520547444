// The port IndexGenerations in a key-value bucket; each generation has a consumer of the record log of its own.
import type { KV } from '@nats-io/kv';
import { ditagError } from '../../core/errors/errors.ts';
import type { Generations, IndexGenerations } from '../../core/ports/index-generations.ts';
import { isTaken } from './conflicts.ts';
import type { Cluster } from './connection.ts';
import { openBucket } from './scan-registry.ts';
import { INDEX, indexerConsumer, RECORDS } from './streams.ts';

const KEY = 'generations';
const FIRST: Generations = { answering: 1, building: undefined };

export class NatsIndexGenerations implements IndexGenerations {
  private readonly cluster: Cluster;
  private readonly bucket: KV;

  private constructor(cluster: Cluster, bucket: KV) {
    this.cluster = cluster;
    this.bucket = bucket;
  }

  /** @param replicas of the bucket where it is missing and is made; undefined: it is there */
  static async open(cluster: Cluster, replicas?: number): Promise<NatsIndexGenerations> {
    return new NatsIndexGenerations(cluster, await openBucket(cluster, INDEX, replicas));
  }

  async get(): Promise<Generations> {
    return (await this.read()).generations;
  }

  async begin(): Promise<number> {
    const { generations, revision } = await this.read();
    if (generations.building !== undefined) throw ditagError('rebuild-running', { generation: generations.building });
    const building = generations.answering + 1;
    if (!(await this.write({ ...generations, building }, revision))) return this.begin();
    return building;
  }

  async complete(generation: number): Promise<void> {
    const { generations, revision } = await this.read();
    if (generations.building !== generation) return;
    if (!(await this.write({ answering: generation, building: undefined }, revision))) return this.complete(generation);
    await this.cluster.manager.consumers.delete(RECORDS, indexerConsumer(generations.answering)).catch(() => false);
  }

  private async read(): Promise<{ generations: Generations; revision: number }> {
    const found = await this.bucket.get(KEY);
    if (found === null || found.operation !== 'PUT') return { generations: FIRST, revision: 0 };
    const { answering, building } = found.json<Generations>();
    return { generations: { answering, building }, revision: found.revision };
  }

  private async write(generations: Generations, revision: number): Promise<boolean> {
    try {
      const text = JSON.stringify(generations);
      if (revision === 0) await this.bucket.create(KEY, text);
      else await this.bucket.update(KEY, text, revision);
      return true;
    } catch (error) {
      if (isTaken(error)) return false;
      throw error;
    }
  }
}
