// A Storage SCP that is played: what one that others wrote does not do on demand.
import { Buffer } from 'node:buffer';
import net from 'node:net';
import type { TestContext } from 'node:test';
import { type CommandSet, decodeCommand, encodeCommand, responseTo } from '../core/dimse/command-set.ts';
import {
  type AssociateRequest,
  decodePdu,
  encodeData,
  encodePdu,
  PDU,
  PDU_HEADER,
  PDV_HEADER,
} from '../core/dimse/pdu.ts';
import { type DataPiece, isData, PduReader } from '../core/dimse/pdu-reader.ts';
import { VERIFICATION } from '../core/dimse/uids.ts';

const MOST_PDU = 1_000_000;

/** A C-STORE of which the data set comes, or has come. */
export interface Came {
  readonly socket: net.Socket;
  readonly contextId: number;
  readonly command: CommandSet;
  /** How many data sets came whole before, over whatever association. */
  readonly before: number;
  /** Answers it. */
  answer(status: number): void;
}

/** What it does otherwise than a peer that takes everything. */
export interface StorePlay {
  /** The longest P-DATA-TF it takes; 0: any. */
  readonly maximumLength?: number;
  /** The transfer syntax of a context; undefined: refused. Else the first that is proposed. */
  accept?(abstractSyntax: string, transferSyntaxes: readonly string[]): string | undefined;
  /** It answers no request for an association. */
  readonly isSilent?: boolean;
  /** A data set is whole: instead of the answer. */
  whole?(came: Came): void;
  /** More of a data set has come. */
  coming?(came: Came): void;
}

export interface PlayedStorePeer {
  readonly port: number;
  /** Data sets that came whole, by SOPInstanceUID. */
  readonly taken: ReadonlyMap<string, Buffer>;
  /** How many bytes each fragment of a data set had. */
  fragments(): number[];
  associations(): number;
}

/** Listens until the test is over. */
export async function playStorePeer(t: TestContext, play: StorePlay = {}): Promise<PlayedStorePeer> {
  const open = new Set<net.Socket>();
  const taken = new Map<string, Buffer>();
  const heard = new Map<net.Socket, Buffer[]>();
  let associations = 0;
  const serve = (socket: net.Socket) => {
    open.add(socket);
    heard.set(socket, []);
    socket.setNoDelay(true).on('error', () => {});
    const reader = new PduReader(MOST_PDU);
    let pieces: Buffer[] = [];
    let command: CommandSet = {};
    const takeCommand = ({ contextId }: DataPiece, bytes: Buffer) => {
      command = decodeCommand(bytes);
      if (command.AffectedSOPClassUID === VERIFICATION) socket.write(answerTo(command, contextId, 0));
    };
    const take = (piece: DataPiece) => {
      const { contextId, isCommand, isEnd } = piece;
      pieces.push(Buffer.from(piece.bytes));
      const of = command;
      const answer = (status: number) => void socket.write(answerTo(of, contextId, status));
      const came: Came = { socket, contextId, command, before: taken.size, answer };
      if (!isCommand) play.coming?.(came);
      if (!isEnd) return;
      const bytes = Buffer.concat(pieces);
      pieces = [];
      if (isCommand) {
        takeCommand(piece, bytes);
        return;
      }
      taken.set(command.AffectedSOPInstanceUID!, bytes);
      if (play.whole === undefined) answer(0);
      else play.whole(came);
    };
    socket.on('data', (bytes: Buffer) => {
      heard.get(socket)!.push(bytes);
      for (const read of reader.take(bytes)) {
        if (isData(read)) take(read);
        else if (read.type === PDU.associateRequest) {
          associations++;
          const acceptance = acceptanceOf(decodePdu(read.type, read.body) as AssociateRequest, play);
          if (play.isSilent !== true) socket.write(acceptance);
        } else if (read.type === PDU.releaseRequest) socket.end(encodePdu({ pdu: 'release-response' }));
        else socket.destroy();
      }
    });
  };
  const server = net.createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const { port } = server.address() as net.AddressInfo;
  const fragments = () => [...heard.values()].flatMap((bytes) => fragmentsOf(Buffer.concat(bytes)));
  return { port, taken, fragments, associations: () => associations };
}

/** Of P-DATA-TF PDUs with one fragment each. */
function fragmentsOf(bytes: Buffer): number[] {
  const lengths: number[] = [];
  for (let at = 0; at + PDU_HEADER + PDV_HEADER <= bytes.length; at += PDU_HEADER + bytes.readUInt32BE(at + 2)) {
    if (bytes[at] === PDU.data && (bytes[at + PDU_HEADER + 5]! & 1) === 0)
      lengths.push(bytes.readUInt32BE(at + 2) - PDV_HEADER);
  }
  return lengths;
}

/** A response to this request, as a P-DATA-TF. */
export function answerTo(request: CommandSet, contextId: number, Status: number | undefined): Buffer {
  const response = responseTo(request);
  return encodeData(contextId, true, true, encodeCommand(Status === undefined ? response : { ...response, Status }));
}

function acceptanceOf({ calledAETitle, callingAETitle, contexts }: AssociateRequest, play: StorePlay): Buffer {
  const accept = play.accept ?? ((_: string, transferSyntaxes: readonly string[]) => transferSyntaxes[0]);
  return encodePdu({
    pdu: 'associate-accept',
    calledAETitle,
    callingAETitle,
    contexts: contexts.map(({ id, abstractSyntax, transferSyntaxes }) => {
      const transferSyntax = accept(abstractSyntax, transferSyntaxes);
      return { id, result: transferSyntax === undefined ? 3 : 0, transferSyntax: transferSyntax ?? '' };
    }),
    maximumLength: play.maximumLength ?? 16_384,
    implementationClassUID: '1.2.3',
    implementationVersionName: 'PLAYED',
  });
}
