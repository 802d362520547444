// The port InstanceFiles on the local file system.
import fs from 'node:fs/promises';
import { typedPath } from '../../core/instance/byte-path.ts';
import type { InstanceFile, InstanceFiles } from '../../core/ports/instance-files.ts';

export class FilesystemInstanceFiles implements InstanceFiles {
  private readonly rootOf: (archive: string) => string;

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
    // A name of a file is bytes.
    const file = await fs.open(Buffer.from(`${this.rootOf(archive)}/${path}`, 'latin1'));
    try {
      const { size } = await file.stat();
      return {
        size,
        read: async (buffer, length, position) => (await file.read(buffer, 0, length, position)).bytesRead,
        close: () => file.close(),
      };
    } catch (error) {
      await file.close();
      throw error;
    }
  }
}
