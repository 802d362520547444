// The peers that a gateway of a cluster serves, as JSON: a list of `{ aeTitle, host, may, associations, port, tls }`.
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { ditagError } from '../errors/errors.ts';

const Peers = Type.Array(
  Type.Object(
    {
      /** PS3.5 table 6.2-1. */
      aeTitle: Type.String({ pattern: '^[\\x20-\\x5b\\x5d-\\x7e]{1,16}$' }),
      /** Name or address from which it calls; `*`: any. */
      host: Type.String({ minLength: 1 }),
      may: Type.Array(
        Type.Union([Type.Literal('store'), Type.Literal('find'), Type.Literal('move'), Type.Literal('get')]),
      ),
      /** Where it takes what a C-MOVE sends it; without one it is no destination. */
      port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
      /** Whether it takes that over TLS, with the certificates for PACSs (`DITAG_GATEWAY_PACS_...`). */
      tls: Type.Optional(Type.Boolean()),
      /** At a time (8). */
      associations: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    },
    { additionalProperties: false },
  ),
);
export type PeerSetting = Static<typeof Peers>[number];

const check = Compile(Peers);

/** Throws `bad-settings`. @param source names the text in messages */
export function gatewayPeers(text: string, source: string): readonly PeerSetting[] {
  const wrong = (what: string) => ditagError('bad-settings', { wrong: `${source}: ${what}` });
  let peers: unknown;
  try {
    peers = JSON.parse(text);
  } catch (error) {
    throw wrong(`it is not JSON (${(error as Error).message})`);
  }
  if (!check.Check(peers)) {
    const [first] = check.Errors(peers);
    const where = first === undefined || first.instancePath === '' ? 'it' : first.instancePath;
    throw wrong(
      `${where} ${first?.message ?? 'is not a list of peers'} (a list of { aeTitle, host, may, associations })`,
    );
  }
  const twice = peers.find(({ aeTitle }, i) => peers.findIndex((one) => one.aeTitle === aeTitle) !== i);
  if (twice !== undefined) throw wrong(`${twice.aeTitle} stands there twice`);
  return peers;
}
