// Which generation of the index answers, and which one is being built from the replayed log to take its place. Every
// indexer fills both; the first that sees the new one complete lets it answer.

export interface Generations {
  readonly answering: number;
  readonly building: number | undefined;
}

export interface IndexGenerations {
  get(): Promise<Generations>;
  /** Begins a new generation. Throws `rebuild-running`. */
  begin(): Promise<number>;
  /** The generation that is being built answers from now on; the older one is forgotten with its place in the log. */
  complete(generation: number): Promise<void>;
}
