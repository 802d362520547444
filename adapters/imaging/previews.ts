// The port Previews: files are decoded in a thread of its own, with limits of size, memory and time. What decodes is C
// compiled to WebAssembly, and the files may be anything: a thread that hangs or dies is ended, and the next picture has a
// new one.
import { Worker } from 'node:worker_threads';
import type { InstanceFiles } from '../../core/ports/instance-files.ts';
import type { SeriesFile } from '../../core/ports/instance-index.ts';
import type { NoPreview, Previews } from '../../core/ports/previews.ts';

/** Bytes of a file; milliseconds for a picture; megabytes of the thread's heap. */
const LARGEST = 64 * 1024 * 1024;
const LONGEST = 10_000;
const HEAP = { maxOldGenerationSizeMb: 512 };
/** Pictures that wait; further ones are not made. */
const MOST_WAITING = 20;

export interface PreviewOptions {
  readonly largest?: number;
  readonly longest?: number;
}

export class ThreadedPreviews implements Previews {
  private readonly files: InstanceFiles;
  private readonly largest: number;
  private readonly longest: number;
  private worker: Worker | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(files: InstanceFiles, { largest = LARGEST, longest = LONGEST }: PreviewOptions = {}) {
    this.files = files;
    this.largest = largest;
    this.longest = longest;
  }

  async of(file: SeriesFile): Promise<Uint8Array | NoPreview> {
    if (this.waiting >= MOST_WAITING) return 'too-long';
    this.waiting++;
    try {
      // One after the other: so many a person looks at.
      const picture = this.turn.then(() => this.inTime(file));
      this.turn = picture.catch(() => {});
      return await picture;
    } finally {
      this.waiting--;
    }
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
    this.worker = undefined;
  }

  /** A file that cannot be read to its end holds up nobody else. */
  private async inTime(file: SeriesFile): Promise<Uint8Array | NoPreview> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<NoPreview>((resolve) => (timer = setTimeout(() => resolve('too-long'), 2 * this.longest)));
    try {
      return await Promise.race([this.picture(file), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  private async picture(file: SeriesFile): Promise<Uint8Array | NoPreview> {
    let bytes: Uint8Array | undefined;
    try {
      bytes = await this.read(file);
    } catch {
      return 'not-here';
    }
    return bytes === undefined ? 'too-large' : this.decoded(bytes);
  }

  private async read({ archive, path }: SeriesFile): Promise<Uint8Array | undefined> {
    const file = await this.files.open(archive, path);
    try {
      if (file.size > this.largest) return undefined;
      const bytes = new Uint8Array(file.size);
      for (let at = 0; at < bytes.length; ) {
        const got = await file.read(bytes.subarray(at), bytes.length - at, at);
        if (got === 0) break;
        at += got;
      }
      return bytes;
    } finally {
      await file.close();
    }
  }

  private decoded(bytes: Uint8Array): Promise<Uint8Array | NoPreview> {
    this.worker ??= this.start();
    const { worker } = this;
    return new Promise((resolve) => {
      const end = (outcome: Uint8Array | NoPreview, isDead: boolean) => {
        clearTimeout(timer);
        for (const [event, listener] of Object.entries(listeners)) worker.off(event, listener);
        if (isDead) {
          // What else it says is nobody's any more.
          worker.on('error', () => {});
          void worker.terminate();
          if (this.worker === worker) this.worker = undefined;
        }
        resolve(outcome);
      };
      const listeners = {
        message: (png: Uint8Array | undefined) => end(png ?? 'no-image', false),
        error: () => end('no-image', true),
        exit: () => end('no-image', true),
      };
      const timer = setTimeout(() => end('too-long', true), this.longest);
      for (const [event, listener] of Object.entries(listeners)) worker.on(event, listener);
      worker.postMessage(bytes, [bytes.buffer as ArrayBuffer]);
    });
  }

  private start(): Worker {
    const file = import.meta.url.endsWith('.ts') ? './preview-worker.ts' : './preview-worker.js';
    // What the decoder says of a file may hold values of patients.
    const worker = new Worker(new URL(file, import.meta.url), { resourceLimits: HEAP, stdout: true, stderr: true });
    worker.unref();
    // Also where it ends between two pictures.
    const gone = () => {
      if (this.worker === worker) this.worker = undefined;
    };
    worker.on('error', gone);
    worker.on('exit', gone);
    return worker;
  }
}
