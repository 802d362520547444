// GET /series/:uid and what belongs to it, GET /studies/:uid: one series with its header and files, the series of a study.
import { Buffer } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { keywordOfTag } from '../../../core/dicom/dictionary.ts';
import type { HeaderElement } from '../../../core/dicom/header-element.ts';
import { matchText, noteText } from '../../../core/dicom/kept-text.ts';
import { shownPath } from '../../../core/instance/byte-path.ts';
import type { InstanceIndex, SeriesFile } from '../../../core/ports/instance-index.ts';
import { parsedFormat } from '../../../core/query/parsed-formats.ts';
import { makeQuery } from '../../../core/query/query.ts';
import type { IndexAsker } from '../index-asker.ts';
import { HttpProblem } from '../problems.ts';
import { answerOf, PROBLEMS, SeriesAnswer, StudyAnswer, UidParameter } from '../schemas.ts';
import { JSON_LINES, jsonLines, streamed } from '../streamed.ts';

/** Files that are told with a series; all of them are told by /series/:uid/instances. */
const FIRST_FILES = 100;

export function addSeries(server: FastifyInstance, asker: IndexAsker): void {
  const config = { isAudited: true };
  const one = {
    summary: 'A series with its whole header, and its first files',
    params: UidParameter,
    response: { 200: SeriesAnswer, ...PROBLEMS },
  };
  server.get<{ Params: UidParameter }>('/series/:uid', { schema: one, config }, (request) =>
    asker.ask(async (index) => {
      const { uid } = request.params;
      const header = await index.headerOf(uid);
      if (header === undefined) throw unknown('series', uid);
      const { files, instances, bytes, archive } = await filesOf(index, uid);
      request.rowsTold = files.length;
      return {
        SeriesInstanceUID: uid,
        archive: shownPath(archive),
        instances,
        bytes,
        header: header.map(elementAnswer),
        files: files.map(fileAnswer),
      };
    }),
  );
  const instances = {
    summary: 'All files of a series, a JSON object a line',
    params: UidParameter,
    response: { 200: answerOf('application/x-ndjson'), ...PROBLEMS },
  };
  server.get<{ Params: UidParameter }>(
    '/series/:uid/instances',
    { schema: instances, config: { role: 'export', isAudited: true } },
    async (request, reply) => {
      const { uid } = request.params;
      const files = asker.all((index) => index.instancesOf([uid]));
      const { stream, isEmpty } = await streamed(jsonLines(told(files), request));
      if (isEmpty) throw unknown('series', uid);
      return reply.type(JSON_LINES).send(stream);
    },
  );
  const study = {
    summary: 'The series of a study',
    params: UidParameter,
    response: { 200: StudyAnswer, ...PROBLEMS },
  };
  server.get<{ Params: UidParameter }>('/studies/:uid', { schema: study, config }, (request) =>
    asker.ask(async (index) => {
      const { uid } = request.params;
      const where = [`StudyInstanceUID=^${uid.replaceAll('.', '\\.')}$`];
      const more = ['Modality', 'SeriesNumber', 'AccessionNumber'];
      const query = await makeQuery({ where, columns: more.join(',') });
      const format = parsedFormat('json', more);
      let text = format.begin();
      for await (const batch of index.search(query)) text += Buffer.from(format.batch(batch)).toString();
      const series = JSON.parse(text + format.end()) as Record<string, string>[];
      if (series.length === 0) throw unknown('study', uid);
      request.rowsTold = series.length;
      return { StudyInstanceUID: uid, series };
    }),
  );
}

async function filesOf(index: InstanceIndex, uid: string) {
  const files: SeriesFile[] = [];
  const instances = new Set<string>();
  let [bytes, archive] = [0, ''];
  for await (const some of index.instancesOf([uid])) {
    for (const file of some) {
      if (files.length < FIRST_FILES) files.push(file);
      instances.add(file.SOPInstanceUID);
      bytes += file.size;
      // The first is the one that speaks.
      archive ||= file.archive;
    }
  }
  return { files, instances: instances.size, bytes, archive };
}

function elementAnswer({ key, vr, text }: HeaderElement) {
  const note = noteText(text);
  const shown = matchText(text).toWellFormed();
  return { key, keyword: keywordOfKey(key), vr, text: shown, ...(note === undefined ? {} : { note }) };
}

async function* told(batches: AsyncIterable<readonly SeriesFile[]>) {
  for await (const files of batches) yield* files.map(fileAnswer);
}

function fileAnswer({ SOPInstanceUID, SOPClassUID, archive, path, size }: SeriesFile) {
  return { SOPInstanceUID, SOPClassUID, archive: shownPath(archive), path: shownPath(path), size };
}

/** '' for private elements, and for those that the dictionary does not have. */
function keywordOfKey(key: string): string {
  return /^[0-9A-F]{8}$/.test(key) ? (keywordOfTag(Number.parseInt(key, 16)) ?? '') : '';
}

function unknown(what: string, uid: string): HttpProblem {
  return new HttpProblem(404, `There is no ${what} ${uid} in the index.`);
}
