// The peers that a gateway of a cluster serves, as JSON: a list of `{ aeTitle, host, may, associations, port, tls }`.
import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { AE_TITLE_PATTERN } from '../dimse/ae-title.ts';
import { ditagError } from '../errors/errors.ts';
import { PEER_ASSOCIATIONS, peerTwice, type ServedPeer } from './served-peers.ts';

const Peers = Type.Array(
  Type.Object(
    {
      aeTitle: Type.String({ pattern: AE_TITLE_PATTERN }),
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
type PeerSetting = Static<typeof Peers>[number];

const check = Compile(Peers);

/** Throws `bad-settings`. @param source names the text in messages */
export function readGatewayPeers(text: string, source: string): readonly ServedPeer[] {
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
  const served = peers.map(servedPeer);
  const nowhere = served.find(({ host, port }) => host === undefined && port !== undefined);
  if (nowhere !== undefined) throw wrong(`${nowhere.aeTitle} has a port, but no host to which C-MOVE could send`);
  const twice = peerTwice(served);
  if (twice !== undefined) throw wrong(`${twice} stands there twice`);
  return served;
}

function servedPeer({
  aeTitle,
  host,
  may,
  port,
  tls = false,
  associations = PEER_ASSOCIATIONS,
}: PeerSetting): ServedPeer {
  return {
    aeTitle: aeTitle.trim(),
    host: host === '*' ? undefined : host,
    port,
    isTls: tls,
    rights: may,
    associations,
  };
}
