// Clusters for tests, from real parts, and the archives that they index; what is indexed is compared with what the
// same archive gives on one machine.
import fs from 'node:fs';
import path from 'node:path';
import { readConfiguration } from '../../cli/configuration/configuration.ts';
import { ClusterWorkspace } from '../../cli/workspaces/cluster/cluster-workspace.ts';
import { LocalWorkspace } from '../../cli/workspaces/local/local-workspace.ts';
import type { IndexOptions, IndexOutcome, Workspace } from '../../cli/workspaces/workspace.ts';
import { dicomFile, LONG_AGO, makeArchive, plainSeries, writeFile } from '../index/make-archive.ts';

const SAMPLES = path.resolve(import.meta.dirname, '../samples');

export function clusterWorkspace(nats: string): Workspace {
  return new ClusterWorkspace({ url: nats }, undefined, 'config.ini');
}

/** A workspace on this machine with an index of its own below `home`. */
export function localWorkspace(home: string): Workspace {
  return new LocalWorkspace(readConfiguration(path.join(home, '.ditag', 'config.ini'), { environment: {} }));
}

/** `ditag index`. */
export function index(
  workspace: Workspace,
  archive: string,
  options: Partial<Pick<IndexOptions, 'append' | 'acceptDeletions'>> = {},
): Promise<IndexOutcome> {
  const { append = false, acceptDeletions = false } = options;
  const { signal } = new AbortController();
  const quiet = { onStart: () => {}, onProgress: () => {} };
  return workspace.index({ archive, append, acceptDeletions, threads: 2, signal, ...quiet });
}

/** An archive with the samples and with what is hard to keep apart: many folders, one series in several, names of bytes. */
export function makeMixedArchive(root: string): void {
  fs.cpSync(SAMPLES, path.join(root, 'samples'), { recursive: true });
  const descriptions = ['T1 MPRAGE', 't1 mprage', 'AX FLAIR', 'a,"b"', '', 'Übersicht', 'BRAIN POST GD'];
  for (let i = 0; i < 150; i++) {
    const uid = `1.2.3.${i}`;
    makeArchive(
      root,
      plainSeries(`${i % 12}/study-${i % 40}/series ${i}`, uid, 1 + (i % 5), {
        StudyInstanceUID: `1.2.9.${i % 40}`,
        StudyDate: i % 9 === 0 ? '' : String(19990101 + (i % 40) * 10_000 + (i % 28)),
        SeriesDescription: descriptions[i % descriptions.length]!,
        PatientName: `Doe^${String.fromCharCode(65 + (i % 26))}`,
        PatientID: `P${i % 30}`,
        Modality: i % 3 === 0 ? 'CT' : 'MR',
      }),
    );
  }
  // One series in three folders, whose files disagree.
  for (const [n, folder] of ['z/late', 'a/early', 'm/middle'].entries()) {
    const content = dicomFile({
      SeriesInstanceUID: '1.2.4.1',
      SOPInstanceUID: `1.2.4.1.${n}`,
      StudyInstanceUID: '1.2.9.99',
      SeriesDescription: `from ${folder}`,
      StudyDate: '20200202',
    });
    writeFile(root, `${folder}/${n}.dcm`, content, LONG_AGO);
  }
  writeFile(root, 'notes/readme.txt', 'no image here, and nothing else that is one');
}
