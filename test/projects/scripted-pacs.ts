// A PACS for tests, on a real socket in this process: C-FIND, C-MOVE and C-GET over what pacs-content.ts describes, right or
// with the faults of pacs-faults.ts. It drives its associations itself: the port Scp has no way to break off, or to answer
// without counts.
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { acceptance } from '../../adapters/dimse/agreement.ts';
import { type Acceptor, Association, type RequestTaker } from '../../adapters/dimse/association.ts';
import { type Asked, type FinalAnswer, IdentifierRequests } from '../../adapters/dimse/identifier-requests.ts';
import { keywordOfTag } from '../../core/dicom/dictionary.ts';
import { COMMAND, responseTo } from '../../core/dimse/command-set.ts';
import type { Identifier } from '../../core/dimse/identifier.ts';
import { answerContexts, isStorageClass } from '../../core/dimse/negotiation.ts';
import { type AssociateAccept, type AssociateReject, type AssociateRequest, PduError } from '../../core/dimse/pdu.ts';
import {
  EXPLICIT_VR_LITTLE_ENDIAN,
  STUDY_ROOT_FIND,
  STUDY_ROOT_GET,
  STUDY_ROOT_MOVE,
  VERIFICATION,
} from '../../core/dimse/uids.ts';
import type { PacsContent } from './pacs-content.ts';
import type { PacsFaults } from './pacs-faults.ts';
import { answerFind } from './pacs-find.ts';
import { answerRetrieval, type Destination, type Sender } from './pacs-retrieval.ts';

const HOST = '127.0.0.1';
const SUCCESS = 0x0000;
const SERVICES = new Set([VERIFICATION, STUDY_ROOT_FIND, STUDY_ROOT_MOVE, STUDY_ROOT_GET]);
const KINDS: ReadonlyMap<number | undefined, PacsRequest['kind']> = new Map([
  [COMMAND.findRequest, 'find'],
  [COMMAND.moveRequest, 'move'],
  [COMMAND.getRequest, 'get'],
]);

/** What it was asked. */
export interface PacsRequest {
  readonly kind: 'find' | 'move' | 'get';
  readonly level: string;
  /** By keyword, several values joined by `\`. */
  readonly keys: Readonly<Record<string, string>>;
  readonly identifier: Identifier;
  /** Of a C-MOVE. */
  readonly destination: string | undefined;
}

export interface ScriptedPacsOptions {
  readonly content: PacsContent;
  /** Not copied: who keeps it can change it. */
  readonly faults?: PacsFaults;
  /** By AE title; may be filled later. */
  readonly destinations?: ReadonlyMap<string, Destination>;
  readonly aeTitle?: string;
  /** 0: one that the system picks. */
  readonly port?: number;
}

/** Starts one, which ends with the test. */
export async function startScriptedPacs(
  t: { after(fn: () => unknown): void },
  options: ScriptedPacsOptions,
): Promise<ScriptedPacs> {
  const pacs = new ScriptedPacs(options);
  await pacs.begin();
  t.after(() => pacs.close());
  return pacs;
}

export class ScriptedPacs {
  readonly aeTitle: string;
  content: PacsContent;
  readonly destinations: ReadonlyMap<string, Destination>;
  faults: PacsFaults;
  /** What it was asked, in order. */
  readonly requests: PacsRequest[] = [];
  /** SOPInstanceUIDs in the order in which they were sent, one for each C-STORE. */
  readonly sent: string[] = [];
  readonly attempts = new Map<string, number>();
  readonly senders = new Set<Sender>();
  port: number;
  /** Associations that were accepted, those of them that stand, and those that were rejected as too many. */
  readonly associations = { all: 0, standing: 0, rejected: 0 };
  /** The most that stood at a time. */
  peakAssociations = 0;
  /** The most requests that were answered at a time, each over an association of its own; a C-ECHO is none. */
  peakRequests = 0;
  answering = 0;
  private readonly sockets = new Map<net.Socket, Association>();
  private server: net.Server | undefined;

  constructor({ content, faults = {}, destinations = new Map(), aeTitle = 'PACS', port = 0 }: ScriptedPacsOptions) {
    this.content = content;
    this.faults = faults;
    this.destinations = destinations;
    this.aeTitle = aeTitle;
    this.port = port;
  }

