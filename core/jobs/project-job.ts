// What a command does to a project of a cluster, as others see it.

export interface ProjectJob {
  /** Also that of its items. */
  readonly id: string;
  readonly project: string;
  readonly what: 'index' | 'download';
  /** ISO 8601. */
  readonly startedAt: string;
  /** Somebody wants it to end; it holds the project until it has. */
  readonly isCancelled?: boolean;
}

/** Keeps others from changing a project. */
export interface ProjectLock extends AsyncDisposable {
  /** Aborts where another one has it now, or has ended this one, with the DitagError that says so. */
  readonly lost: AbortSignal;
  /** Looks now whether that is so, and throws it: it may be found out some seconds late. */
  confirm(): Promise<void>;
}
