// GET /series/:uid/preview.png: a picture of the middle of a series.
import type { FastifyInstance } from 'fastify';
import type { InstanceIndex, SeriesFile } from '../../../core/ports/instance-index.ts';
import type { NoPreview, Previews } from '../../../core/ports/previews.ts';
import type { IndexAsker } from '../index-asker.ts';
import { HttpProblem } from '../problems.ts';
import { answerOf, PROBLEMS, UidParameter } from '../schemas.ts';

const WHY: Readonly<Record<NoPreview, string>> = {
  'not-here': 'its files cannot be read from here',
  'too-large': 'its middle file is too large',
  'no-image': 'its middle file has no image that can be shown',
  'too-long': 'it takes too long',
};

export function addPreview(server: FastifyInstance, asker: IndexAsker, previews: Previews | undefined): void {
  const schema = {
    summary: 'A picture of the middle of a series, as PNG; 404 with the reason where there is none',
    params: UidParameter,
    response: { 200: answerOf('image/png'), ...PROBLEMS },
  };
  server.get<{ Params: UidParameter }>(
    '/series/:uid/preview.png',
    { schema, config: { isAudited: true } },
    async ({ params: { uid } }, reply) => {
      const file = await asker.ask((index) => middleFile(index, uid));
      if (file === undefined) throw new HttpProblem(404, `There is no series ${uid} in the index.`);
      const picture = previews === undefined ? 'not-here' : await previews.of(file);
      if (typeof picture === 'string') throw new HttpProblem(404, `There is no preview of ${uid}: ${WHY[picture]}.`);
      return reply.type('image/png').send(picture);
    },
  );
  server.addHook('onClose', async () => previews?.close());
}

/** Of the archive that speaks, in the order of paths, which mostly is that in which a scanner has made them. */
async function middleFile(index: InstanceIndex, uid: string): Promise<SeriesFile | undefined> {
  const files: SeriesFile[] = [];
  for await (const some of index.instancesOf([uid]))
    for (const file of some) if (file.archive === (files[0] ?? file).archive) files.push(file);
  return files[Math.floor(files.length / 2)];
}
