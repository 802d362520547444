// What a command does to a project of a cluster, as others see it.

export interface ProjectJob {
  /** Also that of its items. */
  readonly id: string;
  readonly project: string;
  readonly what: 'index' | 'download';
  /** ISO 8601. */
  readonly startedAt: string;
  /** Those of its command: with them it is begun again. */
  readonly options: CommandOptions;
  /** Somebody wants it to end; it holds the project until it has. */
  readonly isCancelled?: boolean;
  /** ISO 8601: when it ended before all was done. It holds the project no more. */
  readonly endedAt?: string;
  /** What is left to do of the other kind. */
  readonly left?: Omit<ProjectJob, 'left'>;
}

/** By their names in camelCase; without those that every command has. */
export type CommandOptions = Readonly<Record<string, string | boolean>>;

/** Keeps others from changing a project. */
export interface ProjectLock extends AsyncDisposable {
  /** Aborts where another one has it now, or has ended this one, with the DitagError that says so. */
  readonly lost: AbortSignal;
  /** Looks now whether that is so, and throws it: it may be found out some seconds late. */
  confirm(): Promise<void>;
  /** All is done: when it is disposed of nothing is left to resume. */
  finished(): void;
}
