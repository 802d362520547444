// A download compared with its manifest, in either mode: it stands on a disk of this machine.
import fs from 'node:fs';
import path from 'node:path';
import { isOfDownload, MANIFEST } from '../../adapters/filesystem/download-files.ts';
import { type ExpectedFile, listFiles, verifyFiles } from '../../adapters/filesystem/verify-download.ts';
import { ditagError } from '../../core/errors/errors.ts';
import { readFailure } from '../../core/errors/file-failure.ts';
import { readManifest } from '../../core/projects/manifest.ts';
import { BadList } from '../../core/query/csv-reader.ts';

export interface VerifyOptions {
  /** Called for every file that is not as the manifest has it, and every one that it does not have. */
  readonly onProblem: (path: string, detail: string) => void;
  readonly onProgress: (files: number, bytes: number) => void;
  readonly signal: AbortSignal;
}

export interface VerifyOutcome {
  /** Files that are as the manifest has them. */
  readonly good: number;
  readonly problems: number;
  /** Lines of the manifest without a file. */
  readonly missing: number;
  /** Files that the manifest does not have. */
  readonly unknown: number;
}

/** Throws `bad-manifest`, `cannot-read`, and the signal's reason. */
export async function verifyDownload(
  folder: string,
  { onProblem, onProgress, signal }: VerifyOptions,
): Promise<VerifyOutcome> {
  const file = path.join(folder, MANIFEST);
  // What is not named by the manifest is to be noticed, too.
  const named = new Set<string>();
  let missing = 0;
  async function* entries(): AsyncIterable<ExpectedFile> {
    for await (const { outcome, path: at, size, sha256 } of readManifest(fs.createReadStream(file))) {
      if (outcome === 'missing') missing++;
      else {
        named.add(at);
        yield { path: at, size: size!, sha256 };
      }
    }
  }
  let problems = 0;
  let unknown = 0;
  try {
    for await (const problem of verifyFiles(folder, entries(), { signal, onProgress })) {
      problems++;
      onProblem(problem.path, problem.detail);
    }
    for await (const at of listFiles(folder)) {
      if (isOfDownload(at) || named.has(at)) continue;
      unknown++;
      onProblem(at, 'It is not in the manifest.');
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BadList) throw ditagError('bad-manifest', { path: file, reason: error.message }, error);
    if (typeof (error as { code?: unknown }).code === 'string') throw readFailure(file, error);
    throw error;
  }
  return { good: named.size - problems, problems, missing, unknown };
}
