// What a command does to a project of a cluster, as others see it.

export interface ProjectJob {
  /** Also that of its items. */
  readonly id: string;
  readonly project: string;
  readonly what: 'index' | 'download';
  /** ISO 8601. */
  readonly startedAt: string;
}
