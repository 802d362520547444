// The port InstanceFiles on the local file system.
import fs from 'node:fs/promises';
import type { InstanceFile, InstanceFiles } from '../../core/ports/instance-files.ts';

export class FilesystemInstanceFiles implements InstanceFiles {
  private readonly rootOf: (archive: string) => string;

  /** @param rootOf the byte path of an archive's root. Throws where the archive is not to be had here. */
  constructor(rootOf: (archive: string) => string) {
    this.rootOf = rootOf;
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
