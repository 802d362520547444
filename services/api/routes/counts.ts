// POST /facets and GET /statistics: how much there is of what.
import type { FastifyInstance } from 'fastify';
import type { IndexAsker } from '../index-asker.ts';
import { queryOf } from '../query-of.ts';
import { FacetsAnswer, FacetsBody, PROBLEMS, StatisticsAnswer } from '../schemas.ts';

const MOST_VALUES = 10;

export function addCounts(server: FastifyInstance, asker: IndexAsker): void {
  const facets = {
    summary: 'How many of the series that match have each value of some attributes, and each date',
    body: FacetsBody,
    response: { 200: FacetsAnswer, ...PROBLEMS },
  };
  server.post<{ Body: FacetsBody }>('/facets', { schema: facets, config: { isAudited: true } }, async (request) => {
    const { attributes, mostValues = MOST_VALUES, dates = 'year', ...text } = request.body;
    const query = await queryOf(text);
    return asker.ask((index) => index.facets(query, { attributes, mostValues, dates }));
  });
  const statistics = {
    summary: 'What the index holds, as `ditag stats` tells it',
    response: { 200: StatisticsAnswer, ...PROBLEMS },
  };
  server.get('/statistics', { schema: statistics }, () => asker.ask((index) => index.statistics()));
}
