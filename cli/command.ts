// What every command is given, and how it ends: streams in, an exit code out. Only program.ts touches the process.

import type { Configuration } from './configuration/configuration.ts';
import type { ProgressReporter } from './reporters/progress.ts';
import type { Pacs } from './workspaces/pacs.ts';
import type { Workspace } from './workspaces/workspace.ts';

/** 0 done, 1 ran but something is missing or failed, 2 input or configuration, 130 interrupted. */
export type ExitCode = 0 | 1 | 2 | 130;

export interface CommandContext {
  readonly configuration: Configuration;
  readonly workspace: Workspace;
  readonly pacs: Pacs;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Where a long command says where it stands; nothing is shown when it is to be quiet. */
  readonly progress: (quiet: boolean) => Promise<ProgressReporter>;
  /** Aborts on the first Ctrl-C or SIGTERM. A command that never asks for it is ended by them, as any program. */
  readonly signal: AbortSignal;
}