  /** Listens; again at the same port after `close`. */
  async begin(): Promise<void> {
    const server = net.createServer({ noDelay: true }, (socket) => {
      const association = Association.accept(socket, 'the peer', new PacsAssociation(this));
      this.sockets.set(socket, association);
      void association.closed.then(() => this.sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ host: HOST, port: this.port }, resolve);
    });
    this.server = server;
    this.port = (server.address() as net.AddressInfo).port;
  }

  /** Dies: whoever is connected loses the connection, and nobody listens. */
  async close(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    this.server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    const over = [...this.sockets.values()].map((association) => association.closed);
    for (const socket of this.sockets.keys()) socket.destroy();
    for (const sender of this.senders) sender.abort();
    await Promise.all([closed, ...over]);
  }

  /** Dies, and comes back after so many milliseconds. */
  async restart(milliseconds = 0): Promise<void> {
    await this.close();
    await sleep(milliseconds);
    await this.begin();
  }
}

class PacsAssociation implements Acceptor {
  private readonly pacs: ScriptedPacs;
  private requests: IdentifierRequests | undefined;
  private callingAETitle = '';

  constructor(pacs: ScriptedPacs) {
    this.pacs = pacs;
  }

  decide(request: AssociateRequest): AssociateAccept | AssociateReject {
    const { associations, aeTitle, faults } = this.pacs;
    // PS3.8 table 9-21: the called AE title is not known; the local limit is exceeded, for now.
    if (request.calledAETitle !== aeTitle) return { pdu: 'associate-reject', result: 1, source: 1, reason: 7 };
    if (associations.standing >= (faults.mostAssociations ?? Number.POSITIVE_INFINITY)) {
      associations.rejected++;
      return { pdu: 'associate-reject', result: 2, source: 3, reason: 2 };
    }
    this.callingAETitle = request.callingAETitle;
    // Only of whoever takes instances by C-GET.
    const roles = (request.roles ?? []).filter(({ SOPClassUID, isScp }) => isScp && isStorageClass(SOPClassUID));
    const gets = new Set(roles.map(({ SOPClassUID }) => SOPClassUID));
    const contexts = request.contexts.map(({ id, abstractSyntax, transferSyntaxes }) => {
      const sendable = transferSyntaxes.filter((uid) => !gets.has(abstractSyntax) || uid === EXPLICIT_VR_LITTLE_ENDIAN);
      return { id, abstractSyntax, transferSyntaxes: sendable };
    });
    const rule = (uid: string) => (SERVICES.has(uid) || gets.has(uid) ? 'taken' : 'unknown');
    const answers = answerContexts(contexts, rule, isStorageClass);
    return acceptance(
      request,
      answers,
      roles.map((role) => ({ ...role, isScu: false })),
    );
  }

  begin(association: Association): RequestTaker {
    const { pacs } = this;
    pacs.associations.all++;
    pacs.peakAssociations = Math.max(pacs.peakAssociations, ++pacs.associations.standing);
    const requests = new IdentifierRequests(
      association,
      (asked) => this.serve(asked, association),
      () => {},
    );
    this.requests = requests;
    return (contextId, command) => {
      const { CommandField } = command;
      if (CommandField === COMMAND.cancelRequest) requests.cancel(command.MessageIDBeingRespondedTo);
      else if (CommandField === COMMAND.echoRequest)
        void association.send(contextId, { ...responseTo(command), Status: SUCCESS }).catch(() => {});
      else if (KINDS.has(CommandField)) return requests.take(command, association.contexts.get(contextId)!);
      else throw new PduError('it sent a request that is not of this service');
      return undefined;
    };
  }

  ended(): void {
    // One that was rejected has not begun.
    if (this.requests === undefined) return;
    this.pacs.associations.standing--;
    this.requests.end();
  }

  private async serve(asked: Asked, association: Association): Promise<FinalAnswer> {
    const { pacs } = this;
    pacs.peakRequests = Math.max(pacs.peakRequests, ++pacs.answering);
    try {
      return await this.answer(asked, association);
    } finally {
      pacs.answering--;
    }
  }

  private answer(asked: Asked, association: Association): Promise<FinalAnswer> {
    const { command, identifier } = asked;
    const kind = KINDS.get(command.CommandField)!;
    const keys = keysOf(identifier);
    const level = keys['QueryRetrieveLevel'] ?? '';
    this.pacs.requests.push({ kind, level, keys, identifier, destination: command.MoveDestination });
    return kind === 'find'
      ? answerFind(asked, association, this.pacs)
      : answerRetrieval(asked, association, this.callingAETitle, this.pacs);
  }
}

function keysOf(identifier: Identifier): Record<string, string> {
  return Object.fromEntries(
    [...identifier].map(([tag, element]) => [
      keywordOfTag(tag) ?? tag.toString(16).padStart(8, '0'),
      'items' in element ? '' : element.values.join('\\'),
    ]),
  );
}
