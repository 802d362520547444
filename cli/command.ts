// What every command is given, and how it ends: streams in, an exit code out. Only program.ts touches the process.
import type { Pacs } from './workspaces/pacs.ts';
import type { Workspace } from './workspaces/workspace.ts';

/** 0 done, 1 ran but something is missing or failed, 2 input or configuration, 130 interrupted. */
export type ExitCode = 0 | 1 | 2 | 130;

export interface CommandContext {
  readonly workspace: Workspace;
  readonly pacs: Pacs;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** Aborts on the first Ctrl-C or SIGTERM. A command that never asks for it is ended by them, as any program. */
  readonly signal: AbortSignal;
}
