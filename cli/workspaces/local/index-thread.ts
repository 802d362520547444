// The thread that writes the index: what a cluster's indexer is, on one machine. In a thread of its own, so that the
// program answers to Ctrl-C and shows progress while a large index is published, and with a bounded heap.
import { parentPort, workerData } from 'node:worker_threads';
import { FilesystemArchiveFiles } from '../../../adapters/filesystem/archive-files.ts';
import { SqliteIndexWriter } from '../../../adapters/sqlite/index-writer.ts';
import { DitagError, type ErrorCode } from '../../../core/errors/errors.ts';
import { joinPath } from '../../../core/instance/byte-path.ts';
import type { ScanEvent } from '../../../core/jobs/jobs.ts';
import { isCallFailure } from '../../../core/ports/archive-files.ts';
import type { IndexWriterStart, PublishOptions, PublishReport } from '../../../core/ports/index-writer.ts';
import { readHeader } from '../../../core/stages/read-header.ts';

/** What the thread is started with. */
export interface IndexThreadData {
  readonly databasePath: string;
  readonly archive: string;
  /** Byte path of the archive's root. */
  readonly root: string;
  readonly append: boolean;
  readonly config: string;
}

/** What the thread has beside it: the first element is not 0 once a publication that is under way is to end. */
export interface IndexThreadStart extends IndexThreadData {
  readonly ending: Int32Array<SharedArrayBuffer>;
}

/** A request to the thread; each is answered once, in order. */
export type IndexThreadRequest =
  | { readonly ask: 'open' }
  | { readonly ask: 'stage'; readonly events: readonly ScanEvent[] }
  | { readonly ask: 'publish'; readonly options: PublishOptions }
  | { readonly ask: 'close' }
  /** The last one, which has no answer. */
  | { readonly ask: 'end' };

export type IndexThreadReply =
  | { readonly reply: 'done'; readonly value: IndexWriterStart | PublishReport | undefined }
  | { readonly reply: 'progress'; readonly done: number; readonly all: number }
  | { readonly reply: 'failed'; readonly code: ErrorCode | undefined; readonly message: string };

if (parentPort !== null) serve(parentPort, workerData as IndexThreadStart);

function serve(port: NonNullable<typeof parentPort>, data: IndexThreadStart): void {
  let writer: SqliteIndexWriter | undefined;
  const reply = (message: IndexThreadReply) => port.postMessage(message);

  async function answer(request: IndexThreadRequest): Promise<IndexWriterStart | PublishReport | undefined> {
    switch (request.ask) {
      case 'open': {
        const files = new FilesystemArchiveFiles(data.root, { mostCalls: 1 });
        const { append, config } = data;
        writer = new SqliteIndexWriter(data.databasePath, data.archive, {
          append,
          config,
          ports: {
            readHeader: (folder, name) => readNow(files, joinPath(folder, name)),
            progress: (done, all) => reply({ reply: 'progress', done, all }),
            throwIfEnded: () => {
              if (Atomics.load(data.ending, 0) !== 0) throw new Error('the publication was ended');
            },
          },
        });
        return writer.start;
      }
      case 'stage':
        await writer!.stage(request.events);
        return undefined;
      case 'publish':
        return writer!.publish(request.options);
      case 'close':
        await writer?.close();
        return undefined;
      case 'end':
        port.close();
        return undefined;
    }
  }

  port.on('message', (request: IndexThreadRequest) => {
    answer(request).then(
      (value) => reply({ reply: 'done', value }),
      (error: unknown) => {
        const code = error instanceof DitagError ? error.code : undefined;
        const message =
          error instanceof Error
            ? code === undefined
              ? (error.stack ?? error.message)
              : error.message
            : String(error);
        reply({ reply: 'failed', code, message });
      },
    );
  });
}

function readNow(files: FilesystemArchiveFiles, path: string) {
  try {
    return files.runNow(readHeader(path));
  } catch (error) {
    if (!isCallFailure(error)) throw error;
    // It is read again by the next run: the index notes that the header is missing.
    return undefined;
  }
}
