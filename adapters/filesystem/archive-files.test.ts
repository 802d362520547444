// Both ways in which calls are made, and the adapter that chooses between them.
import type { ArchiveFiles, FileAnswer, FileTask } from '../../core/ports/archive-files.ts';
import { archiveFilesContract } from '../../test/contracts/archive-files.ts';
import { FilesystemArchiveFiles } from './archive-files.ts';
import { callLater, callNow, Paths } from './file-calls.ts';

archiveFilesContract('adapting', (root) => new FilesystemArchiveFiles(root, { mostCalls: 8 }));
archiveFilesContract('at once', (root) => {
  const paths = new Paths(root);
  return inTurn((call) => Promise.resolve().then(() => callNow(paths, call)));
});
archiveFilesContract('in the thread pool', (root) => {
  const paths = new Paths(root);
  return inTurn(
    (call) =>
      new Promise((resolve, reject) => {
        callLater(paths, call, (error, answer) => (error === null ? resolve(answer) : reject(error)));
      }),
  );
});

/** Tasks one after the other, by one way of making calls. */
function inTurn(make: (call: Parameters<typeof callNow>[1]) => Promise<FileAnswer>): ArchiveFiles {
  const run = async <T>(task: FileTask<T>): Promise<T> => {
    let step = task.next();
    while (step.done !== true) {
      let answer: FileAnswer;
      try {
        answer = await make(step.value);
      } catch (error) {
        step = task.throw(error);
        continue;
      }
      step = task.next(answer);
    }
    return step.value;
  };
  return {
    run,
    runAll: async (tasks) => {
      for (const task of tasks) await run(task);
    },
  };
}
