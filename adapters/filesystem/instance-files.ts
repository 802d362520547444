// The port InstanceFiles on the local file system.
import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { typedPath } from '../../core/instance/byte-path.ts';
import type { InstanceFile, InstanceFiles } from '../../core/ports/instance-files.ts';
import type { MakeCall } from './instance-store-calls.ts';
import { QuickCalls } from './quick-calls.ts';

// O_NONBLOCK: opening a named pipe that stands where a file was must not wait for a writer.
const READ_ONLY = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK;

export class FilesystemInstanceFiles implements InstanceFiles {
  private readonly rootOf: (archive: string) => string;
  private readonly calls = new QuickCalls();

  /** @param rootOf the byte path of an archive's root. Throws where the archive is not to be had here. */
  constructor(rootOf: (archive: string) => string) {
    this.rootOf = rootOf;
  }

  /** Of archives by their names. One that is not mounted here fails as a file that is not there. @param roots absolute folders */
  static mounted(roots: ReadonlyMap<string, string>): FilesystemInstanceFiles {
    return new FilesystemInstanceFiles((archive) => {
      const root = roots.get(archive);
      if (root === undefined) throw Object.assign(new Error('The archive is not mounted here'), { code: 'ENODEV' });
      return typedPath(root);
    });
  }

  async open(archive: string, path: string): Promise<InstanceFile> {
    const whole = `${this.rootOf(archive)}/${path}`;
    // Below an archive's root there may be mounts, too.
    const make = await this.calls.in(whole.slice(0, whole.lastIndexOf('/')));
    // A name of a file is bytes.
    const name = Buffer.from(whole, 'latin1');
    const file = await make<number>(
      () => fs.openSync(name, READ_ONLY),
      (done) => fs.open(name, READ_ONLY, done),
    );
    try {
      const { size } = await make<fs.Stats>(
        () => fs.fstatSync(file),
        (done) => fs.fstat(file, done),
      );
      return openFile(file, size, make);
    } catch (error) {
      await close(file, make);
      throw error;
    }
  }
}

function openFile(file: number, size: number, make: MakeCall): InstanceFile {
  // The number of a file that is closed is soon that of another.
  let isOpen = true;
  return {
    size,
    read: async (buffer, length, position) => {
      if (!isOpen) throw Object.assign(new Error('EBADF: the file is closed'), { code: 'EBADF' });
      return make<number>(
        () => fs.readSync(file, buffer, 0, length, position),
        (done) => fs.read(file, buffer, 0, length, position, done),
      );
    },
    close: async () => {
      if (!isOpen) return;
      isOpen = false;
      await close(file, make);
    },
  };
}

function close(file: number, make: MakeCall): Promise<void> {
  return make<void>(
    () => fs.closeSync(file),
    (done) => fs.close(file, done),
  );
}
